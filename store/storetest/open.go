package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// tryCreate makes one, and reports whether there was a place for it.
func (f *fixture) tryCreate() (id string, open bool) {
	f.Helper()
	agg, _, err := f.store.Create(f.ctx, &gather.Creation{Spec: specOf(2)})
	if errors.Is(err, gather.ErrTooManyOpen) {
		return "", false
	}
	f.check("create", err)
	return agg.ID, true
}

// wantOpen makes one that has to be let in, or not.
func (f *fixture) wantOpen(want bool, when string) (id string) {
	f.Helper()
	id, open := f.tryCreate()
	if open != want {
		f.Errorf("%s: let in: %t, want %t", when, open, want)
	}
	return id
}

func (f *fixture) fill(places int) (ids []string) {
	f.Helper()
	f.store.LimitOpen(places)
	for i := range places {
		ids = append(ids, f.wantOpen(true, fmt.Sprint("number ", i+1)))
	}
	f.wantOpen(false, "one too many")
	return ids
}

func (s suite) open(t *testing.T) {
	s.test(t, "aggregations are bounded, and each end makes room for one", func(f *fixture) {
		ids := f.fill(3)
		f.cancel(ids[0])
		again := f.wantOpen(true, "after a cancel")
		f.wantOpen(false, "with all places taken again")
		f.remove(again)
		f.wantOpen(true, "after a delete")
		for _, item := range f.begin(ids[1]).Subtasks {
			f.record(ids[1], succeeded(item.Index))
		}
		f.wantOpen(true, "after the last result")
		f.wantOpen(false, "at last")
		if list, _ := f.page(gather.Filter{}, "", 10); len(list) != 5 {
			f.Errorf("what was refused is listed: %v", list)
		}
	})
	s.test(t, "aggregations count for each owner apart", func(f *fixture) {
		f.fill(1)
		for _, owner := range []string{"a", "b"} {
			f.as(owner).wantOpen(true, owner)
			f.as(owner).wantOpen(false, owner)
		}
	})
	s.test(t, "places are not exceeded by many at the same time", func(f *fixture) {
		f.store.LimitOpen(4)
		var open atomic.Int32
		for range 2 {
			ids := make([]string, 12)
			together(len(ids), func(i int) {
				if id, yes := f.tryCreate(); yes {
					ids[i] = id
					open.Add(1)
				}
			})
			if n := open.Swap(0); n != 4 {
				f.Errorf("%d were let in, want 4", n)
			}
			for _, id := range ids {
				if id != "" {
					f.cancel(id)
				}
			}
		}
	})
	s.test(t, "places are needed for a retry, too", func(f *fixture) {
		f.store.LimitOpen(1)
		id := f.finished(2, 1)
		other := f.wantOpen(true, "after the end")
		if _, err := f.store.Retry(f.ctx, id); !errors.Is(err, gather.ErrTooManyOpen) {
			f.Errorf("retry: %v", err)
		}
		if agg := f.get(id); agg.Status != gather.StatusPartial {
			f.Errorf("a retry that was refused left %+v", agg)
		}
		f.cancel(other)
		f.retry(id)
		f.wantOpen(false, "while the retried one runs")
	})
	s.test(t, "a replay needs none", func(f *fixture) {
		f.store.LimitOpen(1)
		first, _, err := f.createWithKey("k", "body", specOf(1))
		f.check("create", err)
		again, replayed, err := f.createWithKey("k", "body", specOf(1))
		if err != nil || !replayed || again.ID != first.ID {
			f.Errorf("%+v, replayed %t, %v", again, replayed, err)
		}
		if _, _, err := f.createWithKey("other", "body", specOf(1)); !errors.Is(err, gather.ErrTooManyOpen) {
			f.Errorf("err = %v", err)
		}
		f.cancel(first.ID)
		// What was refused is made when it is sent again.
		if agg, replayed, err := f.createWithKey("other", "body", specOf(1)); err != nil || replayed || agg.Status != gather.StatusQueued {
			f.Errorf("%+v, replayed %t, %v", agg, replayed, err)
		}
	})
	s.timed(t, "no place is lost with a process", hasty, func(f *fixture) {
		f.store.LimitOpen(1)
		for commands := 0; ; commands++ {
			f.check("empty", Empty(f.ctx, f.rdb))
			stop := f.crashAfter(commands)
			_, _, err := f.store.Create(f.ctx, &gather.Creation{Spec: specOf(1)})
			crashed := stop()
			list, _ := f.page(gather.Filter{}, "", 10)
			for _, id := range list {
				f.cancel(id)
			}
			f.eventually("the place is free", func() bool { _, open := f.tryCreate(); return open })
			if !crashed {
				f.check("create", err)
				return
			}
		}
	})
	s.test(t, "a place is kept for what is about to be made", func(f *fixture) {
		f.store.LimitOpen(1)
		makes := func(cmd redis.Cmder) bool { return strings.HasPrefix(scriptOn(cmd), "gather:{agg_") }
		stop := f.interpose(makes, func() { f.wantOpen(false, "while another is about to be made") })
		f.wantOpen(true, "the one that came first")
		stop()
	})
	s.test(t, "places cost a creation one command, and none where there is no bound", func(f *fixture) {
		if _, cluster := f.rdb.(*redis.ClusterClient); cluster {
			return // each server has to be told the scripts, and the next one's is anybody's guess
		}
		create := func() { f.create(specOf(1)) }
		f.store.LimitOpen(9)
		create() // Redis has all scripts now
		f.store.LimitOpen(0)
		free := f.commands(create)
		f.store.LimitOpen(9)
		if bounded := f.commands(create); bounded != free+1 {
			f.Errorf("%d commands without a bound, %d with one", free, bounded)
		}
	})
	s.test(t, "places are forgotten a day after the last", func(f *fixture) {
		f.fill(2)
		for _, key := range f.keys("open:") {
			ttl, err := f.rdb.TTL(f.ctx, key).Result()
			if err != nil || ttl <= gather.MaxDeadline || ttl > gather.MaxDeadline+2*time.Hour {
				f.Errorf("%s expires in %v, %v", key, ttl, err)
			}
		}
	})
}
