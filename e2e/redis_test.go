package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestReadiness tells apart that the API is up and that work can be sent there.
func TestReadiness(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	t.Run("without workers", func(t *testing.T) {
		s.get(t, http.StatusOK, "/healthz")
		s.get(t, http.StatusServiceUnavailable, "/readyz")
	})
	t.Run("a deadline is kept", func(t *testing.T) {
		began := time.Now()
		agg := s.do(t, http.StatusOK, http.MethodPost, aggregations,
			object{"urls": []string{"https://example.com/"}, "deadline": "1s"}, "Prefer: wait=30").aggregation(t)
		if agg.Status != "failed" || agg.Reason != "deadline_exceeded" || agg.Results[0].code() != "deadline_exceeded" {
			t.Errorf("%+v", agg)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("a deadline of 1 s took %v", took)
		}
	})
	t.Run("what is accepted then is done later", func(t *testing.T) {
		u := newUpstream(t)
		agg := s.create(t, object{"urls": u.urls("/a", "/b")})
		if agg.Status != "queued" {
			t.Errorf("status = %s, and nobody is there to run it", agg.Status)
		}
		s.addWorker(t)
		wantPaths(t, s.finished(t, agg.ID), "/a", "/b")
		s.ready(t, 1)
	})
	t.Run("what is canceled before is never done", func(t *testing.T) {
		s.workers[0].stop(t)
		u := newUpstream(t)
		id := s.create(t, object{"urls": u.urls("/a", "/b")}).ID
		if p, _ := s.list(t, "?status=queued"); len(p.Items) != 1 || p.Items[0].ID != id {
			t.Errorf("listed as queued are %+v", p.Items)
		}
		agg := s.do(t, http.StatusOK, http.MethodPost, path(id, "/cancel"), nil).aggregation(t)
		if agg.Counts != (counts{Total: 2, Canceled: 2}) || agg.Results[0].Attempts != 0 {
			t.Errorf("canceled with %+v: %+v", agg.Counts, agg.Results)
		}
		s.addWorker(t)
		s.ready(t, 1)
		s.run(t, object{"urls": u.urls("/after")})
		if n := u.count(""); n != 1 {
			t.Errorf("%d requests were sent, want that of the next aggregation alone", n)
		}
	})
	t.Run("after the last worker has stopped", func(t *testing.T) {
		s.workers[1].stop(t)
		within(t, 2*time.Second, "it is not ready", func() bool {
			a, err := s.try(http.MethodGet, "/readyz", nil)
			return err == nil && a.status == http.StatusServiceUnavailable
		})
	})
	t.Run("after Redis is gone", func(t *testing.T) {
		s.redis.Kill()
		s.get(t, http.StatusOK, "/healthz")
		s.get(t, http.StatusServiceUnavailable, "/readyz")
		p := s.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, object{"urls": []string{"http://127.0.0.1:9/"}}).problem(t)
		if !strings.Contains(p.Detail, "nothing was accepted") {
			t.Errorf("detail = %q", p.Detail)
		}
		s.get(t, http.StatusServiceUnavailable, aggregations)
		s.get(t, http.StatusServiceUnavailable, path("agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"))
	})
}

// TestRedis_OutOfMemory has Redis refuse to write.
func TestRedis_OutOfMemory(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	u := newUpstream(t)
	id := s.create(t, object{"urls": u.urls("/a")}).ID
	rdb := s.connect(t)
	full := func(maxmemory string) {
		onEachMaster(t, rdb, func(ctx context.Context, master *redis.Client) error {
			return master.ConfigSet(ctx, "maxmemory", maxmemory).Err()
		})
	}
	full("1")
	s.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, object{"urls": u.urls("/b")})
	s.get(t, http.StatusOK, path(id))
	full("0")
	s.addWorker(t)
	wantPaths(t, s.finished(t, id), "/a")
	if p, _ := s.list(t, ""); len(p.Items) != 1 {
		t.Errorf("%d aggregations are listed, and one was accepted", len(p.Items))
	}
}

// TestRedis_Restarted has Redis go away for a while in the middle of everything.
func TestRedis_Restarted(t *testing.T) {
	t.Parallel()
	s := &system{redis: launchDurable(t)}
	s.addAPI(t, "--redis-url", s.redis.URL)
	s.addWorker(t)
	s.ready(t, 1)
	u := newUpstream(t)
	open := u.gate("/held")
	id := s.create(t, object{"urls": u.urls("/a", "/held", "/b"), "concurrency": 2}).ID
	u.sees(t, "/held", 1)
	events := s.follow(t, id, "")
	before, _ := events.results(1)
	s.redis.Kill()
	open() // its answer comes while it can't be recorded
	s.get(t, http.StatusServiceUnavailable, path(id))
	s.redis.Restart()
	wantPaths(t, s.finished(t, id), "/a", "/held", "/b")
	if n := u.count("/held"); n > 2 {
		t.Errorf("/held was fetched %d times", n)
	}
	after, last := s.follow(t, id, before[0].id).results(-1)
	wantAllResults(t, append(before, after...), 3)
	if last != "done" {
		t.Errorf("the last event is %q", last)
	}
}

// TestRedis_Paused has Redis hang for a while: connections stay, and nothing answers.
func TestRedis_Paused(t *testing.T) {
	t.Parallel()
	s := startLone(t)
	u := newUpstream(t)
	open := u.gate("/held")
	id := s.create(t, object{"urls": u.urls("/a", "/held", "/b"), "concurrency": 1}).ID
	u.sees(t, "/held", 1)
	s.redis.Pause()
	t.Cleanup(s.redis.Resume)
	open() // its answer comes while it can't be recorded
	began := time.Now()
	s.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, object{"urls": u.urls("/c")})
	s.get(t, http.StatusServiceUnavailable, "/readyz")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("two refusals took %v", took)
	}
	s.get(t, http.StatusOK, "/healthz")
	s.redis.Resume()
	wantPaths(t, s.finished(t, id), "/a", "/held", "/b")
	if p, _ := s.list(t, ""); len(p.Items) != 1 || u.count("/c") != 0 {
		t.Errorf("%d aggregations are listed, and one was accepted", len(p.Items))
	}
}

// TestRedis_SlowStart starts processes while Redis does not answer yet.
func TestRedis_SlowStart(t *testing.T) {
	t.Parallel()
	s := &system{redis: launchRedis(t)}
	binary(t, "api")
	s.redis.Pause()
	resume := time.AfterFunc(2500*time.Millisecond, s.redis.Resume)
	t.Cleanup(func() { resume.Stop() })
	s.addAPI(t, "--redis-url", s.redis.URL)
	s.addWorker(t)
	s.ready(t, 1)
}

// TestRedis_Gone stops processes whose Redis is not there any more.
func TestRedis_Gone(t *testing.T) {
	t.Parallel()
	s := startLone(t, "--stop-timeout", "1s")
	u := newUpstream(t)
	u.on("/never", u.never)
	id := s.create(t, object{"urls": u.urls("/never")}).ID
	u.sees(t, "/never", 1)
	s.follow(t, id, "")
	s.redis.Kill()
	for _, p := range s.processes() {
		p.stop(t)
	}
}

// TestRedis_ForgetsScripts has Redis forget the scripts all the time, as a new master has
// never seen them.
func TestRedis_ForgetsScripts(t *testing.T) {
	t.Parallel()
	s := startSeparate(t)
	rdb := s.connect(t)
	u := newUpstream(t)
	var ids []string
	urls := u.numbered("/", 50)
	for range 20 {
		ids = append(ids, s.create(t, object{"urls": urls}).ID)
	}
	large := s.create(t, object{"urls": u.numbered("/large/", 500)}).ID
	eventually(t, "all have ended", func() bool {
		onEachMaster(t, rdb, func(ctx context.Context, master *redis.Client) error { return master.ScriptFlush(ctx).Err() })
		return s.isFinished(t, large) && s.isFinished(t, ids[0]) && s.isFinished(t, ids[len(ids)-1])
	})
	for _, id := range ids {
		wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
	}
	if sent, want := u.count(""), 20*50+500; sent != want {
		t.Errorf("%d requests were sent, want %d", sent, want)
	}
}
