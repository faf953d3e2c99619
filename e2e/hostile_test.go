package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gather/internal/hostile"
)

// TestHostile has one aggregation fetch from every upstream that misbehaves, all at
// once, and holds the worker to the outcome of each, to the time, and to its memory.
func TestHostile(t *testing.T) {
	t.Parallel()
	const (
		attempt = 5 * time.Second  // what an upstream may hold an attempt up for
		bound   = 30 * time.Second // for all of them, on a busy machine
	)
	ca := hostile.NewCA(t)
	s := startBare(t)
	worker := start(t, "worker", []string{"SSL_CERT_FILE=" + ca.File(t)},
		"--redis-url", s.redis.URL, "--allow-net", loopback, "--log-format", "json", "--log-level", "debug")
	s.ready(t, 1)

	upstreams := hostile.Upstreams()
	requests := make([]object, len(upstreams))
	for i, u := range upstreams {
		requests[i] = object{"url": u.Start(t, ca), "key": u.Name, "retry": object{"max_attempts": 1}, "timeout": patience.String()}
		if u.Want.Lasts {
			requests[i]["timeout"] = attempt.String()
		}
	}
	before := worker.peakMemory(t)
	agg := s.run(t, object{"requests": requests})
	grown := worker.peakMemory(t) - before
	t.Logf("%d upstreams took %.0f ms, and the worker %d KiB on top of %d", len(upstreams), agg.ElapsedMS, grown, before)

	for i := range agg.Results {
		r, want := &agg.Results[i], upstreams[i].Want
		got := hostile.Outcome{Code: r.code(), HTTPStatus: r.HTTPStatus, Truncated: r.Truncated, Lasts: want.Lasts}
		if got != want {
			t.Errorf("%s: %+v, want %+v: %+v", r.Key, got, want, r.Error)
		}
		if r.Error != nil && strings.Contains(r.Error.Message, hostile.Marker) {
			t.Errorf("%s: the message repeats the upstream's words: %s", r.Key, r.Error.Message)
		}
	}
	if agg.ElapsedMS > float64(bound.Milliseconds()) {
		t.Errorf("it took %.0f ms, want at most %v", agg.ElapsedMS, bound)
	}
	if most := mostGrown(); grown > most {
		t.Errorf("the worker took %d KiB on top of %d, want at most %d", grown, before, most)
	}
	worker.stop(t)
	wantCleanLog(t, worker.stderr.String())
}

// mostGrown is by how many KiB all upstreams together may make a worker grow.
func mostGrown() int {
	if raceEnabled {
		return 1 << 20 // the race detector keeps a shadow of everything
	}
	return 200 << 10
}

// wantCleanLog wants nothing but lines of JSON, without a word of the upstreams.
func wantCleanLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) || strings.Contains(line, hostile.Marker) {
			t.Errorf("the worker logs %.300q", line)
		}
	}
}
