package storetest

import (
	"slices"
	"testing"
	"time"

	"gather"
)

// mostStarts is how often an item is handed out before it fails as worker_lost.
const mostStarts = 5

func (s suite) visit(t *testing.T) {
	s.test(t, "reports what is queued", func(f *fixture) {
		spec := specOf(1)
		spec.Priority = gather.PriorityLow
		id := f.create(spec).ID
		if v := f.look(id); v.ID != id || v.Status != gather.StatusQueued || v.Lane != "low" || len(v.Lost)+len(v.Suspects) > 0 {
			f.Errorf("%+v", v)
		}
	})
	s.test(t, "lets be what runs well", func(f *fixture) {
		id, handedOut := f.running(specOf(3))
		held := f.claim(id, handedOut[0])
		f.record(id, succeeded(1))
		if v := f.look(id); v.Status != gather.StatusRunning || len(v.Lost)+len(v.Suspects) > 0 {
			f.Errorf("%+v", v)
		}
		if claims := f.claimAgain(id, held...); len(claims) != 1 {
			f.Errorf("claims %+v", claims)
		}
	})
	s.timed(t, "hands a lost claim out again, after its timeout and the slack", hasty, func(f *fixture) {
		id, handedOut := f.running(briefSpec(1, 0))
		f.claim(id, handedOut[0])
		var lost []gather.Subtask
		f.eventually("the claim is lost", func() bool {
			lost = f.look(id).Lost
			return len(lost) > 0
		})
		want := handedOut[0]
		want.Start = 2
		if !slices.Equal(lost, []gather.Subtask{want}) {
			f.Errorf("lost %+v, want %+v", lost, want)
		}
		f.refuses("lost", id, handedOut[0])
		if claims := f.claim(id, want); len(claims) != 1 || claims[0].Attempts != 2 || claims[0].SinceFirst <= 0 {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "of lost claims keeps the cap", func(f *fixture) {
		id, handedOut := f.running(longSpec(6, 3))
		f.claim(id, handedOut...)
		f.age(id, 2*time.Hour)
		if v := f.look(id); len(v.Lost) != 3 || f.inFlight(id) != 3 {
			f.Errorf("%+v, %d in flight", v, f.inFlight(id))
		}
	})
	s.test(t, "takes a result that comes after all from a lost claim", func(f *fixture) {
		id, handedOut := f.running(longSpec(1, 0))
		f.claim(id, handedOut[0])
		f.age(id, 2*time.Hour)
		f.look(id)
		if recorded := f.record(id, succeeded(0)); recorded.First != 1 || !recorded.Finished {
			f.Errorf("recorded %+v", recorded)
		}
	})
	s.test(t, "gives up an item whose workers are lost again and again", func(f *fixture) {
		id, handedOut := f.running(longSpec(2, 1))
		item := handedOut[0]
		for start := 1; start < mostStarts; start++ {
			f.claim(id, item)
			f.age(id, 2*time.Hour)
			lost := f.look(id).Lost
			if len(lost) != 1 || lost[0].Index != 0 || lost[0].Start != start+1 {
				f.Fatalf("start %d: lost %+v", start, lost)
			}
			item = lost[0]
		}
		f.claim(id, item)
		f.age(id, 2*time.Hour)
		v := f.look(id)
		if len(v.Lost) != 1 || v.Lost[0].Index != 1 || v.Lost[0].Start != 1 {
			f.Fatalf("in place of what is given up: %+v", v)
		}
		f.closedItem(f.results(id)[0], 0, gather.ItemFailed, gather.CodeWorkerLost, mostStarts)
		f.record(id, succeeded(1))
		if agg := f.get(id); agg.Status != gather.StatusPartial {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "ends the aggregation whose last item it gives up", func(f *fixture) {
		id, handedOut := f.running(longSpec(1, 0))
		waiter := f.waitFor(f.store, id)
		for start := 1; start <= mostStarts; start++ {
			item := handedOut[0]
			item.Start = start
			f.claim(id, item)
			f.age(id, 2*time.Hour)
			if v := f.look(id); v.Status.Finished() != (start == mostStarts) {
				f.Errorf("start %d: %+v", start, v)
			}
		}
		if w := <-waiter; w.err != nil || w.agg.Status != gather.StatusFailed || w.agg.Reason != "" {
			f.Errorf("%+v, %v", w.agg, w.err)
		}
		f.expires(id, true)
	})
	s.test(t, "takes on any number of lost claims, some at a time", func(f *fixture) {
		const n = 1100
		id, handedOut := f.running(longSpec(n, 0))
		f.claim(id, handedOut...)
		f.age(id, 2*time.Hour)
		lost := make(map[int]bool)
		for range 3 {
			for _, t := range f.look(id).Lost {
				lost[t.Index] = true
			}
		}
		if len(lost) != n {
			f.Errorf("%d lost", len(lost))
		}
	})
	s.test(t, "names what waits suspiciously long, the oldest of it", func(f *fixture) {
		id, handedOut := f.running(longSpec(40, 12))
		f.claim(id, handedOut[0], handedOut[1])
		f.release(id, handedOut[0], 5*time.Hour)
		if v := f.look(id); len(v.Suspects) > 0 {
			f.Errorf("suspects %+v", v.Suspects)
		}
		f.age(id, 3*time.Hour)
		v := f.look(id)
		if v.Status != gather.StatusRunning || len(v.Suspects) != 10 {
			f.Fatalf("%+v", v)
		}
		for _, t := range v.Suspects {
			if t.Index < 2 || t.Start != 1 || t.Fetch != handedOut[t.Index].Fetch {
				f.Errorf("suspect %+v", t)
			}
		}
		first := v.Suspects[0]
		_, err := f.store.Restart(f.ctx, id, first)
		f.check("restart", err)
		for _, t := range f.look(id).Suspects {
			if t.Index == first.Index {
				f.Errorf("suspect again: %+v", t)
			}
		}
	})
	s.test(t, "names only some where very many wait", func(f *fixture) {
		id, _ := f.running(longSpec(40, 0))
		f.age(id, 3*time.Hour)
		if v := f.look(id); len(indexesOf(v.Suspects)) != 16 {
			f.Errorf("%d suspects", len(indexesOf(v.Suspects)))
		}
	})
	s.test(t, "gives a claim the timeout of its request, and the slack", func(f *fixture) {
		spec := longSpec(0, 0)
		spec.Requests = []gather.Request{{URL: urlOf(0), Timeout: gather.After(2 * time.Hour)}}
		id, handedOut := f.running(spec)
		f.claim(id, handedOut...)
		f.age(id, 2*time.Hour+30*time.Minute)
		if v := f.look(id); len(v.Lost) > 0 {
			f.Errorf("lost in time: %+v", v)
		}
		f.age(id, 31*time.Minute)
		if v := f.look(id); len(v.Lost) != 1 {
			f.Errorf("not lost: %+v", v)
		}
	})
	s.test(t, "tells followers of what it gives up", func(f *fixture) {
		f.listening(f.store)
		id, handedOut := f.running(longSpec(2, 0))
		item, came := handedOut[0], 0
		for progress, err := range f.store.Follow(f.ctx, id, 0) {
			f.check("follow", err)
			if came += len(progress.Completions); came == 1 {
				break
			}
			for ; item.Start <= mostStarts; item.Start++ {
				f.claim(id, item)
				f.age(id, 2*time.Hour)
				f.look(id)
			}
		}
		f.check("follow", f.ctx.Err())
	})
	s.test(t, "of what is gone says so", func(f *fixture) {
		if v := f.look(unknownID); v.Status != "" || len(v.Lost)+len(v.Suspects) > 0 || len(f.keys(unknownID)) > 0 {
			f.Errorf("%+v, keys %q", v, f.keys(unknownID))
		}
	})
}
