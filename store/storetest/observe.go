package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"gather"
	"gather/store"
)

// told is an observer that remembers.
type told struct {
	mu                sync.Mutex
	created, reopened int
	ended             []gather.Ending
}

func (o *told) Created() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.created++
}

func (o *told) Reopened() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reopened++
}

func (o *told) Ended(_ context.Context, e *gather.Ending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = append(o.ended, *e)
}

// observed has two stores of the fixture's Redis tell the same observer.
func (f *fixture) observed() (o *told, other *store.Store) {
	o, other = &told{}, store.NewWith(f.rdb, f.timing)
	f.cleanup(other.Close)
	f.store.Observe(o)
	other.Observe(o)
	return o, other
}

// wantEnded wants one end to have been told, and such.
func (f *fixture) wantEnded(o *told, want gather.Ending) {
	f.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ended) != 1 {
		f.Fatalf("%d ends were told: %+v", len(o.ended), o.ended)
	}
	got := o.ended[0]
	if agg, err := f.store.Get(f.ctx, want.ID); err == nil && gather.Milliseconds(got.Elapsed) != agg.ElapsedMS {
		f.Errorf("it took %v, and is said to have taken %g ms", got.Elapsed, agg.ElapsedMS)
	}
	if got.Elapsed = 0; got != want {
		f.Errorf("told %+v, want %+v", got, want)
	}
}

func (s suite) observe(t *testing.T) {
	s.test(t, "tells of what is made and run again, once", func(f *fixture) {
		o, other := f.observed()
		for range 2 {
			_, _, err := f.createWithKey("k", "body", specOf(1))
			f.check("create", err)
		}
		id := f.finished(1, 0)
		f.retry(id)
		if _, err := other.Retry(f.ctx, id); err == nil {
			f.Errorf("what runs is run again")
		}
		if o.created != 2 || o.reopened != 1 {
			f.Errorf("created %d, reopened %d", o.created, o.reopened)
		}
	})
	s.test(t, "tells of the last result, however often it comes", func(f *fixture) {
		o, other := f.observed()
		id, _ := f.running(specOf(3))
		f.record(id, succeeded(0))
		together(4, func(int) {
			for _, s := range []*store.Store{f.store, other} {
				_, err := s.Record(f.ctx, id, []gather.Result{failed(1), succeeded(2)})
				f.check("record", err)
			}
		})
		f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusPartial, Counts: gather.Counts{Total: 3, Succeeded: 2, Failed: 1}})
	})
	s.test(t, "tells of one end of those that race", func(f *fixture) {
		for range 5 {
			o, other := f.observed()
			id, _ := f.running(specOf(1))
			f.age(id, time.Hour)
			together(3, func(i int) {
				switch i {
				case 0:
					_, _ = other.Cancel(f.ctx, id)
				case 1:
					f.record(id, succeeded(0))
				default:
					f.look(id)
				}
			})
			agg := f.get(id)
			f.wantEnded(o, gather.Ending{ID: id, Status: agg.Status, Reason: agg.Reason, Counts: agg.Counts})
		}
	})
	s.test(t, "tells of a cancel, once", func(f *fixture) {
		o, other := f.observed()
		id, _ := f.running(specOf(2))
		f.record(id, succeeded(1))
		f.cancel(id)
		if _, err := other.Cancel(f.ctx, id); err == nil {
			f.Errorf("it is canceled twice")
		}
		f.remove(id)
		f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusCanceled, Counts: gather.Counts{Total: 2, Succeeded: 1, Canceled: 1}})
	})
	s.test(t, "tells of what is deleted before its end", func(f *fixture) {
		o, other := f.observed()
		id, _ := f.running(specOf(3))
		f.record(id, succeeded(0), failed(1))
		f.remove(id)
		if err := other.Delete(f.ctx, id); err == nil {
			f.Errorf("it is deleted twice")
		}
		f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusCanceled, Reason: gather.ReasonDeleted, Counts: gather.Counts{Total: 3, Succeeded: 1, Failed: 1, Canceled: 1}})
	})
	s.test(t, "tells of a deadline, once", func(f *fixture) {
		o, _ := f.observed()
		id, _ := f.running(specOf(2))
		f.age(id, time.Hour)
		together(4, func(int) { f.look(id) })
		f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusFailed, Reason: gather.ReasonDeadline, Counts: gather.Counts{Total: 2, Failed: 2}})
	})
	s.test(t, "tells of an end by lost workers", func(f *fixture) {
		o, _ := f.observed()
		id, handedOut := f.running(longSpec(1, 0))
		for range mostStarts {
			f.claim(id, handedOut...)
			f.age(id, 2*time.Hour)
			handedOut = f.look(id).Lost
		}
		f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusFailed, Counts: gather.Counts{Total: 1, Failed: 1}})
	})
	s.test(t, "measures what waits in the queue", func(f *fixture) {
		id := f.create(longSpec(2, 0)).ID
		f.age(id, time.Hour)
		plan := f.begin(id)
		if plan.Waited < time.Hour || plan.Waited > time.Hour+limit {
			f.Errorf("the aggregation has waited %v", plan.Waited)
		}
		if again := f.begin(id); again.Waited >= 0 {
			f.Errorf("it is taken up twice, after %v", again.Waited)
		}
		f.age(id, time.Hour)
		held := f.claim(id, plan.Subtasks[0])
		if waited := held[0].Waited; waited < time.Hour || waited > time.Hour+limit {
			f.Errorf("the item has waited %v", waited)
		}
		if again := f.claimAgain(id, held...); again[0].Waited >= 0 {
			f.Errorf("an attempt of its holder has waited %v", again[0].Waited)
		}
		f.release(id, held[0].Subtask, time.Hour)
		f.age(id, time.Hour)
		if again := f.claim(id, plan.Subtasks[0]); again[0].Waited > limit {
			f.Errorf("what was put off has waited %v since it was due", again[0].Waited)
		}
	})
	s.test(t, "takes a census", func(f *fixture) {
		f.create(specOf(1))
		f.finished(1)
		for _, w := range []gather.Worker{{Name: "one", Concurrency: 3}, {Name: "two words", Concurrency: 4}, {Name: "gone", Concurrency: 5}} {
			_, err := f.store.Tick(f.ctx, w)
			f.check("tick", err)
		}
		f.check("leave", f.store.Leave(f.ctx, gather.Worker{Name: "gone", Concurrency: 5}))
		if census, err := f.store.Census(f.ctx); err != nil || census != (store.Census{Workers: 2, Slots: 7, Aggregations: 2}) {
			f.Errorf("%+v, %v", census, err)
		}
	})
}
