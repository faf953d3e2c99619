package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"gather/internal/redistest"
	"gather/store"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&redisLogger{quiet})
	goleak.VerifyTestMain(m)
}

// patience is how long anything may take, on a busy machine too.
const patience = time.Minute

var quiet = slog.New(slog.DiscardHandler)

// parse reads arguments as the API does.
func parse(t *testing.T, args ...string) (o APIOptions, err error) {
	t.Helper()
	parser, err := kong.New(&o, kong.Vars{"redis_url_unset": ""})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"--listen=127.0.0.1:0", "--stop-timeout=0s"}, args...))
	return o, err
}

func mustParse(t *testing.T, args ...string) APIOptions {
	t.Helper()
	o, err := parse(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func keyOf(c string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32))) }

// TestAPI_embedded starts and stops all that there is. What it leaves running fails TestMain.
func TestAPI_embedded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	api, err := NewAPI(ctx, mustParse(t, "--secret-key", keyOf("a")), quiet)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve() }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer := func(method, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, method, "http://"+api.Addr()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Prefer", "wait=30")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
		}
		return string(text)
	}
	if got := answer("POST", "/v1/aggregations", `{"urls":["http://`+api.Addr()+`/api/?delay_ms=1&task_id=7"]}`); !strings.Contains(got, `"task_id":"7"`) {
		t.Errorf("answered %s", got)
	}
	api.Stop()
	api.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestNew_fails starts what can't start: it must leave nothing behind, and say why.
func TestNew_fails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	url := redistest.Start(t)
	sealed, err := NewAPI(t.Context(), mustParse(t, "--redis-url", url, "--secret-key", keyOf("a")), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sealed.Stop)
	t.Run("an API whose port is taken", func(t *testing.T) {
		if _, err := NewAPI(t.Context(), mustParse(t, "--listen", taken.Addr().String()), quiet); err == nil {
			t.Error("it starts")
		}
	})
	t.Run("an API without the key", func(t *testing.T) {
		if _, err := NewAPI(t.Context(), mustParse(t, "--redis-url", url), quiet); !errors.Is(err, store.ErrKeyMissing) {
			t.Errorf("error %v, want %v", err, store.ErrKeyMissing)
		}
	})
	t.Run("a worker with another key", func(t *testing.T) {
		o := mustParse(t, "--redis-url", url, "--secret-key", keyOf("b"))
		if _, err := NewWorker(t.Context(), &WorkerOptions{Common: o.Common, WorkerFlags: o.WorkerFlags}, quiet); !errors.Is(err, store.ErrKeyMissing) {
			t.Errorf("error %v, want %v", err, store.ErrKeyMissing)
		}
	})
	t.Run("a worker without Redis", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		o := mustParse(t, "--redis-url", "redis://127.0.0.1:1")
		if _, err := NewWorker(ctx, &WorkerOptions{Common: o.Common, WorkerFlags: o.WorkerFlags}, quiet); err == nil {
			t.Error("it starts")
		}
	})
}

func TestOptions_secretKey(t *testing.T) {
	old, young := keyOf("a"), keyOf("b")
	if o := mustParse(t, "--secret-key", young+","+old); len(o.SecretKey) != 2 || o.SecretKey[0] != young {
		t.Errorf("read %q", o.SecretKey)
	}
	for _, bad := range []string{"hunter2", old + ",hunter2", old + "," + old, old[:40]} {
		_, err := parse(t, "--secret-key", bad)
		if err == nil || !strings.Contains(err.Error(), "--secret-key") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), old[:40]) {
			t.Errorf("%q: error %v, want one that names the flag and repeats no key", bad, err)
		}
	}
}

func TestRedisLogger(t *testing.T) {
	var log bytes.Buffer
	l := &redisLogger{slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	l.Printf(t.Context(), "push: error: %v", errors.New(`redis: can't parse reply="{\"a\":\"hunter2\"}" reading string`))
	if got := log.String(); strings.Contains(got, "hunter2") || !strings.Contains(got, "can't parse reply=") {
		t.Errorf("%s", got)
	}
}

// TestNew_warnsOfEviction has API and worker say at their start what /readyz says.
func TestNew_warnsOfEviction(t *testing.T) {
	for policy, wanted := range map[string]bool{"noeviction": false, "allkeys-lru": true} {
		url := redistest.Start(t, "maxmemory-policy "+policy)
		for name, build := range map[string]func(log *slog.Logger) (stop func(), err error){
			"api": func(log *slog.Logger) (func(), error) {
				api, err := NewAPI(t.Context(), mustParse(t, "--redis-url", url), log)
				return api.Stop, err
			},
			"worker": func(log *slog.Logger) (func(), error) {
				worker, err := NewWorker(t.Context(), &WorkerOptions{Common: Common{RedisURL: url}, WorkerFlags: WorkerFlags{Concurrency: 1, MaxBody: 1 << 10}}, log)
				if err != nil {
					return nil, err
				}
				if err := worker.Start(); err != nil {
					return nil, err
				}
				return worker.Stop, nil
			},
		} {
			var text bytes.Buffer
			stop, err := build(slog.New(slog.NewTextHandler(&text, nil)))
			if err != nil {
				t.Fatal(err)
			}
			stop()
			warned := strings.Contains(text.String(), "level=WARN") && strings.Contains(text.String(), "set maxmemory-policy noeviction")
			if warned != wanted {
				t.Errorf("%s on a Redis with %s says %q", name, policy, text.String())
			}
		}
	}
}
