package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/store"
)

// rare is the timing of tests that look at the schedule: nothing gets due by itself.
var rare = store.Timing{Poll: time.Hour, KeepAlive: time.Hour, VisitInterval: time.Hour}

func (s suite) tick(t *testing.T) {
	s.timed(t, "gives what is due to one worker, and puts it off", rare, func(f *fixture) {
		id, other := f.create(specOf(1)).ID, f.create(specOf(1)).ID
		round := f.due(id)
		if !slices.Equal(round.IDs, []string{id}) {
			f.Errorf("round %+v", round)
		}
		if at, _ := f.scheduled(id); at.UnixMilli() != round.PutOffTo || time.Until(at) > time.Hour+limit {
			f.Errorf("put off to %v, round %+v", at, round)
		}
		if again := f.tick(); slices.Contains(again.IDs, id) || slices.Contains(again.IDs, other) {
			f.Errorf("again %+v", again)
		}
	})
	s.timed(t, "says when it is, by Redis' clock", store.Timing{}, func(f *fixture) {
		from, err := f.rdb.Time(f.ctx).Result()
		f.check("time", err)
		round := f.tick()
		to, err := f.rdb.Time(f.ctx).Result()
		f.check("time", err)
		if round.Now.Before(from.Truncate(time.Millisecond)) || round.Now.After(to) {
			f.Errorf("%v, and it was between %v and %v", round.Now, from, to)
		}
	})
	s.timed(t, "gives every aggregation to exactly one of several workers", rare, func(f *fixture) {
		var ids []string
		for range 30 {
			id := f.create(specOf(1)).ID
			ids = append(ids, id)
			f.check("bring on", f.rdb.ZAdd(f.ctx, scheduleKey, redis.Z{Score: 1, Member: id}).Err())
		}
		var mu sync.Mutex
		var given []string
		together(4, func(int) {
			round := f.tick()
			mu.Lock()
			defer mu.Unlock()
			given = append(given, round.IDs...)
		})
		slices.Sort(given)
		if !slices.Equal(given, ids) {
			f.Errorf("given %d, want %d", len(given), len(ids))
		}
	})
	s.timed(t, "says how long nothing is due", rare, func(f *fixture) {
		if sleep := f.tick().Sleep; sleep != 2*time.Hour {
			f.Errorf("with nothing planned: %v", sleep)
		}
		spec := specOf(1)
		spec.Deadline = gather.After(10 * time.Minute)
		id := f.create(spec).ID
		if sleep := f.tick().Sleep; sleep > 10*time.Minute+time.Second || sleep < 10*time.Minute-limit {
			f.Errorf("with a deadline in 10 min: %v", sleep)
		}
		f.check("bring on", f.rdb.ZAdd(f.ctx, scheduleKey, redis.Z{Score: 1, Member: id}).Err())
		for i := range 250 { // more than one tick takes on
			f.check("plan", f.rdb.ZAdd(f.ctx, scheduleKey, redis.Z{Score: float64(i), Member: i}).Err())
		}
		if round := f.tick(); round.Sleep != 0 || len(round.IDs) > 200 {
			f.Errorf("with more due: %v, %d", round.Sleep, len(round.IDs))
		}
	})
	s.timed(t, "plan stays while the aggregation runs", rare, func(f *fixture) {
		spec := longSpec(1, 0)
		id, _ := f.running(spec)
		round := f.due(id)
		_, err := f.store.Visit(f.ctx, round, id)
		f.check("visit", err)
		if at, _ := f.scheduled(id); at.UnixMilli() != round.PutOffTo {
			f.Errorf("planned for %v, put off to %v", at, round.PutOffTo)
		}
	})
	s.timed(t, "plan comes before the deadline", rare, func(f *fixture) {
		id, _ := f.running(specOf(1)) // its deadline is in 5 min
		f.visitDue(id)
		if at, _ := f.scheduled(id); time.Until(at) > 5*time.Minute+limit {
			f.Errorf("planned for %v", at)
		}
	})
	s.timed(t, "plan of what has finished is its expiry", rare, func(f *fixture) {
		id := f.finished(1)
		f.visitDue(id)
		expires := f.get(id).ExpiresAt
		if at, _ := f.scheduled(id); at.Before(expires.Time) || at.Sub(expires.Time) > limit {
			f.Errorf("planned for %v, expires at %v", at, expires)
		}
	})
	s.timed(t, "plan of a visit gives way to a retry meanwhile", rare, func(f *fixture) {
		for range 20 { // both plans may be for the same millisecond
			id := f.finished(1, 0)
			round := f.due(id)
			stop := f.interpose(
				func(cmd redis.Cmder) bool { return scriptOn(cmd) == scheduleKey },
				func() { f.retry(id) },
			)
			_, err := f.store.Visit(f.ctx, round, id)
			stop()
			f.check("visit", err)
			if at, _ := f.scheduled(id); time.Until(at) > time.Hour {
				f.Fatalf("planned for %v, as if it had not been retried", at)
			}
		}
	})
	s.timed(t, "plan of a visit gives way to a retry that was slow", rare, func(f *fixture) {
		id := f.finished(1, 0)
		// The retry has made its plan, then comes a whole round, then the retry itself.
		stop := f.interpose(
			func(cmd redis.Cmder) bool { return scriptOn(cmd) == "gather:{"+id+"}" && !reads(cmd) },
			func() { f.visitDue(id) },
		)
		f.retry(id)
		stop()
		if at, planned := f.scheduled(id); !planned || time.Until(at) > time.Hour {
			f.Errorf("planned for %v (%t), as if it had not been retried", at, planned)
		}
	})
	forgetful := rare
	forgetful.ForgetAfter = time.Nanosecond
	s.timed(t, "can't forget an aggregation whose creation is slow", forgetful, func(f *fixture) {
		f.apart()
		var id string
		stop := f.interpose(
			func(cmd redis.Cmder) bool {
				key := scriptOn(cmd)
				id = strings.TrimSuffix(strings.TrimPrefix(key, "gather:{"), "}")
				return key != "" && key != scheduleKey
			},
			func() {
				f.eventually("its id is old", func() bool { return f.visitDue(id).Status == "" && !f.listed(id) })
			},
		)
		agg := f.create(specOf(1))
		stop()
		if _, planned := f.scheduled(agg.ID); !planned || !f.listed(agg.ID) || id != agg.ID {
			f.Errorf("planned %t, listed %t", planned, f.listed(agg.ID))
		}
	})
}
