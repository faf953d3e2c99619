package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gather"
	"gather/store"
)

func (s suite) deadline(t *testing.T) {
	s.test(t, "closes what is unfinished, in input order, with the reason", func(f *fixture) {
		ids := f.closedIDs(t)
		id, handedOut := f.running(cappedSpec(5, 3))
		f.claim(id, handedOut[1])
		f.record(id, succeeded(2))
		waiter := f.waitFor(f.store, id)
		f.age(id, time.Hour)
		if v := f.look(id); v.Status != gather.StatusPartial || len(v.Lost)+len(v.Suspects) > 0 {
			f.Errorf("%+v", v)
		}
		f.hears(ids, id)
		if w := <-waiter; w.err != nil || w.agg.Reason != "deadline_exceeded" || w.agg.Counts != (gather.Counts{Total: 5, Succeeded: 1, Failed: 4}) {
			f.Errorf("%+v, %v", w.agg, w.err)
		}
		results := f.results(id)
		for i, attempts := range map[int]int{0: 0, 1: 1, 3: 0, 4: 0} {
			f.closedItem(results[i], i, gather.ItemFailed, gather.CodeDeadlineExceeded, attempts)
		}
		want := []string{"1: 2 succeeded", "2: 0 failed", "3: 1 failed", "4: 3 failed", "5: 4 failed"}
		if got := f.summary(f.follow(id, 0)); !slices.Equal(got, want) {
			f.Errorf("in order of completion %q, want %q", got, want)
		}
		f.expires(id, true)
		if late := f.record(id, succeeded(1)); late.First != 0 || late.Finished {
			f.Errorf("late result: %+v", late)
		}
	})
	for name, take := range map[string]bool{"fails what no worker took up": false, "fails what has no result": true} {
		s.test(t, name, func(f *fixture) {
			id := f.create(specOf(2)).ID
			if take {
				f.begin(id)
			}
			f.age(id, time.Hour)
			f.look(id)
			if agg := f.get(id); agg.Status != gather.StatusFailed || agg.Reason != "deadline_exceeded" {
				f.Errorf("%+v", agg)
			}
		})
	}
	s.test(t, "comes on time, without anyone asking", func(f *fixture) {
		spec := specOf(2)
		spec.Deadline = gather.After(30 * time.Millisecond)
		id := f.create(spec).ID
		f.eventually("the deadline closes it", func() bool {
			v := f.watchdog()[id]
			return v != nil && v.Status.Finished()
		})
		if agg := f.get(id); agg.ElapsedMS <= 29 || agg.Reason != "deadline_exceeded" {
			f.Errorf("%+v", agg)
		}
	})
	for name, read := range map[string]func(f *fixture, id string) (*gather.Aggregation, error){
		"get": func(f *fixture, id string) (*gather.Aggregation, error) { return f.store.Get(f.ctx, id) },
		"wait": func(f *fixture, id string) (*gather.Aggregation, error) {
			reading, err := f.store.Wait(f.ctx, id, time.Minute, nil)
			f.check("wait", err)
			return reading.Aggregation, nil
		},
		"follow": func(f *fixture, id string) (agg *gather.Aggregation, err error) {
			for progress, failure := range f.store.Follow(f.ctx, id, 0) {
				agg, err = progress.Aggregation, failure
			}
			return agg, err
		},
	} {
		s.test(t, "is kept by a "+name+" where no worker is alive", func(f *fixture) {
			o, other := f.observed()
			id := f.create(specOf(2)).ID
			f.ageForReaders(id, time.Hour)
			agg, err := read(f, id)
			f.check(name, err)
			if agg.Status != gather.StatusFailed || agg.Reason != "deadline_exceeded" || agg.Counts.Failed != 2 {
				f.Errorf("%+v", agg)
			}
			f.expires(id, true)
			_, err = other.Get(f.ctx, id)
			f.check("get it again", err)
			f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusFailed, Reason: "deadline_exceeded", Counts: agg.Counts})
		})
	}
	s.test(t, "is left to workers where one is alive", func(f *fixture) {
		id := f.create(specOf(1)).ID
		f.ageForReaders(id, time.Hour)
		_, err := f.store.Tick(f.ctx, gather.Worker{Name: "alive"})
		f.check("tick", err)
		if agg := f.get(id); agg.Status != gather.StatusQueued {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "is not kept by who reads sooner than a watchdog may need", func(f *fixture) {
		id := f.create(specOf(1)).ID
		f.ageForReaders(id, gather.DefaultDeadline)
		if agg := f.get(id); agg.Status != gather.StatusQueued {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "is kept once by many who read at once", func(f *fixture) {
		o, other := f.observed()
		id := f.create(specOf(3)).ID
		f.ageForReaders(id, time.Hour)
		together(8, func(i int) {
			reader := []*store.Store{f.store, other}[i%2]
			if agg, err := reader.Get(f.ctx, id); err != nil || agg.Status != gather.StatusFailed {
				f.Errorf("%+v, %v", agg, err)
			}
		})
		counts := gather.Counts{Total: 3, Failed: 3}
		f.wantEnded(o, gather.Ending{ID: id, Status: gather.StatusFailed, Reason: "deadline_exceeded", Counts: counts})
	})
	s.test(t, "is no matter for another owner who asks", func(f *fixture) {
		owner := f.as("a")
		id := owner.create(specOf(1)).ID
		f.ageForReaders(id, time.Hour)
		if _, err := f.as("b").store.Get(f.as("b").ctx, id); !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("%v", err)
		}
		if status := f.rdb.HGet(f.ctx, "gather:{"+id+"}", "status").Val(); status != "queued" {
			f.Errorf("it is %s", status)
		}
	})
	s.test(t, "after the end changes nothing", func(f *fixture) {
		id := f.finished(2)
		f.age(id, 10*time.Hour)
		if v := f.look(id); v.Status != gather.StatusSucceeded {
			f.Errorf("%+v", v)
		}
		if agg := f.get(id); agg.Reason != "" || agg.Counts.Succeeded != 2 {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "of 10,000 items closes them all", func(f *fixture) {
		const n = 10_000
		id, _ := f.running(specOf(n))
		f.age(id, time.Hour)
		f.look(id)
		if agg := f.get(id); agg.Counts.Failed != n || !agg.Status.Finished() {
			f.Errorf("%+v", agg)
		}
		lines := f.lines(id)
		if len(lines) != n {
			f.Fatalf("%d results", len(lines))
		}
		for i := 0; i < n; i += n / 20 { // on both sides of where the script begins a chunk
			f.closedItem(f.decode(lines[i]), i, gather.ItemFailed, gather.CodeDeadlineExceeded, 0)
		}
		f.closedItem(f.decode(lines[n-1]), n-1, gather.ItemFailed, gather.CodeDeadlineExceeded, 0)
	})
}
