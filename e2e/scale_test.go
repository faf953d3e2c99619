package e2e

import (
	"testing"
	"time"
)

// many is the number of items of a large aggregation.
const many = 1000

// newBusyUpstream answers many paths after 50 ms each.
func newBusyUpstream(tb testing.TB) (u *upstream, urls []string) {
	u = newUpstream(tb)
	urls = u.numbered("/", many)
	for _, p := range pathsOf(u, urls) {
		u.on(p, u.slow(50*time.Millisecond))
	}
	return u, urls
}

// TestScale runs a large aggregation on three workers, and loses one of them.
func TestScale(t *testing.T) {
	s := startSeparate(t, "--concurrency", "40")
	s.addWorker(t, "--concurrency", "40")
	s.ready(t, 3)

	t.Run("every item comes back once and in order", func(t *testing.T) {
		u, urls := newBusyUpstream(t)
		wantPaths(t, s.run(t, object{"urls": urls}), pathsOf(u, urls)...)
		wantEachOnce(t, u, many)
	})
	t.Run("as many as can be are accepted and come back", func(t *testing.T) {
		n := 10_000
		if raceEnabled {
			n = 3000 // the rest would take half a minute
		}
		u := newUpstream(t)
		urls := u.numbered("/", n)
		wantPaths(t, s.run(t, object{"urls": urls}), pathsOf(u, urls)...)
		wantEachOnce(t, u, len(urls))
	})
	t.Run("a small one is not held up by a large one", func(t *testing.T) {
		u, urls := newBusyUpstream(t)
		large := s.create(t, object{"urls": urls}).ID
		u.sees(t, "", 100)
		small := newUpstream(t)
		wantPaths(t, s.run(t, object{"urls": small.urls("/a", "/b", "/c"), "priority": "high"}), "/a", "/b", "/c")
		if seen := u.count(""); seen == many {
			t.Error("the large one had ended before it")
		}
		wantPaths(t, s.finished(t, large), pathsOf(u, urls)...)
	})
	t.Run("a worker that is stopped takes nothing with it", func(t *testing.T) {
		u, urls := newBusyUpstream(t)
		id := s.create(t, object{"urls": urls}).ID
		u.sees(t, "", many/3)
		s.workers[2].stop(t)
		wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
		wantEachOnce(t, u, many)
	})
	t.Run("a worker that is killed takes nothing with it", func(t *testing.T) {
		u, urls := newBusyUpstream(t)
		requests := make([]object, many)
		for i := range requests {
			requests[i] = object{"url": urls[i], "timeout": "2s"}
		}
		id := s.create(t, object{"requests": requests}).ID
		u.sees(t, "", many/2)
		s.workers[1].kill()
		wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
		if n := len(u.counts()); n != many {
			t.Errorf("%d paths were fetched, want %d", n, many)
		}
	})
}
