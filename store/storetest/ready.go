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
	s.test(t, "forgets workers that were not seen for hours", func(f *fixture) {
		f.check("age", f.rdb.ZAdd(f.ctx, workersKey, redis.Z{Score: 1, Member: "dead"}).Err())
		f.tick()
		if workers, err := f.rdb.ZRange(f.ctx, workersKey, 0, -1).Result(); err != nil || !slices.Equal(workers, []string{"worker 0"}) {
			f.Errorf("workers %q, %v", workers, err)
		}
	})
}
