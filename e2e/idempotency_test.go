package e2e

import (
	"net/http"
	"sync"
	"testing"
)

func testIdempotency(t *testing.T, s *system) {
	t.Run("the same key and body answer the first aggregation again", func(t *testing.T) {
		u := newUpstream(t)
		spec, key := object{"urls": u.urls("/a", "/b")}, "Idempotency-Key: again "+u.URL
		a := s.do(t, http.StatusAccepted, http.MethodPost, aggregations, spec, key)
		if got := a.header.Get("Idempotent-Replayed"); got != "" {
			t.Errorf("the first answer has Idempotent-Replayed: %s", got)
		}
		id := a.aggregation(t).ID
		s.finished(t, id)
		for range 3 {
			a := s.do(t, http.StatusOK, http.MethodPost, aggregations, spec, key, "Prefer: wait=50")
			agg := a.aggregation(t)
			if a.header.Get("Idempotent-Replayed") != "true" || agg.ID != id {
				t.Errorf("replayed %q as %s, want %s", a.header.Get("Idempotent-Replayed"), agg.ID, id)
			}
			wantPaths(t, agg, "/a", "/b")
		}
		wantEachOnce(t, u, 2)
	})
	t.Run("the same key with another body is refused", func(t *testing.T) {
		u := newUpstream(t)
		key := "Idempotency-Key: other " + u.URL
		s.finished(t, s.create(t, object{"urls": u.urls("/a")}, key).ID)
		s.do(t, http.StatusUnprocessableEntity, http.MethodPost, aggregations, object{"urls": u.urls("/b")}, key)
		if n := u.count("/b"); n != 0 {
			t.Errorf("and yet its item was fetched %d times", n)
		}
	})
	t.Run("a refused body takes no key", func(t *testing.T) {
		u := newUpstream(t)
		key := "Idempotency-Key: refused " + u.URL
		s.do(t, http.StatusUnprocessableEntity, http.MethodPost, aggregations, object{"urls": []string{}}, key)
		s.finished(t, s.create(t, object{"urls": u.urls("/a")}, key).ID)
	})
	t.Run("twenty at the same time make one", func(t *testing.T) {
		u := newUpstream(t)
		spec, key := object{"urls": u.urls("/a", "/b", "/c")}, "Idempotency-Key: twenty "+u.URL
		answers := make([]*answer, 20)
		var posts sync.WaitGroup
		for i := range answers {
			posts.Go(func() {
				a, err := s.try(http.MethodPost, aggregations, spec, key)
				if err != nil {
					t.Error(err)
				}
				answers[i] = a
			})
		}
		posts.Wait()
		ids, firsts := make(map[string]bool), 0
		for _, a := range answers {
			switch {
			case a == nil:
			case a.status == http.StatusConflict:
				a.problem(t)
			case a.status == http.StatusAccepted:
				ids[a.aggregation(t).ID] = true
				if a.header.Get("Idempotent-Replayed") == "" {
					firsts++
				}
			default:
				t.Errorf("answered %d: %s", a.status, a.body)
			}
		}
		if len(ids) != 1 || firsts != 1 {
			t.Fatalf("%d aggregations, %d of them not replayed, want one of each", len(ids), firsts)
		}
		for id := range ids {
			wantPaths(t, s.finished(t, id), "/a", "/b", "/c")
		}
		wantEachOnce(t, u, 3)
	})
}
