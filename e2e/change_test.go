package e2e

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

func testCancel(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/never", u.never)
	id := s.create(t, object{"urls": u.urls("/a", "/never", "/b", "/never")}).ID
	u.sees(t, "/never", 2)
	eventually(t, "the others are done", func() bool {
		return s.get(t, http.StatusOK, path(id, "?results=false")).aggregation(t).Counts.Succeeded == 2
	})
	t.Run("an unfinished one can't be retried", func(t *testing.T) {
		s.do(t, http.StatusConflict, http.MethodPost, path(id, "/retry"), nil)
	})
	t.Run("results so far are kept", func(t *testing.T) {
		agg := s.do(t, http.StatusOK, http.MethodPost, path(id, "/cancel"), nil).aggregation(t)
		agg.check(t)
		if agg.Status != "canceled" || agg.Counts != (counts{Total: 4, Succeeded: 2, Canceled: 2}) {
			t.Errorf("%s with %+v", agg.Status, agg.Counts)
		}
		if r := agg.Results[1]; r.Status != "canceled" || r.code() != "canceled" || r.Attempts != 1 {
			t.Errorf("a canceled item is %+v", r)
		}
		if again := s.finished(t, id); again.Status != "canceled" || again.Counts != agg.Counts {
			t.Errorf("read again it is %s with %+v", again.Status, again.Counts)
		}
	})
	t.Run("requests in flight are aborted", func(t *testing.T) {
		eventually(t, "the upstream's clients go away", func() bool { _, _, gone := u.load(); return gone == 2 })
	})
	t.Run("a finished one can't be canceled", func(t *testing.T) {
		s.do(t, http.StatusConflict, http.MethodPost, path(id, "/cancel"), nil)
	})
	t.Run("of many cancels one is the first, and clients that wait are told", func(t *testing.T) {
		u.on("/held", u.never)
		id := s.create(t, object{"urls": u.urls("/held")}).ID
		u.sees(t, "/held", 1)
		var calls sync.WaitGroup
		calls.Go(func() {
			if a, err := s.try(http.MethodGet, path(id, "?wait=50s"), nil); err != nil || decode[aggregation](t, a).Status != "canceled" {
				t.Errorf("a client that waits is answered %+v, %v", a, err)
			}
		})
		var canceled, refused atomic.Int32
		for range 10 {
			calls.Go(func() {
				switch a, err := s.try(http.MethodPost, path(id, "/cancel"), nil); {
				case err != nil:
					t.Error(err)
				case a.status == http.StatusOK:
					canceled.Add(1)
				case a.status == http.StatusConflict:
					refused.Add(1)
				}
			})
		}
		calls.Wait()
		if canceled.Load() != 1 || refused.Load() != 9 {
			t.Errorf("%d cancels were the first and %d too late, of 10", canceled.Load(), refused.Load())
		}
	})
	t.Run("canceled items can be run again", func(t *testing.T) {
		u.on("/never", ok)
		s.do(t, http.StatusAccepted, http.MethodPost, path(id, "/retry"), nil)
		wantPaths(t, s.finished(t, id), "/a", "/never", "/b", "/never")
		if u.count("/a") != 1 || u.count("/b") != 1 || u.count("/never") != 4 {
			t.Errorf("fetched %v", u.counts())
		}
	})
}

func testRetry(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/flips", first(3, fails(http.StatusInternalServerError), ok))
	u.on("/missing", fails(http.StatusNotFound))
	agg := s.run(t, object{"requests": []object{
		{"url": u.URL + "/a"},
		{"url": u.URL + "/flips", "retry": object{"max_attempts": 3, "min_backoff": "1ms", "max_backoff": "10ms"}},
		{"url": u.URL + "/b"},
		{"url": u.URL + "/missing"},
	}})
	if agg.Status != "partial" || agg.Results[1].code() != "http_status" || agg.Results[1].HTTPStatus != 500 || agg.Results[1].Attempts != 3 {
		t.Fatalf("%s: %+v", agg.Status, agg.Results)
	}
	before, _ := s.follow(t, agg.ID, "").results(-1)

	a := s.do(t, http.StatusAccepted, http.MethodPost, path(agg.ID, "/retry"), nil)
	if got := a.header.Get("Location"); got != path(agg.ID) {
		t.Errorf("Location = %q", got)
	}
	again := s.finished(t, agg.ID)
	t.Run("only what failed is sent again", func(t *testing.T) {
		for p, want := range map[string]int{"/a": 1, "/b": 1, "/flips": 4, "/missing": 2} {
			if got := u.count(p); got != want {
				t.Errorf("%s was fetched %d times, want %d", p, got, want)
			}
		}
	})
	t.Run("results are replaced where they were failures", func(t *testing.T) {
		if again.Status != "partial" || again.Counts != (counts{Total: 4, Succeeded: 3, Failed: 1}) {
			t.Errorf("%s with %+v", again.Status, again.Counts)
		}
		if r := again.Results[1]; r.Status != "succeeded" || r.Attempts != 1 {
			t.Errorf("the item that flipped is %+v", r)
		}
	})
	t.Run("a follower that resumes gets the new results alone", func(t *testing.T) {
		news, last := s.follow(t, agg.ID, before[len(before)-1].id).results(-1)
		indexes := make(map[int]bool)
		for _, e := range news {
			indexes[parseResult(t, []byte(e.data)).Index] = true
		}
		if len(news) != 2 || !indexes[1] || !indexes[3] || last != "done" {
			t.Errorf("after the retry came %v and at last %s", news, last)
		}
	})
	t.Run("one that has succeeded stays as it is", func(t *testing.T) {
		u.on("/missing", ok)
		s.do(t, http.StatusAccepted, http.MethodPost, path(agg.ID, "/retry"), nil)
		if agg := s.finished(t, agg.ID); agg.Status != "succeeded" {
			t.Fatalf("status = %s", agg.Status)
		}
		s.do(t, http.StatusAccepted, http.MethodPost, path(agg.ID, "/retry"), nil)
		if agg := s.finished(t, agg.ID); agg.Status != "succeeded" || u.count("/missing") != 3 {
			t.Errorf("%s after %d requests", agg.Status, u.count("/missing"))
		}
	})
}

func testDelete(t *testing.T, s *system) {
	wantGone := func(t *testing.T, id string) {
		t.Helper()
		for _, below := range []string{"", "?wait=5s", "/results", "/results?follow=true", "/events"} {
			s.get(t, http.StatusNotFound, path(id, below))
		}
		s.do(t, http.StatusNotFound, http.MethodPost, path(id, "/cancel"), nil)
		s.do(t, http.StatusNotFound, http.MethodPost, path(id, "/retry"), nil)
		s.do(t, http.StatusNotFound, http.MethodDelete, path(id), nil)
	}
	t.Run("nothing is left of a finished one", func(t *testing.T) {
		u := newUpstream(t)
		id := s.run(t, object{"urls": u.urls("/a")}).ID
		s.do(t, http.StatusNoContent, http.MethodDelete, path(id), nil)
		wantGone(t, id)
		s.wantNoTrace(t, id, "")
	})
	t.Run("a running one is canceled", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/never", u.never)
		id := s.create(t, object{"urls": u.urls("/never", "/a"), "concurrency": 1}).ID
		u.sees(t, "/never", 1)
		events, waited := s.follow(t, id, ""), make(chan int, 1)
		go func() {
			a, err := s.try(http.MethodGet, path(id, "?wait=50s"), nil)
			if err != nil {
				t.Error(err)
				a = &answer{}
			}
			waited <- a.status
		}()
		s.do(t, http.StatusNoContent, http.MethodDelete, path(id), nil)
		wantGone(t, id)
		if status := <-waited; status != http.StatusNotFound {
			t.Errorf("a client that waits is answered %d, want 404", status)
		}
		if _, last := events.results(-1); last == "done" {
			t.Error("its events end with done")
		}
		eventually(t, "its request is aborted", func() bool { _, _, gone := u.load(); return gone == 1 })
		s.wantNoTrace(t, id, "")
		if n := u.count("/a"); n != 0 {
			t.Errorf("the item after it was fetched %d times", n)
		}
	})
}
