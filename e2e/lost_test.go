package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gather/internal/redistest"
)

// runsOn runs an API and a worker on the Redis.
func runsOn(t *testing.T, set *redistest.Set) *system {
	t.Helper()
	s := &system{redis: set}
	s.addAPI(t, "--redis-url", set.URL)
	s.addWorker(t)
	s.ready(t, 1)
	return s
}

// TestSentinel_LostAccepted loses an aggregation that was accepted, since no replica had it.
func TestSentinel_LostAccepted(t *testing.T) {
	t.Parallel()
	redis := redistest.LaunchSentinel(t, gone)
	s := &system{redis: &redis.Set}
	s.addAPI(t, "--redis-url", redis.URL)
	u := newUpstream(t)
	var lost string
	const key = "Idempotency-Key: the same"
	redis.Master().Lose(redis.Replicas(), func() { lost = s.create(t, object{"urls": u.urls("/lost")}, key).ID })
	eventually(t, "nothing is left of it", func() bool {
		a, err := s.try(http.MethodGet, path(lost), nil)
		return err == nil && a.status == http.StatusNotFound
	})
	if listed := s.listAll(t); len(listed) != 0 {
		t.Errorf("listed are %v", listed)
	}
	s.addWorker(t)
	s.ready(t, 1)
	if again := s.create(t, object{"urls": u.urls("/again")}, key); again.ID == lost {
		t.Errorf("it is said to be %s", lost)
	} else {
		wantPaths(t, s.finished(t, again.ID), "/again")
	}
	if n := u.count("/lost"); n != 0 {
		t.Errorf("/lost was fetched %d times", n)
	}
}

// TestSentinel_LostProgress loses what was recorded of an aggregation that runs.
func TestSentinel_LostProgress(t *testing.T) {
	t.Parallel()
	redis := redistest.LaunchSentinel(t, gone)
	testLostProgress(t, &redis.Set, func(string) (*redistest.Server, []*redistest.Server) { return redis.Master(), redis.Replicas() }, true)
}

// TestCluster_LostProgress loses what one of the masters knew of an aggregation that runs; the
// others know what came of it.
func TestCluster_LostProgress(t *testing.T) {
	t.Parallel()
	for what, key := range map[string]string{
		"the aggregation":      "gather:{%s}",
		"the queue of fetches": "asynq:{fetch-default}:pending",
		"the schedule":         "gather:{all}:schedule",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := redistest.LaunchCluster(t, gone)
			testLostProgress(t, &c.Set, func(id string) (*redistest.Server, []*redistest.Server) {
				if what == "the aggregation" {
					key = fmt.Sprintf(key, id)
				}
				return c.Master(key), []*redistest.Server{c.Replica(key)}
			}, what == "the aggregation")
		})
	}
}

// testLostProgress has a master fail with what it knows of a part of the items. All of them
// come back, those that are lost by another request.
func testLostProgress(t *testing.T, set *redistest.Set, of func(id string) (master *redistest.Server, replicas []*redistest.Server), repeats bool) {
	const n, lost = 100, 20
	s := runsOn(t, set)
	u := newUpstream(t)
	urls := u.numbered("/", n)
	requests := make([]object, n)
	for i, p := range pathsOf(u, urls) {
		u.on(p, u.slow(50*time.Millisecond))
		requests[i] = object{"url": urls[i], "timeout": "2s"}
	}
	id := s.create(t, object{"requests": requests, "concurrency": 2}).ID
	events := s.follow(t, id, "")
	u.sees(t, "", lost)
	master, replicas := of(id)
	master.Lose(replicas, func() { u.sees(t, "", u.count("")+lost) })
	failed := time.Now()
	wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
	sent := u.count("")
	t.Logf("ended %v after the failure; %d requests for %d items", time.Since(failed), sent, n)
	if repeats && sent < n+lost/2 {
		t.Error("nothing was lost")
	}
	if results, last := events.results(-1); last != "done" || len(results) < n {
		t.Errorf("a follower got %d results, and at last %q", len(results), last)
	}
}

// TestCluster_LostPlace loses an aggregation's place on the schedule and on the list, which
// live on another server than itself. It must be found nevertheless.
func TestCluster_LostPlace(t *testing.T) {
	t.Parallel()
	c := redistest.LaunchCluster(t, gone)
	s := runsOn(t, &c.Set)
	u := newUpstream(t)
	u.on("/never", u.never)
	const schedule = "gather:{all}:schedule"
	var id string
	c.Master(schedule).Lose([]*redistest.Server{c.Replica(schedule)}, func() {
		id = s.create(t, object{"requests": []object{{"url": u.URL + "/never", "timeout": "50s"}}, "deadline": "15s"}).ID
	})
	eventually(t, "it ends at its deadline", func() bool {
		a, err := s.try(http.MethodGet, path(id, "?wait=20s"), nil)
		return err == nil && a.status == http.StatusOK && a.aggregation(t).Reason == "deadline_exceeded"
	})
	if !s.listAll(t)[id] {
		t.Errorf("%s is not listed", id)
	}
}

// TestSentinel_WaitReplicas has nothing accepted that a replica does not have.
func TestSentinel_WaitReplicas(t *testing.T) {
	t.Parallel()
	redis := redistest.LaunchSentinel(t, gone)
	s := &system{redis: &redis.Set}
	s.addAPI(t, "--redis-url", redis.URL, "--wait-replicas", "1")
	u := newUpstream(t)
	kept := s.create(t, object{"urls": u.urls("/kept")}).ID
	redis.Master().Lose(redis.Replicas(), func() {
		began := time.Now()
		p := s.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, object{"urls": u.urls("/lost")}).problem(t)
		if took := time.Since(began); !strings.Contains(p.Type, "outcome-unknown") || took > refusal {
			t.Errorf("after %v: %+v", took, p)
		}
	})
	s.addWorker(t)
	eventually(t, "what was accepted has ended", func() bool {
		a, err := s.try(http.MethodGet, path(kept, "?wait=20s"), nil)
		return err == nil && a.status == http.StatusOK && a.aggregation(t).finished()
	})
	if n := u.count("/lost"); n != 0 {
		t.Errorf("/lost was fetched %d times", n)
	}
}
