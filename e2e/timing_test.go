package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// retryAfter refuses with a Retry-After header.
func retryAfter(value string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", value)
		w.WriteHeader(status)
	}
}

func testTiming(t *testing.T, s *system) {
	t.Run("Retry-After is honored", func(t *testing.T) {
		u := newUpstream(t)
		date := time.Now().Add(3 * time.Second).UTC().Truncate(time.Second)
		u.on("/1s", first(1, retryAfter("1", http.StatusTooManyRequests), ok))
		u.on("/2s", first(1, retryAfter("2", http.StatusServiceUnavailable), ok))
		u.on("/date", first(1, retryAfter(date.Format(http.TimeFormat), http.StatusServiceUnavailable), ok))
		wantPaths(t, s.run(t, object{"urls": u.urls("/1s", "/2s", "/date")}), "/1s", "/2s", "/date")
		for p, least := range map[string]time.Duration{"/1s": time.Second, "/2s": 2 * time.Second} {
			if gap := u.pause(t, p, 0); gap < least || gap > least+patience/4 {
				t.Errorf("%s was asked again after %v, want %v or a little more", p, gap, least)
			}
		}
		if again := u.requests("/date")[1].arrived; again.Before(date) {
			t.Errorf("asked again at %v, want from %v on", again, date)
		}
	})
	t.Run("backoff stays within its bounds", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/broken", fails(http.StatusBadGateway))
		agg := s.run(t, object{"requests": []object{
			{"url": u.URL + "/broken", "retry": object{"max_attempts": 4, "min_backoff": "150ms", "max_backoff": "250ms"}},
		}})
		if r := &agg.Results[0]; r.Attempts != 4 || r.HTTPStatus != http.StatusBadGateway || r.ElapsedMS < 450 {
			t.Errorf("result = %+v", r)
		}
		for i := range 3 {
			if gap := u.pause(t, "/broken", i); gap < 150*time.Millisecond || gap > patience/4 {
				t.Errorf("pause %d was %v", i, gap)
			}
		}
	})
	t.Run("an attempt ends with its timeout", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/never", u.never)
		u.on("/drips", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("the first part"))
			_ = http.NewResponseController(w).Flush()
			u.never(w, r)
		})
		once := object{"max_attempts": 1}
		agg := s.run(t, object{"requests": []object{
			{"url": u.URL + "/never", "timeout": "250ms", "retry": once},
			{"url": u.URL + "/drips", "timeout": "250ms", "retry": once},
			{"url": u.URL + "/a", "timeout": "20s"},
		}})
		for i := range 2 {
			if r := &agg.Results[i]; r.code() != "http_response_timeout" || r.Attempts != 1 || r.ElapsedMS < 250 {
				t.Errorf("result %d = %+v, %+v", i, r, r.Error)
			}
		}
		if agg.Status != "partial" || agg.Results[1].HTTPStatus != http.StatusOK || !strings.Contains(agg.Results[1].text(t), "first part") {
			t.Errorf("%s, and what came of the answer is %+v", agg.Status, agg.Results[1])
		}
		eventually(t, "both requests are aborted", func() bool { _, _, gone := u.load(); return gone == 2 })
	})
}

// pause is the time between the answer to request i for the path and the next one.
func (u *upstream) pause(tb testing.TB, path string, i int) time.Duration {
	tb.Helper()
	seen := u.requests(path)
	if len(seen) < i+2 {
		tb.Fatalf("%s was fetched %d times", path, len(seen))
	}
	return seen[i+1].arrived.Sub(seen[i].answered)
}

// overdue is how much later than its deadline an aggregation may end.
const overdue = time.Second

func testDeadline(t *testing.T, s *system) {
	for name, c := range map[string]struct {
		paths       []string
		concurrency int
		status      string
		counts      counts
		attempts    []int
	}{
		"with some results it is partial": {[]string{"/a", "/never", "/b"}, 0, "partial", counts{Total: 3, Succeeded: 2, Failed: 1}, []int{1, 1, 1}},
		"without any it is failed":        {[]string{"/never", "/a"}, 1, "failed", counts{Total: 2, Failed: 2}, []int{1, 0}},
		"it cuts a wait for an attempt":   {[]string{"/later"}, 0, "failed", counts{Total: 1, Failed: 1}, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			u.on("/never", u.never)
			u.on("/later", retryAfter("50", http.StatusServiceUnavailable))
			// What a busy machine can't do within one deadline it can within a longer one.
			for deadline := 700 * time.Millisecond; ; deadline *= 2 {
				agg := s.run(t, object{"urls": u.urls(c.paths...), "concurrency": c.concurrency, "deadline": deadline.String()})
				took := time.Duration(agg.ElapsedMS * float64(time.Millisecond))
				if took < deadline || agg.Reason != "deadline_exceeded" {
					t.Fatalf("ended after %v of %v for the reason %q", took, deadline, agg.Reason)
				}
				wantOverdue(t, agg)
				var attempts []int
				for i := range agg.Results {
					attempts = append(attempts, agg.Results[i].Attempts)
				}
				if agg.Status == c.status && agg.Counts == c.counts && slices.Equal(attempts, c.attempts) && took <= deadline+overdue {
					break
				}
				if deadline > patience/8 {
					t.Fatalf("%s after %v of %v with %+v after %v attempts", agg.Status, took, deadline, agg.Counts, attempts)
				}
			}
			eventually(t, "nothing is in flight any more", func() bool { inFlight, _, _ := u.load(); return inFlight == 0 })
		})
	}
}

// wantOverdue wants all failures to be the deadline's.
func wantOverdue(t *testing.T, agg *aggregation) {
	t.Helper()
	for i := range agg.Results {
		if r := &agg.Results[i]; r.Status != "succeeded" && r.code() != "deadline_exceeded" {
			t.Errorf("result %d is %s with %+v", i, r.Status, r.Error)
		}
	}
}

func testRetention(t *testing.T, s *system) {
	u := newUpstream(t)
	agg := s.run(t, object{"urls": u.urls("/a"), "retention": "1s"})
	expires := instant(t, agg.ExpiresAt)
	eventually(t, "it is gone", func() bool {
		a, err := s.try(http.MethodGet, path(agg.ID), nil)
		return err == nil && a.status == http.StatusNotFound
	})
	if now := time.Now(); now.Before(expires) {
		t.Errorf("gone at %v, which is before %v", now, expires)
	}
	s.get(t, http.StatusNotFound, path(agg.ID, "/results"))
	s.get(t, http.StatusNotFound, path(agg.ID, "/events"))
	s.wantNoTrace(t, agg.ID, shared)
}
