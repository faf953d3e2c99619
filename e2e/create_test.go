package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func testCreate(t *testing.T, s *system) {
	t.Run("without a wait it is accepted at once", func(t *testing.T) {
		u := newUpstream(t)
		open := u.gate("/held")
		a := s.do(t, http.StatusAccepted, http.MethodPost, aggregations, object{"urls": u.urls("/a", "/held", "/b")})
		agg := a.aggregation(t)
		if got := a.header.Get("Location"); got != path(agg.ID) {
			t.Errorf("Location = %q, want %q", got, path(agg.ID))
		}
		if got := a.header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After = %q, want 1", got)
		}
		if got := a.header.Get("Preference-Applied"); got != "" {
			t.Errorf("Preference-Applied = %q, and nothing was asked for", got)
		}
		if agg.finished() || agg.Counts.Total != 3 {
			t.Errorf("accepted as %s with %+v", agg.Status, agg.Counts)
		}
		u.sees(t, "/held", 1)
		open()
		wantPaths(t, s.finished(t, agg.ID), "/a", "/held", "/b")
		wantEachOnce(t, u, 3)
	})
	t.Run("a wait that is long enough gets the results", func(t *testing.T) {
		u := newUpstream(t)
		a := s.do(t, http.StatusOK, http.MethodPost, aggregations, object{"urls": u.urls("/a", "/b", "/c")}, "Prefer: wait=50")
		if got := a.header.Get("Preference-Applied"); got != "wait=50" {
			t.Errorf("Preference-Applied = %q, want wait=50", got)
		}
		agg := a.aggregation(t)
		agg.check(t)
		wantPaths(t, agg, "/a", "/b", "/c")
	})
	t.Run("a wait that is too short gets what there is", func(t *testing.T) {
		u := newUpstream(t)
		open := u.gate("/held")
		began := time.Now()
		agg := s.create(t, object{"urls": u.urls("/held")}, "Prefer: wait=1")
		if took := time.Since(began); took < time.Second {
			t.Errorf("answered after %v, before the wait was over", took)
		}
		if agg.finished() {
			t.Errorf("status = %s, though its only item waits", agg.Status)
		}
		open()
		s.finished(t, agg.ID)
	})
	t.Run("a wait over the maximum is cut and not refused", func(t *testing.T) {
		u := newUpstream(t)
		a := s.do(t, http.StatusOK, http.MethodPost, aggregations, object{"urls": u.urls("/a")}, "Prefer: wait=86400")
		if got := a.header.Get("Preference-Applied"); got != "wait=60" {
			t.Errorf("Preference-Applied = %q, want wait=60", got)
		}
	})
	t.Run("respond-async is 202", func(t *testing.T) {
		u := newUpstream(t)
		s.finished(t, s.create(t, object{"urls": u.urls("/a")}, "Prefer: respond-async").ID)
	})
	t.Run("requests and urls are two ways to say the same", func(t *testing.T) {
		u := newUpstream(t)
		agg := s.run(t, object{
			"name":   "the client's own",
			"labels": object{"team": "search", "app.kubernetes.io/name": "x"},
			"requests": []object{
				{"url": u.URL + "/a", "key": "first"},
				{"url": u.URL + "/b?x=1", "method": "get", "key": "second"},
			},
			"priority": "high", "concurrency": 2, "deadline": "1m", "retention": "1h",
		})
		wantPaths(t, agg, "/a", "/b")
		if *agg.Name != "the client's own" || len(agg.Labels) != 2 || agg.Labels["app.kubernetes.io/name"] != "x" {
			t.Errorf("name = %q, labels = %v", *agg.Name, agg.Labels)
		}
		if r := agg.Results[1]; r.Key != "second" || r.URL != u.URL+"/b?x=1" || r.Attempts != 1 || r.ContentType != "application/json" {
			t.Errorf("result 1 = %+v", r)
		}
	})
	t.Run("every priority is served", func(t *testing.T) {
		u := newUpstream(t)
		for _, priority := range []string{"high", "default", "low"} {
			wantPaths(t, s.run(t, object{"urls": u.urls("/a"), "priority": priority}), "/a")
		}
	})
}

// wantPaths wants every item succeeded, with the upstream's paths as bodies, in this order.
func wantPaths(tb testing.TB, agg *aggregation, paths ...string) {
	tb.Helper()
	if agg.Status != "succeeded" || len(agg.Results) != len(paths) {
		tb.Fatalf("%s is %s with %d results, want succeeded with %d: %+v", agg.ID, agg.Status, len(agg.Results), len(paths), agg.Results)
	}
	for i, p := range paths {
		if want := `{"path":"` + p + `"}`; string(agg.Results[i].Body) != want {
			tb.Errorf("body of result %d = %s, want %s", i, agg.Results[i].Body, want)
		}
	}
}

// wantEachOnce wants n paths to have been fetched, each once.
func wantEachOnce(tb testing.TB, u *upstream, n int) {
	tb.Helper()
	counts := u.counts()
	if len(counts) != n {
		tb.Errorf("%d paths were fetched, want %d", len(counts), n)
	}
	for p, count := range counts {
		if count != 1 {
			tb.Errorf("%s was fetched %d times", p, count)
		}
	}
}

// pathsOf are the paths of addresses of the upstream.
func pathsOf(u *upstream, urls []string) []string {
	paths := make([]string, len(urls))
	for i := range urls {
		paths[i] = strings.TrimPrefix(urls[i], u.URL)
	}
	return paths
}
