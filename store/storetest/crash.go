package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// crashAfter lets so many more commands pass, then none: as far as Redis can tell,
// the process is no more. stop ends that, and tells whether it has come to it.
func (f *fixture) crashAfter(commands int) (stop func() (crashed bool)) {
	var mu sync.Mutex // the store confirms entries on its own, too
	crashed := false
	end := f.intercept(func(redis.Cmder) error {
		mu.Lock()
		defer mu.Unlock()
		if commands--; commands < 0 {
			crashed = true
			return errCrashed
		}
		return nil
	})
	return func() bool {
		end()
		mu.Lock()
		defer mu.Unlock()
		return crashed
	}
}

// eachCrash does something on an empty Redis again and again, with a crash after
// its first command, its second, and so on, until it ends before the crash.
func (f *fixture) eachCrash(prepare func(q *queue), do func(q *queue) error, then func(q *queue, when string)) {
	f.Helper()
	for commands := 0; ; commands++ {
		f.check("empty", Empty(f.ctx, f.rdb))
		q := newQueue(f)
		prepare(q)
		stop := f.crashAfter(commands)
		err := do(q)
		crashed := stop()
		if !crashed && err != nil {
			f.Fatalf("without a crash: %v", err)
		}
		then(q, fmt.Sprintf("after %d commands", commands))
		if !crashed {
			return
		}
	}
}

func (s suite) crash(t *testing.T) {
	for name, c := range map[string]int{"after any write is made up for": 0, "after any write is made up for, with a cap of one": 1} {
		s.timed(t, name, hasty, func(f *fixture) {
			spec := briefSpec(3, c)
			f.eachCrash(
				func(*queue) {},
				func(q *queue) error { return q.life(spec) },
				func(q *queue, when string) { f.survives(q, spec, when) },
			)
		})
	}
	s.timed(t, "after any write is made up for, on a cluster", hasty, func(f *fixture) {
		f.apart()
		spec := briefSpec(3, 0)
		f.eachCrash(
			func(*queue) {},
			func(q *queue) error { return q.life(spec) },
			func(q *queue, when string) { f.survives(q, spec, when) },
		)
	})
	for name, prepare := range map[string]func(f *fixture){"leaves nothing on an owner's lists": func(*fixture) {}, "leaves nothing on an owner's lists, on a cluster": (*fixture).apart} {
		s.timed(t, name, hasty, func(f *fixture) {
			prepare(f)
			f, spec := f.as("a"), briefSpec(3, 0)
			f.eachCrash(
				func(*queue) {},
				func(q *queue) error { return q.life(spec) },
				func(q *queue, when string) {
					f.survives(q, spec, when)
					for _, id := range f.listedIDs() {
						f.remove(id)
					}
					f.wantUnlisted("a")
				},
			)
		})
	}
	s.timed(t, "of a watchdog is made up for by the next", hasty, func(f *fixture) {
		spec := briefSpec(4, 2)
		var id string
		f.eachCrash(
			func(*queue) {
				agg, _, err := f.createWithKey("k", "body", spec)
				f.check("create", err)
				id = agg.ID
				f.claim(id, f.begin(id).Subtasks[0]) // its worker is lost; for the other it never came
				f.eventually("the claim is overdue", func() bool {
					now, err := f.rdb.Time(f.ctx).Result()
					f.check("time", err)
					return now.Sub(agg.CreatedAt.Time) > 50*time.Millisecond
				})
			},
			func(q *queue) error {
				round, err := f.store.Tick(f.ctx, gather.Worker{Name: "dying"})
				if err != nil {
					return err
				}
				visit, err := f.store.Visit(f.ctx, round, id)
				if err != nil {
					return err
				}
				return q.put(visit.Lost...)
			},
			func(q *queue, when string) { f.survives(q, spec, when) },
		)
	})
	s.timed(t, "of a retry leaves it finished or has it run again", hasty, func(f *fixture) {
		var id string
		f.eachCrash(
			func(*queue) {
				id = f.finished(3, 1)
				f.visitDue(id) // its next visit is at its expiry
			},
			func(*queue) error {
				_, err := f.store.Retry(f.ctx, id)
				return err
			},
			func(q *queue, when string) {
				retried := f.get(id).Status == gather.StatusQueued
				q.recover(id)
				if agg := f.get(id); (agg.Status == gather.StatusSucceeded) != retried || len(f.lines(id)) != 3 {
					f.Errorf("%s: %+v, retried: %t", when, agg, retried)
				}
				f.expires(id, true)
			},
		)
	})
	s.timed(t, "of a delete leaves it whole or gone", hasty, func(f *fixture) {
		var id string
		f.eachCrash(
			func(*queue) { id = f.finished(3, 1) },
			func(*queue) error { return f.store.Delete(f.ctx, id) },
			func(_ *queue, when string) {
				if len(f.keys(id)) > 0 {
					if lines := f.lines(id); len(lines) != 3 || !f.listed(id) {
						f.Errorf("%s: %q", when, lines)
					}
					return
				}
				f.eventually("nothing is left of it", func() bool {
					f.watchdog()
					_, planned := f.scheduled(id)
					return !planned && !f.listed(id)
				})
			},
		)
	})
}

// survives checks that after a crash the client that asks again gets its one
// aggregation, and that this comes to its end with one result for every item.
func (f *fixture) survives(q *queue, spec *gather.Spec, when string) {
	f.Helper()
	agg, _, err := f.createWithKey("k", "body", spec)
	f.check(when, err)
	if list, err := f.store.List(f.ctx, gather.Filter{}, "", 10); err != nil || len(list.Items) != 1 || list.Items[0].ID != agg.ID {
		f.Errorf("%s: listed %+v, %v", when, list.Items, err)
	}
	q.recover(agg.ID)
	n := len(spec.Requests)
	if agg = f.get(agg.ID); agg.Counts.Total != n || agg.Status != gather.StatusSucceeded {
		f.Errorf("%s: %+v, results %+v", when, agg, f.results(agg.ID))
	}
	for i, r := range f.results(agg.ID) {
		if r.Index != i || q.firsts[i] > 1 {
			f.Errorf("%s: item %d: %+v, %d first results", when, i, r, q.firsts[i])
		}
	}
	if completions := f.follow(agg.ID, 0); len(completions) != n {
		f.Errorf("%s: %q", when, f.summary(completions))
	}
	f.expires(agg.ID, true)
}
