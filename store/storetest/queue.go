package storetest

import (
	"slices"
	"time"

	"gather"
)

// queue stands for the queue and its workers: it keeps what was put into it, whoever
// crashes. What a worker has taken out is lost with it.
type queue struct {
	f      *fixture
	runs   []string
	todo   []gather.Subtask
	firsts map[int]int // how many first results each item got
}

func newQueue(f *fixture) *queue { return &queue{f: f, firsts: make(map[int]int)} }

// put takes a command to Redis, and so may be what a crash prevents.
func (q *queue) put(list ...gather.Subtask) error {
	for _, t := range list {
		if err := q.f.rdb.Ping(q.f.ctx).Err(); err != nil {
			return err
		}
		if !slices.Contains(q.todo, t) { // a conflict is a success
			q.todo = append(q.todo, t)
		}
	}
	return nil
}

// run is put for the task that takes an aggregation up.
func (q *queue) run(id string) error {
	if err := q.f.rdb.Ping(q.f.ctx).Err(); err != nil {
		return err
	}
	q.runs = append(q.runs, id)
	return nil
}

// expand does what a worker does with a run task.
func (q *queue) expand(id string) error {
	plan, err := q.f.store.Begin(q.f.ctx, id, gather.Room{})
	if err != nil || plan == nil {
		return err
	}
	return q.put(plan.Subtasks...)
}

// fetch does what a worker does with a subtask. The first attempt fails, and is repeated.
func (q *queue) fetch(id string, t gather.Subtask) error {
	claims, err := q.f.store.Claim(q.f.ctx, id, []gather.Claim{{Subtask: t, Holder: theHolder}})
	if err != nil || len(claims) == 0 {
		return err
	}
	if claims[0].Attempts == 1 {
		if err := q.f.store.Release(q.f.ctx, id, &gather.Claim{Subtask: t, Holder: theHolder}, time.Millisecond); err != nil {
			return err
		}
		return q.put(t)
	}
	result := succeeded(t.Index)
	result.Run, result.Attempts = claims[0].Run, claims[0].Attempts
	recorded, err := q.f.store.Record(q.f.ctx, id, []gather.Result{result})
	if err != nil {
		return err
	}
	q.firsts[t.Index] += recorded.First
	return q.put(recorded.Next...)
}

// workOff takes up and fetches until the queue is empty.
func (q *queue) workOff(id string) error {
	for len(q.runs) > 0 {
		q.runs = q.runs[1:]
		if err := q.expand(id); err != nil {
			return err
		}
	}
	for len(q.todo) > 0 {
		t := q.todo[0]
		q.todo = q.todo[1:]
		if err := q.fetch(id, t); err != nil {
			return err
		}
	}
	return nil
}

// life is all that happens to an aggregation where nothing goes wrong.
func (q *queue) life(spec *gather.Spec) error {
	agg, _, err := q.f.createWithKey("k", "body", spec)
	if err != nil {
		return err
	}
	if err := q.run(agg.ID); err != nil {
		return err
	}
	return q.workOff(agg.ID)
}

// watch does what a watchdog does in a round.
func (q *queue) watch() error {
	for id, visit := range q.f.watchdog() {
		if visit.Status == gather.StatusQueued {
			if err := q.expand(id); err != nil {
				return err
			}
		}
		if err := q.put(visit.Lost...); err != nil {
			return err
		}
		for _, t := range visit.Suspects {
			if err := q.question(id, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// question starts a suspect again that the queue does not have.
func (q *queue) question(id string, t gather.Subtask) error {
	if slices.Contains(q.todo, t) {
		return nil
	}
	again, err := q.f.store.Restart(q.f.ctx, id, t)
	if err != nil {
		return err
	}
	return q.put(again...)
}

// recover brings the aggregation to its end with nothing but the watchdog's rounds
// and what is in the queue.
func (q *queue) recover(id string) {
	q.f.Helper()
	q.f.eventually("the watchdog brings it to its end", func() bool {
		q.f.check("watch", q.watch())
		q.f.check("work", q.workOff(id))
		return q.f.get(id).Status.Finished()
	})
}
