package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestSecrets has canaries go through everything that can happen to an aggregation,
// and to the processes, and then looks for them wherever anyone can look.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flags  []string
		sealed bool
	}{
		"in the open": {[]string{"--log-format", "text"}, false},
		"sealed":      {[]string{"--log-format", "json", "--secret-key", newKey()}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWatched(t, c.flags...)
			w.sealed = c.sealed
			t.Run("every end of an item", w.testEnds)
			t.Run("a batch", w.testBatch)
			t.Run("queued, canceled, retried, deleted", w.testChanges)
			t.Run("bad requests", w.testRefused)
			t.Run("stored requests that are broken", w.testBroken)
			t.Run("a crash of a worker", w.testCrash)
			t.Run("Redis is full, and goes away", w.testOutage)
			w.readAll(t)
			if c.sealed {
				w.wantDiskSilent(t, w.canaries)
			}
			for _, p := range w.processes() {
				if p.running() {
					p.stop(t)
				}
			}
			w.answers.wantSilent(t, w.canaries)
			w.commands.wantSilent(t, w.canaries, c.sealed)
			w.wantRedisSilent(t, w.canaries, c.sealed)
			w.wantLogsSilent(t, w.canaries)
			w.wantTracesSilent(t)
		})
	}
}

// newKey is a key to seal with.
func newKey() string {
	return base64.StdEncoding.EncodeToString([]byte(newCanaries().header + strings.Repeat("x", 32))[:32])
}

// watched is a system, everything of which is watched.
type watched struct {
	*system
	*canaries
	whole    *testing.T // what the processes live as long as
	u        *upstream
	flags    []string
	sealed   bool
	traces   *otlp
	answers  *recording
	commands *monitor
	ids      []string
}

func startWatched(t *testing.T, flags ...string) *watched {
	t.Helper()
	w := &watched{canaries: newCanaries(), whole: t, u: newUpstream(t), traces: newOTLP(t)}
	w.system = &system{redis: launchDurable(t), env: w.traces.env()}
	w.flags = flags
	w.commands = w.startMonitor(t)
	w.addAPI(t, append([]string{"--redis-url", w.redis.URL, "--api-keys", "owner:" + w.apiKey, "--rate-limit", "100000", "--max-open", "100"}, flags...)...)
	w.answers = w.record()
	w.client = w.with(w.apiKey)
	w.worker()
	w.worker()
	w.ready(t, 2)
	return w
}

func (w *watched) worker() *process {
	return w.addWorker(w.whole, append([]string{"--metrics-listen", "127.0.0.1:0"}, w.flags...)...)
}

// accept creates an aggregation of the requests.
func (w *watched) accept(t *testing.T, spec object) string {
	t.Helper()
	id := w.create(t, spec, "Idempotency-Key: "+w.idempotency+fmt.Sprint(len(w.ids)), "X-Request-Id: see "+w.stray).ID
	w.ids = append(w.ids, id)
	return id
}

// readAll reads everything that can be read, in every form.
func (w *watched) readAll(t *testing.T) {
	t.Helper()
	for _, id := range w.ids {
		a, err := w.try(http.MethodGet, path(id), nil)
		if err != nil || a.status == http.StatusNotFound {
			continue // it was deleted
		}
		w.get(t, http.StatusOK, path(id, "?results=false"))
		w.get(t, http.StatusOK, path(id, "/results"), ndjson)
		w.get(t, http.StatusOK, path(id, "/results?follow=true"), ndjson)
		if _, last := w.follow(t, id, "").results(-1); last != "done" {
			t.Errorf("the events of %s end with %q", id, last)
		}
	}
	for _, query := range []string{"", "?limit=1", "?status=partial", "?status=failed"} {
		w.list(t, query)
	}
	for _, p := range []string{"/healthz", "/readyz", "/openapi.json", "/metrics", "/docs", "/"} {
		if _, err := w.try(http.MethodGet, p, nil); err != nil {
			t.Error(err)
		}
	}
	w.monitored(t)
	for _, s := range w.scrapeAll(t) {
		if found := w.all(s.text); found != nil {
			t.Errorf("%q is in the metrics:\n%s", found, s.text)
		}
	}
}

// wantTracesSilent wants no canary in any span.
func (w *watched) wantTracesSilent(tb testing.TB) {
	tb.Helper()
	said := w.traces.said()
	for line := range strings.Lines(said) {
		if found := w.all(line); found != nil {
			tb.Errorf("%q is in a span: %.2000s", found, line)
		}
	}
	if !strings.Contains(said, "http.request.resend_count") {
		tb.Error("no span is of an attempt again: there is nothing to look at")
	}
}
