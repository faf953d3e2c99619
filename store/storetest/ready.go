package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

func (s suite) ready(t *testing.T) {
	s.test(t, "counts the workers seen of late", func(f *fixture) {
		seen := func(want int) {
			f.Helper()
			ready, err := f.store.Ready(f.ctx)
			if err != nil || ready.Workers != want || len(ready.Warnings) > 0 {
				f.Errorf("%+v, %v, want %d workers", ready, err, want)
			}
		}
		seen(0)
		for _, worker := range []string{"one", "two", "one"} {
			_, err := f.store.Tick(f.ctx, gather.Worker{Name: worker})
			f.check("tick", err)
		}
		seen(2)
		f.check("leave", f.store.Leave(f.ctx, gather.Worker{Name: "one"}))
		f.check("leave", f.store.Leave(f.ctx, gather.Worker{Name: "one"}))
		seen(1)
		long := float64(time.Now().Add(-time.Minute).UnixMilli())
		f.check("age", f.rdb.ZAdd(f.ctx, workersKey, redis.Z{Score: long, Member: "two 0"}).Err())
		seen(0)
	})
	s.test(t, "counts what the workers have finished", func(f *fixture) {
		for _, tick := range []struct{ finished, sum int64 }{{0, 0}, {3, 3}, {0, 3}, {5, 8}} {
			_, err := f.store.Tick(f.ctx, gather.Worker{Name: "one", Finished: tick.finished})
			f.check("tick", err)
			if ready, err := f.store.Ready(f.ctx); err != nil || ready.Finished != tick.sum {
				f.Errorf("after %d more: %+v, %v, want %d", tick.finished, ready, err, tick.sum)
			}
		}
		fades := func(when string) {
			if left := f.rdb.TTL(f.ctx, finishedKey).Val(); left <= 0 || left > time.Minute {
				f.Errorf("%s the count is gone after %v", when, left)
			}
		}
		fades("after the last of them")
		f.check("persist", f.rdb.Persist(f.ctx, finishedKey).Err())
		f.check("leave", f.store.Leave(f.ctx, gather.Worker{Name: "one", Finished: 2}))
		fades("after it left")
		if ready, err := f.store.Ready(f.ctx); err != nil || ready.Finished != 10 {
			f.Errorf("after it left: %+v, %v, want 10", ready, err)
		}
	})
	s.test(t, "names the workers seen of late", func(f *fixture) {
		for _, worker := range []gather.Worker{{Name: "host:1:a", Concurrency: 7}, {Name: "host:2:b", Concurrency: 256}} {
			_, err := f.store.Tick(f.ctx, worker)
			f.check("tick", err)
		}
		long := float64(time.Now().Add(-time.Minute).UnixMilli())
		f.check("age", f.rdb.ZAdd(f.ctx, workersKey, redis.Z{Score: long, Member: "host:2:b 256"}).Err())
		workers, err := f.store.Workers(f.ctx)
		if err != nil || !slices.Equal(workers, []gather.Worker{{Name: "host:1:a", Concurrency: 7}}) {
			f.Errorf("%+v, %v, want the one that was seen", workers, err)
		}
	})
	s.test(t, "forgets workers that were not seen for hours", func(f *fixture) {
		f.check("age", f.rdb.ZAdd(f.ctx, workersKey, redis.Z{Score: 1, Member: "dead"}).Err())
		f.tick()
		if workers, err := f.rdb.ZRange(f.ctx, workersKey, 0, -1).Result(); err != nil || !slices.Equal(workers, []string{"worker 0"}) {
			f.Errorf("workers %q, %v", workers, err)
		}
	})
}
