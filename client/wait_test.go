package client_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gather"
	"gather/client"
)

func TestClient_Wait_goesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newFake(t, []step{
			answers(200, running), breaks, refuses(503, "stopping", "Retry-After: 1"), hangs, cut(`{"id"`), answers(200, succeeded), answers(200, finished),
		})
		agg, err := c.Wait(t.Context(), "agg_1")
		if err != nil || agg.Status != gather.StatusSucceeded || len(agg.Results) != 1 {
			t.Fatalf("%+v, %v", agg, err)
		}
		if got, want := f.seen[0].uri, "GET /v1/aggregations/agg_1?results=false&wait=30s"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, want := f.seen[len(f.seen)-1].uri, "GET /v1/aggregations/agg_1"; got != want {
			t.Errorf("at last %s, want %s", got, want)
		}
		if hung := f.pauses()[3]; hung < 30*time.Second || hung > 2*time.Minute {
			t.Errorf("a server that hangs was given up after %v", hung)
		}
	})
}

func TestClient_Wait_withoutResults(t *testing.T) {
	c, f := newFake(t, []step{answers(200, succeeded)})
	if agg, err := c.Wait(t.Context(), "agg_1", client.WithoutResults()); err != nil || agg.Counts.Succeeded != 2 || len(f.seen) != 1 {
		t.Errorf("%+v, %v after %d requests", agg, err, len(f.seen))
	}
}

// TestClient_Wait_isPatient holds that a server that answers at once is not overrun.
func TestClient_Wait_isPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := make([]step, 0, 11)
		for range 10 {
			steps = append(steps, answers(200, running))
		}
		c, _ := newFake(t, append(steps, answers(200, finished)))
		began := time.Now()
		if _, err := c.Wait(t.Context(), "agg_1"); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v, want 10 s for 10 answers", err, time.Since(began))
		}
	})
}

func TestClient_Wait_maxOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newFake(t, []step{answers(200, running), breaks}, client.WithMaxOutage(time.Minute))
		began := time.Now()
		if _, err := c.Wait(t.Context(), "agg_1"); !errors.Is(err, errReset) || time.Since(began) < 50*time.Second || time.Since(began) > 62*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		f.seen, f.steps = nil, []step{answers(200, succeeded), refuses(503, "busy", "Retry-After: 50"), answers(200, finished)}
		if agg, err := c.Wait(t.Context(), "agg_1"); err != nil || len(agg.Results) != 1 {
			t.Errorf("an outage before the results are read: %+v, %v", agg, err)
		}
		f.seen, f.steps = nil, []step{refuses(404, "not-found")}
		if _, err := c.Wait(t.Context(), "agg_1"); !errors.Is(err, gather.ErrNotFound) || len(f.seen) != 1 {
			t.Errorf("one that is not there: %v after %d requests", err, len(f.seen))
		}
	})
}
