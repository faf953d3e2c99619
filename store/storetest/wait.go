package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/store"
)

// waited is what came of a wait.
type waited struct {
	agg *gather.Reading
	err error
}

// waitFor starts a wait and returns where its end will be told.
func (f *fixture) waitFor(s *store.Store, id string) <-chan waited {
	ended := make(chan waited, 1)
	go func() {
		agg, err := s.Wait(f.ctx, id, time.Hour, nil)
		ended <- waited{agg, err}
	}()
	return ended
}

// reads counts the times that waiters read the aggregation, until stop is called.
func (f *fixture) reads(id string) (count *atomic.Int32, stop func()) {
	count = new(atomic.Int32)
	return count, f.intercept(func(cmd redis.Cmder) error {
		// A script that Redis does not know yet is sent twice.
		if cmd.Name() == "evalsha" && scriptOn(cmd) == "gather:{"+id+"}" {
			count.Add(1)
		}
		return nil
	})
}

// listening returns when the store hears hints and has taken all that were outstanding:
// a new subscription makes everyone read again, and what wakes them after that is
// nothing but the hint that a test is about.
func (f *fixture) listening(s *store.Store) {
	f.Helper()
	id := f.create(specOf(1)).ID
	reads, stop := f.reads(id)
	waiter := f.waitFor(s, id)
	f.eventually("a hint is heard", func() bool {
		f.check("hint", f.rdb.Publish(f.ctx, "gather:changed", id).Err())
		return reads.Load() > 2 // at first, once it has subscribed, and for a hint
	})
	stop()
	f.cancel(id)
	<-waiter
	f.remove(id)
}

// tries is how often a test does what may come out as it should by chance.
const tries = 20

// creatorIsTold creates, waits and records. It reports whether the wait was answered without a
// reading, and compares the answer with one.
func (f *fixture) creatorIsTold(items, bytes int, failures []int) bool {
	f.Helper()
	spec := specOf(items)
	spec.Name, spec.Labels = "a\nname, and more", map[string]string{"a": "b c"}
	agg, _, err := f.store.Create(f.ctx, &gather.Creation{Spec: spec, Waits: true})
	f.check("create", err)
	f.begin(agg.ID)
	var readings atomic.Int32
	stop := f.intercept(func(cmd redis.Cmder) error {
		if reads(cmd) && cmd.Args()[len(cmd.Args())-1] != any(2) { // which would be without results
			readings.Add(1)
		}
		return nil
	})
	ended := make(chan waited, 1)
	go func() {
		reading, err := f.store.WaitCreated(f.ctx, agg.ID, time.Hour, nil)
		ended <- waited{reading, err}
	}()
	runtime.Gosched()
	var results []gather.Result
	for i := range items {
		result := succeeded(i)
		if slices.Contains(failures, i) {
			result = failed(i)
		}
		result.Body = fmt.Appendf(nil, "%q", strings.Repeat("x", bytes))
		results = append(results, result)
	}
	f.record(agg.ID, results...)
	got := <-ended
	told := readings.Load() == 0
	stop()
	f.check("wait", got.err)
	reading, err := f.store.Read(f.ctx, agg.ID)
	f.check("read", err)
	if got, want := f.whole(got.agg), f.whole(reading); got != want {
		f.Errorf("the creator is told\n%s\nwant\n%s", got, want)
	}
	return told
}

// whole is all that the reading says.
func (f *fixture) whole(r *gather.Reading) string {
	f.Helper()
	state, err := json.Marshal(r.Aggregation)
	f.check("encode", err)
	text := fmt.Sprintf("%s of %q, %v", state, r.Owner, r.Deadline)
	for line, err := range r.Lines(f.ctx) {
		f.check("read lines", err)
		text += "\n" + string(line)
	}
	return text
}

func (s suite) wait(t *testing.T) {
	s.test(t, "returns at once what has finished", func(f *fixture) {
		id := f.finished(2, 1)
		agg, err := f.store.Wait(f.ctx, id, time.Hour, nil)
		if err != nil || agg.Status != gather.StatusPartial {
			f.Errorf("%+v, %v", agg, err)
		}
	})
	for name, end := range map[string]func(f *fixture, id string){
		"wakes every waiter, in every process, at the last result": func(f *fixture, id string) { f.record(id, succeeded(0)) },
		"wakes every waiter, in every process, at a cancel":        func(f *fixture, id string) { f.cancel(id) },
	} {
		s.test(t, name, func(f *fixture) {
			id, _ := f.running(specOf(1))
			other := store.NewWith(f.rdb, patient)
			t.Cleanup(other.Close)
			f.listening(f.store)
			f.listening(other)
			waiters := []<-chan waited{f.waitFor(f.store, id), f.waitFor(f.store, id), f.waitFor(other, id)}
			end(f, id)
			for _, waiter := range waiters {
				if w := <-waiter; w.err != nil || !w.agg.Status.Finished() {
					f.Errorf("%+v, %v", w.agg, w.err)
				}
			}
		})
	}
	for name, c := range map[string]struct {
		items, bytes int
		failed       []int
		told         bool // by the message of its end
	}{
		"answers the creator as a reading would":                {items: 3, failed: []int{1}, told: true},
		"answers the creator as a reading would, if all failed": {items: 2, failed: []int{0, 1}, told: true},
		"answers the creator as a reading would, of most items": {items: 16, told: true},
		"has the creator read what is long":                     {items: 2, bytes: 5000},
		"has the creator read what is many":                     {items: 17},
	} {
		s.test(t, name, func(f *fixture) {
			f.listening(f.store)
			told := false
			for range tries { // each may end before its creator waits
				told = f.creatorIsTold(c.items, c.bytes, c.failed) || told
				if told {
					break
				}
			}
			if told != c.told {
				f.Errorf("told without a reading: %t", told)
			}
		})
	}
	s.test(t, "never answers others with a message of an end, which a retry may have undone", func(f *fixture) {
		f.listening(f.store)
		for range tries {
			agg, _, err := f.store.Create(f.ctx, &gather.Creation{Spec: specOf(1), Waits: true})
			f.check("create", err)
			waiter := f.waitFor(f.store, agg.ID)
			runtime.Gosched()
			f.check("a message that is late", f.rdb.Publish(f.ctx, "gather:changed", agg.ID+" failed 1 2 3 4 0 1 0\nx").Err())
			f.begin(agg.ID)
			f.record(agg.ID, succeeded(0))
			if w := <-waiter; w.err != nil || w.agg.Status != gather.StatusSucceeded {
				f.Fatalf("%+v, %v", w.agg, w.err)
			}
		}
	})
	s.test(t, "returns the state when its context ends", func(f *fixture) {
		id, _ := f.running(specOf(1))
		for _, d := range []time.Duration{0, time.Nanosecond, time.Microsecond, 5 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(f.ctx, d)
			if agg, err := f.store.Wait(ctx, id, time.Hour, nil); err != nil || agg.Status != gather.StatusRunning {
				f.Errorf("after %v: %+v, %v", d, agg, err)
			}
			cancel()
		}
	})
	s.test(t, "returns the state when the store is closed", func(f *fixture) {
		id, _ := f.running(specOf(1))
		waiter := f.waitFor(f.store, id)
		f.store.Close()
		if w := <-waiter; w.err != nil || w.agg.Status != gather.StatusRunning {
			f.Errorf("%+v, %v", w.agg, w.err)
		}
	})
	s.test(t, "for what is unknown is ErrNotFound", func(f *fixture) {
		if _, err := f.store.Wait(f.ctx, unknownID, time.Hour, nil); !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("err = %v", err)
		}
	})
	s.test(t, "for what is deleted meanwhile is ErrNotFound", func(f *fixture) {
		f.listening(f.store)
		id, _ := f.running(specOf(1))
		reads, stop := f.reads(id)
		waiter := f.waitFor(f.store, id)
		f.eventually("it waits", func() bool { return reads.Load() > 0 })
		stop()
		f.remove(id)
		if w := <-waiter; !errors.Is(w.err, gather.ErrNotFound) {
			f.Errorf("%+v, %v", w.agg, w.err)
		}
	})
	s.test(t, "makes up for a lost hint with a poll", func(f *fixture) {
		id, _ := f.running(specOf(1))
		reads, stop := f.reads(id)
		waiter := f.waitFor(f.deafStore(t), id)
		f.eventually("it has read, and read again on its subscription", func() bool { return reads.Load() > 1 })
		stop()
		f.record(id, succeeded(0))
		if w := <-waiter; w.err != nil || !w.agg.Status.Finished() {
			f.Errorf("%+v, %v", w.agg, w.err)
		}
	})
	s.test(t, "goes on over a retry", func(f *fixture) {
		id := f.finished(1, 0)
		f.retry(id)
		waiter := f.waitFor(f.store, id)
		f.begin(id)
		f.record(id, succeeded(0))
		if w := <-waiter; w.err != nil || w.agg.Status != gather.StatusSucceeded {
			f.Errorf("%+v, %v", w.agg, w.err)
		}
	})
}
