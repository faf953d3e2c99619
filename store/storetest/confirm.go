package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// losePlace takes the aggregation off the schedule and the index, as a master does that fails
// before its replica has what was written last.
func (f *fixture) losePlace(id string) {
	f.Helper()
	f.check("lose", f.rdb.ZRem(f.ctx, scheduleKey, id).Err())
	f.check("lose", f.rdb.ZRem(f.ctx, indexKey, id).Err())
}

// hasPlace waits until the aggregation is on the schedule and the index.
func (f *fixture) hasPlace(id string) {
	f.Helper()
	f.eventually("it has its place again", func() bool {
		_, planned := f.scheduled(id)
		return planned && f.listed(id)
	})
}

func (s suite) confirm(t *testing.T) {
	soon := rare
	soon.ConfirmAfter = 500 * time.Millisecond
	s.timed(t, "gives what was created its place again", soon, func(f *fixture) {
		f.apart()
		queued, finished := f.create(specOf(1)).ID, f.finished(1)
		f.losePlace(queued)
		f.losePlace(finished)
		f.hasPlace(queued)
		f.hasPlace(finished)
	})
	s.timed(t, "tries again where Redis was away", soon, func(f *fixture) {
		f.apart()
		id := f.create(specOf(1)).ID
		f.losePlace(id)
		var failures atomic.Int32
		stop := f.intercept(func(cmd redis.Cmder) error {
			if cmd.Name() != "hget" && scriptOn(cmd) != scheduleKey || failures.Load() == 3 {
				return nil
			}
			failures.Add(1)
			return errCrashed
		})
		f.hasPlace(id)
		stop()
		if n := failures.Load(); n != 3 {
			f.Errorf("%d of three failures", n)
		}
	})
	s.timed(t, "plans what is retried, although it was planned for its expiry", soon, func(f *fixture) {
		f.apart()
		id := f.finished(1, 0)
		f.visitDue(id)
		expiry, _ := f.scheduled(id)
		f.retry(id)
		f.check("lose", f.rdb.ZAdd(f.ctx, scheduleKey, redis.Z{Score: float64(expiry.UnixMilli()), Member: id}).Err())
		f.eventually("it is planned before that", func() bool {
			at, _ := f.scheduled(id)
			return at.Before(expiry)
		})
	})
	s.timed(t, "leaves alone what is gone, or well planned", soon, func(f *fixture) {
		f.apart()
		gone, finished := f.create(specOf(1)).ID, f.finished(1)
		f.remove(gone)
		f.visitDue(finished)
		expiry, _ := f.scheduled(finished)
		last := f.create(specOf(1)).ID
		f.losePlace(last)
		f.hasPlace(last) // the others were confirmed before it
		if _, planned := f.scheduled(gone); planned || f.listed(gone) {
			f.Errorf("what is gone is planned: %t, listed: %t", planned, f.listed(gone))
		}
		if at, _ := f.scheduled(finished); !at.Equal(expiry) {
			f.Errorf("what has finished is planned for %v, and was for %v", at, expiry)
		}
	})
	s.timed(t, "is not needed where all is written together", soon, func(f *fixture) {
		if _, cluster := f.rdb.(*redis.ClusterClient); cluster {
			return
		}
		id := f.create(specOf(1)).ID
		f.losePlace(id)
		time.Sleep(2 * soon.ConfirmAfter)
		if f.listed(id) {
			f.Errorf("it was confirmed")
		}
	})
}
