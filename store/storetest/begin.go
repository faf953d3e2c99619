package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gather"
)

// windowSize and windowStep are how items without a cap of their own are handed out.
const (
	windowSize = 2048
	windowStep = 512
)

func (s suite) begin(t *testing.T) {
	s.test(t, "hands out all items in input order", func(f *fixture) {
		plan := f.begin(f.create(specOf(30)).ID)
		if !slices.Equal(indexesOf(plan.Subtasks), upTo(30)) {
			f.Errorf("handed out %v", indexesOf(plan.Subtasks))
		}
		if plan.Priority != gather.PriorityDefault {
			f.Errorf("priority %q", plan.Priority)
		}
		for _, t := range plan.Subtasks {
			if want := "GET " + urlOf(t.Index); t.Start != 1 || t.Fetch != want {
				f.Errorf("subtask %+v, want start 1 of %s", t, want)
			}
		}
	})
	s.test(t, "done again hands out the same", func(f *fixture) {
		id, first := f.running(cappedSpec(100, 30))
		started := f.get(id).StartedAt
		if again := f.begin(id).Subtasks; !slices.Equal(again, first) || len(first) != 30 {
			f.Errorf("first %v, again %v", first, again)
		}
		if agg := f.get(id); agg.Status != gather.StatusRunning || started == nil || !agg.StartedAt.Equal(started.Time) {
			f.Errorf("%+v, started first at %v", agg, started)
		}
	})
	s.test(t, "done again leaves out what a worker is at or has ended", func(f *fixture) {
		id, first := f.running(specOf(5))
		f.claim(id, first[1])
		f.record(id, succeeded(3))
		if again := indexesOf(f.begin(id).Subtasks); !slices.Equal(again, []int{0, 2, 4}) {
			f.Errorf("again %v", again)
		}
	})
	s.test(t, "has nothing to run of what is unknown or ended", func(f *fixture) {
		canceled := f.create(specOf(1)).ID
		f.cancel(canceled)
		for name, id := range map[string]string{"unknown": unknownID, "canceled": canceled, "finished": f.finished(1)} {
			if plan, err := f.store.Begin(f.ctx, id); plan != nil || err != nil {
				f.Errorf("%s: %+v, %v", name, plan, err)
			}
		}
		if keys := f.keys(unknownID); len(keys) > 0 {
			f.Errorf("keys %q", keys)
		}
	})
	s.test(t, "never exceeds the cap, and goes on in input order", func(f *fixture) {
		const n, c = 40, 4
		id, ready := f.running(cappedSpec(n, c))
		next := c
		for len(ready) > 0 {
			if got := f.inFlight(id); got != len(ready) || got > c {
				f.Fatalf("%d in flight", got)
			}
			i := rand.N(len(ready)) // any of them may end first
			t := ready[i]
			ready = slices.Delete(ready, i, i+1)
			if rand.N(2) == 0 {
				f.claim(id, t)
			}
			for _, follower := range f.record(id, succeeded(t.Index)).Next {
				if follower.Index != next {
					f.Errorf("item %d was handed out, want %d", follower.Index, next)
				}
				next++
				ready = append(ready, follower)
			}
		}
		if agg := f.get(id); agg.Status != gather.StatusSucceeded || next != n {
			f.Errorf("%+v, handed out %d", agg, next)
		}
	})
	s.test(t, "runs one after another with a cap of one", func(f *fixture) {
		id, ready := f.running(cappedSpec(12, 1))
		for i := range 12 {
			if len(ready) != 1 || ready[0].Index != i {
				f.Fatalf("handed out %+v, want item %d", ready, i)
			}
			ready = f.record(id, failed(i)).Next
		}
	})
	s.test(t, "without a cap goes on in windows", func(f *fixture) {
		const n = windowSize + windowStep + 100
		id, handedOut := f.running(specOf(n))
		if !slices.Equal(indexesOf(handedOut), upTo(windowSize)) {
			f.Fatalf("handed out %d items", len(handedOut))
		}
		var ended []gather.Result
		for i := range windowStep {
			ended = append(ended, succeeded(i))
		}
		if next := f.record(id, ended[1:]...).Next; len(next) > 0 {
			f.Errorf("%d items before there was room for a step", len(next))
		}
		next := f.record(id, ended[0]).Next
		if !slices.Equal(indexesOf(next), upTo(n)[windowSize:windowSize+windowStep]) {
			f.Errorf("next %v", indexesOf(next))
		}
	})
	s.test(t, "goes on in windows with a cap that is larger", func(f *fixture) {
		if _, handedOut := f.running(cappedSpec(windowSize+10, windowSize+5)); len(handedOut) != windowSize {
			f.Errorf("handed out %d items at once", len(handedOut))
		}
	})
}
