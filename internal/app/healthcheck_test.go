package app

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gather/internal/redistest"
)

// check runs a command that is to end by itself.
func check(run func(args []string, stdout, stderr *bytes.Buffer) int, args ...string) (code int, says string) {
	var stdout, stderr bytes.Buffer
	code = run(args, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

func checkOfAPI(args ...string) (code int, says string) {
	return check(func(args []string, stdout, stderr *bytes.Buffer) int { return RunAPI(args, stdout, stderr) }, args...)
}

func checkOfWorker(args ...string) (code int, says string) {
	return check(func(args []string, stdout, stderr *bytes.Buffer) int { return RunWorker(args, stdout, stderr) }, args...)
}

func TestHealthcheck_api(t *testing.T) {
	status := http.StatusOK
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("it asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer api.Close()
	_, port, _ := strings.Cut(api.Listener.Addr().String(), ":")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // must not stand in between
	for _, listen := range []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		t.Setenv("GATHER_LISTEN", listen)
		if code, says := checkOfAPI("--healthcheck"); code != exitOK || says != "" {
			t.Errorf("%s: code %d, %q, want 0 and nothing", listen, code, says)
		}
	}
	status = http.StatusServiceUnavailable
	if code, says := checkOfAPI("--healthcheck"); code != exitFailed || !strings.Contains(says, "503") {
		t.Errorf("code %d, %q, want 1 and the status", code, says)
	}
	api.Close()
	if code, says := checkOfAPI("--healthcheck"); code != exitFailed || !strings.Contains(says, "refused") {
		t.Errorf("code %d, %q, want 1 and why", code, says)
	}
	if code, says := checkOfAPI("--healthcheck", "--listen=x"); code != exitUsage || !strings.Contains(says, "--listen") {
		t.Errorf("code %d, %q, want 2 and what is wrong", code, says)
	}
}

func TestHealthcheck_worker(t *testing.T) {
	url := redistest.Start(t)
	t.Setenv("GATHER_REDIS_URL", url)
	if code, says := checkOfWorker("--healthcheck"); code != exitFailed || !strings.Contains(says, "has not heard of a worker") {
		t.Errorf("code %d, %q, want 1 and that there is no worker", code, says)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	worker, err := NewWorker(ctx, &WorkerOptions{Common: Common{RedisURL: url}, WorkerFlags: WorkerFlags{Concurrency: 1, MaxBody: 1 << 20}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Stop()
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	code, says := exitFailed, ""
	for code != exitOK && ctx.Err() == nil { // until its first heartbeat
		code, says = checkOfWorker("--healthcheck")
	}
	if code != exitOK || says != "" {
		t.Errorf("code %d, %q, want 0 and nothing", code, says)
	}
	worker.Stop()
	if code, says = checkOfWorker("--healthcheck"); code != exitFailed {
		t.Errorf("code %d, %q after the worker has left, want 1", code, says)
	}
	if code, says = checkOfWorker("--healthcheck", "--redis-url", "redis://user:hidden@127.0.0.1:1"); code != exitFailed || strings.Contains(says, "hidden") {
		t.Errorf("code %d, %q, want 1 and no password", code, says)
	}
}
