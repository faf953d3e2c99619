package e2e

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func testOrder(t *testing.T, s *system) {
	t.Run("concurrency 1 is one after another in input order", func(t *testing.T) {
		u := newUpstream(t)
		urls := u.numbered("/", 12)
		for _, p := range pathsOf(u, urls) {
			u.on(p, u.slow(5*time.Millisecond))
		}
		wantPaths(t, s.run(t, object{"urls": urls, "concurrency": 1}), pathsOf(u, urls)...)
		if _, peak, _ := u.load(); peak != 1 {
			t.Errorf("%d requests were in flight at the same time", peak)
		}
		for i, seen := range u.requests("") {
			if want := pathsOf(u, urls)[i]; seen.path != want {
				t.Errorf("request %d was for %s, want %s", i, seen.path, want)
			}
		}
	})
	t.Run("concurrency 3 is never more than 3", func(t *testing.T) {
		u := newUpstream(t)
		urls := u.numbered("/", 30)
		for _, p := range pathsOf(u, urls) {
			u.on(p, u.slow(20*time.Millisecond))
		}
		wantPaths(t, s.run(t, object{"urls": urls, "concurrency": 3}), pathsOf(u, urls)...)
		if _, peak, _ := u.load(); peak < 2 || peak > 3 {
			t.Errorf("%d requests were in flight at the same time, want up to 3", peak)
		}
		wantEachOnce(t, u, 30)
	})
	t.Run("an item that waits for its next attempt keeps its place", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/0", first(2, retryAfter("1", 503), ok))
		agg := s.run(t, object{"urls": u.numbered("/", 3), "concurrency": 1})
		wantPaths(t, agg, "/0", "/1", "/2")
		for i, want := range []string{"/0", "/0", "/0", "/1", "/2"} {
			if got := u.requests("")[i].path; got != want {
				t.Errorf("request %d was for %s, want %s", i, got, want)
			}
		}
	})
}

// TestWorker_Concurrency bounds what one worker has in flight, over all aggregations.
func TestWorker_Concurrency(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{{"embedded", startEmbedded}, {"separate", startLone}} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := m.start(t, "--concurrency", "2")
			u := newUpstream(t)
			urls := u.numbered("/", 10)
			for _, p := range pathsOf(u, urls) {
				u.on(p, u.slow(20*time.Millisecond))
			}
			ids := []string{s.create(t, object{"urls": urls}).ID, s.create(t, object{"urls": urls}).ID}
			for _, id := range ids {
				wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
			}
			if _, peak, _ := u.load(); peak > 2 {
				t.Errorf("%d requests were in flight at the same time, want up to 2", peak)
			}
		})
	}
}

// startLone runs a Redis, an API and one worker with the flags.
func startLone(tb testing.TB, flags ...string) *system {
	tb.Helper()
	s := startBare(tb)
	s.addWorker(tb, flags...)
	s.ready(tb, 1)
	return s
}

// TestWorker_Limits gives a worker a small body limit, and one port to reach.
func TestWorker_Limits(t *testing.T) {
	t.Parallel()
	u, other := newUpstream(t), newUpstream(t)
	u.on("/long", answerWith(200, "text/plain", bytes.Repeat([]byte("x"), 3000)))
	s := startBare(t)
	start(t, "worker", nil, "--redis-url", s.redis.URL, "--max-body", "2KiB", "--allow-net", strings.TrimPrefix(u.URL, "http://"))
	s.ready(t, 1)
	agg := s.run(t, object{"urls": []string{u.URL + "/long", other.URL + "/"}})
	if r := &agg.Results[0]; !r.Truncated || len(r.text(t)) != 2048 {
		t.Errorf("truncated = %v, %d bytes, want 2048", r.Truncated, len(r.text(t)))
	}
	if r := &agg.Results[1]; r.code() != "destination_ip_prohibited" || other.count("") != 0 {
		t.Errorf("another port of the same address: %+v", r)
	}
}
