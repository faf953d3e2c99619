package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gather"
	"gather/store"
)

func (s suite) follow(t *testing.T) {
	s.test(t, "yields results in order of completion, from any position on", func(f *fixture) {
		order := rand.Perm(9)
		id, _ := f.running(specOf(9))
		for _, i := range order {
			f.record(id, succeeded(i))
		}
		for after := range 10 {
			var want []string
			for place, i := range order[after:] {
				want = append(want, fmt.Sprintf("%d: %d succeeded", after+place+1, i))
			}
			if got := f.summary(f.follow(id, after)); !slices.Equal(got, want) {
				f.Errorf("after %d: %q, want %q", after, got, want)
			}
		}
	})
	s.test(t, "yields results as they come, with the state that belongs to them", func(f *fixture) {
		f.listening(f.store)
		id, _ := f.running(specOf(5))
		came, order := 0, []int{4, 0, 3, 1, 2}
		for progress, err := range f.store.Follow(f.ctx, id, 0) {
			f.check("follow", err)
			came += len(progress.Completions)
			if c := progress.Aggregation.Counts; c.Succeeded != came {
				f.Errorf("%d came, counts %+v", came, c)
			}
			if came < len(order) {
				f.record(id, succeeded(order[came])) // the next comes only after this one was seen
			}
		}
		if came != len(order) {
			f.Errorf("%d came", came)
		}
	})
	s.test(t, "loses and repeats nothing, however often it is resumed", func(f *fixture) {
		const n = 60
		id, _ := f.running(specOf(n))
		go together(3, func(w int) {
			for i := w; i < n; i += 3 {
				_, _ = f.store.Record(f.ctx, id, []gather.Result{succeeded(i)})
			}
		})
		after := 0
		for after < n {
			left := 1 + rand.N(5)
			for progress, err := range f.store.Follow(f.ctx, id, after) {
				f.check("follow", err)
				for _, c := range progress.Completions {
					if c.Position != after+1 {
						f.Fatalf("position %d after %d", c.Position, after)
					}
					after = c.Position
				}
				if left--; left == 0 {
					break // the connection is lost
				}
			}
			f.check("follow", f.ctx.Err())
		}
	})
	s.test(t, "keeps positions over a retry", func(f *fixture) {
		id := f.finished(4, 1, 2)
		before := f.summary(f.follow(id, 0))
		f.retry(id)
		f.begin(id)
		f.record(id, succeeded(2))
		f.record(id, succeeded(1))
		want := []string{before[0], before[3], "5: 2 succeeded", "6: 1 succeeded"}
		for after, from := range []int{0, 1, 1, 1, 2, 3, 4} {
			if got := f.summary(f.follow(id, after)); !slices.Equal(got, want[from:]) {
				f.Errorf("after %d: %q, want %q", after, got, want[from:])
			}
		}
	})
	s.test(t, "passes over any number of places that a retry left empty", func(f *fixture) {
		const n = 1200
		id := f.create(specOf(n)).ID
		f.cancel(id)
		f.retry(id)
		f.begin(id)
		f.cancel(id)
		all := f.follow(id, 0)
		if len(all) != n || all[0].Position != n+1 || all[n-1].Position != 2*n {
			f.Errorf("%d completions", len(all))
		}
	})
	s.test(t, "takes results larger than a chunk", func(f *fixture) {
		id, _ := f.running(specOf(3))
		f.record(id, largeResult(0), largeResult(1), largeResult(2))
		for i, c := range f.follow(id, 0) {
			if len(c.Line) < large || f.decode(c.Line).Index != i {
				f.Errorf("position %d: %d bytes", c.Position, len(c.Line))
			}
		}
	})
	s.test(t, "from a position that never was goes on at the end", func(f *fixture) {
		id := f.finished(3)
		for after, want := range map[int]int{-7: 3, 4: 0, 1 << 62: 0} {
			if got := f.summary(f.follow(id, after)); len(got) != want {
				f.Errorf("after %d: %q", after, got)
			}
		}
	})
	s.test(t, "says where it stands at once", func(f *fixture) {
		id := f.create(specOf(1)).ID
		for progress, err := range f.store.Follow(f.ctx, id, 0) {
			f.check("follow", err)
			if progress.Aggregation.Status != gather.StatusQueued || len(progress.Completions) > 0 {
				f.Errorf("%+v", progress)
			}
			break
		}
	})
	chatty := store.Timing{Poll: time.Millisecond, KeepAlive: 5 * time.Millisecond}
	s.timed(t, "says so when nothing comes for a while", chatty, func(f *fixture) {
		id, _ := f.running(specOf(1))
		said := 0
		for progress, err := range f.store.Follow(f.ctx, id, 0) {
			f.check("follow", err)
			if said++; len(progress.Completions) == 0 && said == 3 {
				f.record(id, succeeded(0))
			}
		}
		if said < 4 {
			f.Errorf("said %d times", said)
		}
	})
	s.test(t, "makes up for lost hints with a poll", func(f *fixture) {
		id, _ := f.running(specOf(2))
		came := 0
		for progress, err := range f.deafStore(t).Follow(f.ctx, id, 0) {
			f.check("follow", err)
			came += len(progress.Completions)
			if came < 2 {
				f.record(id, succeeded(came))
			}
		}
		if came != 2 {
			f.Errorf("%d came", came)
		}
	})
	s.test(t, "ends with its context", func(f *fixture) {
		id, _ := f.running(specOf(1))
		ctx, cancel := context.WithCancel(f.ctx)
		for _, err := range f.store.Follow(ctx, id, 0) {
			f.check("follow", err)
			cancel()
		}
		cancel()
	})
	s.test(t, "ends with the store", func(f *fixture) {
		id, _ := f.running(specOf(1))
		for _, err := range f.store.Follow(f.ctx, id, 0) {
			f.check("follow", err)
			f.store.Close()
		}
	})
	s.test(t, "of what is unknown is ErrNotFound and leaves no key", func(f *fixture) {
		var last error
		for _, err := range f.store.Follow(f.ctx, unknownID, 0) {
			last = err
		}
		if keys := f.keys(unknownID); !errors.Is(last, gather.ErrNotFound) || len(keys) > 0 {
			f.Errorf("err = %v, keys %q", last, keys)
		}
	})
	s.test(t, "of what is deleted meanwhile is ErrNotFound and leaves no key", func(f *fixture) {
		f.listening(f.store)
		id, _ := f.running(specOf(1))
		var last error
		for _, err := range f.store.Follow(f.ctx, id, 0) {
			if last = err; err == nil {
				f.remove(id)
			}
		}
		if keys := f.keys(id); !errors.Is(last, gather.ErrNotFound) || len(keys) > 0 {
			f.Errorf("err = %v, keys %q", last, keys)
		}
	})
}
