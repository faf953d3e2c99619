package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gather"
)

func (s suite) retry(t *testing.T) {
	s.test(t, "keeps successes and runs the others again, in input order", func(f *fixture) {
		id := f.finished(6, 0, 2, 5)
		before := f.get(id)
		kept := f.lines(id)
		agg := f.retry(id)
		if agg.Status != gather.StatusQueued || agg.Retries != 1 || agg.FinishedAt != nil || agg.ExpiresAt != nil ||
			agg.Counts != (gather.Counts{Total: 6, Succeeded: 3, Pending: 3}) || !agg.CreatedAt.Equal(before.CreatedAt.Time) {
			f.Errorf("%+v", agg)
		}
		if lines := f.lines(id); !slices.Equal(lines, []gather.StoredLine{kept[1], kept[3], kept[4]}) {
			f.Errorf("results %q", lines)
		}
		handedOut := f.begin(id).Subtasks
		if !slices.Equal(indexesOf(handedOut), []int{0, 2, 5}) || handedOut[0].Start == 1 {
			f.Errorf("handed out %+v", handedOut)
		}
		if claims := f.claim(id, handedOut...); len(claims) != 3 || claims[0].Attempts != 1 {
			f.Errorf("claims %+v", claims)
		}
		f.record(id, succeeded(0), succeeded(2), succeeded(5))
		if agg := f.get(id); agg.Status != gather.StatusSucceeded || agg.Counts.Succeeded != 6 {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "runs items in input order, whatever the order that they ended in", func(f *fixture) {
		id, _ := f.running(cappedSpec(6, 2))
		for _, i := range []int{1, 0, 3, 2, 5, 4} {
			f.record(id, failed(i))
		}
		f.retry(id)
		ready := indexesOf(f.begin(id).Subtasks)
		for i := range 6 {
			if len(ready) == 0 || ready[0] != i {
				f.Fatalf("ready %v, want %d", ready, i)
			}
			ready = append(ready[1:], indexesOf(f.record(id, failed(i)).Next)...)
		}
	})
	s.test(t, "runs canceled items again", func(f *fixture) {
		id, _ := f.running(specOf(3))
		f.record(id, succeeded(1))
		f.cancel(id)
		f.retry(id)
		if again := indexesOf(f.begin(id).Subtasks); !slices.Equal(again, []int{0, 2}) {
			f.Errorf("again %v", again)
		}
	})
	s.test(t, "starts a new deadline of the same length, and forgets the reason", func(f *fixture) {
		spec := specOf(1)
		spec.Deadline = gather.After(time.Hour)
		id := f.create(spec).ID
		f.begin(id)
		f.age(id, 2*time.Hour)
		f.look(id)
		if agg := f.get(id); agg.Reason == "" {
			f.Errorf("%+v", agg)
		}
		if agg := f.retry(id); agg.Reason != "" || agg.ElapsedMS > float64(limit.Milliseconds()) {
			f.Errorf("%+v", agg)
		}
		if in := f.begin(id).DeadlineIn; in > time.Hour || in < time.Hour-limit {
			f.Errorf("deadline in %v", in)
		}
	})
	s.test(t, "keeps everything from expiring, and has it visited soon", func(f *fixture) {
		id := f.finished(2, 1)
		f.visitDue(id)
		f.retry(id)
		f.expires(id, false)
		if at, planned := f.scheduled(id); !planned || time.Until(at) > limit {
			f.Errorf("visited at %v (planned: %t)", at, planned)
		}
		f.begin(id)
		f.record(id, succeeded(1))
		f.expires(id, true)
	})
	s.test(t, "can be done again and again", func(f *fixture) {
		id := f.finished(6, 0, 1, 2, 3, 4, 5)
		for run := 1; run <= 4; run++ {
			if agg := f.retry(id); agg.Retries != run {
				f.Errorf("retries %d in run %d", agg.Retries, run)
			}
			handedOut := f.begin(id).Subtasks
			if again := f.begin(id).Subtasks; !slices.Equal(again, handedOut) {
				f.Errorf("handed out %+v, then %+v", handedOut, again)
			}
			f.claim(id, handedOut...)
			for _, t := range handedOut {
				if t.Index == run {
					f.record(id, succeeded(t.Index))
				} else {
					f.record(id, failed(t.Index))
				}
			}
		}
		if agg := f.get(id); agg.Status != gather.StatusPartial || agg.Counts.Succeeded != 4 {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "of what succeeded changes nothing", func(f *fixture) {
		id := f.finished(2)
		before := f.get(id)
		if agg := f.retry(id); agg.Status != gather.StatusSucceeded || agg.Retries != 0 || !agg.FinishedAt.Equal(before.FinishedAt.Time) {
			f.Errorf("%+v", agg)
		}
		f.expires(id, true)
	})
	s.test(t, "of what is unfinished is ErrUnfinished", func(f *fixture) {
		id := f.create(specOf(1)).ID
		_, queued := f.store.Retry(f.ctx, id)
		f.begin(id)
		_, running := f.store.Retry(f.ctx, id)
		if !errors.Is(queued, gather.ErrUnfinished) || !errors.Is(running, gather.ErrUnfinished) {
			f.Errorf("queued: %v, running: %v", queued, running)
		}
	})
	s.test(t, "of what is unknown is ErrNotFound and leaves nothing behind", func(f *fixture) {
		if _, err := f.store.Retry(f.ctx, unknownID); !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("err = %v", err)
		}
		if _, planned := f.scheduled(unknownID); planned || f.listed(unknownID) || len(f.keys(unknownID)) > 0 {
			f.Errorf("planned %t, listed %t, keys %q", planned, f.listed(unknownID), f.keys(unknownID))
		}
	})
	s.test(t, "by several at the same time is one retry", func(f *fixture) {
		id := f.finished(4, 1, 3)
		together(4, func(int) {
			if _, err := f.store.Retry(f.ctx, id); err != nil && !errors.Is(err, gather.ErrUnfinished) {
				f.Errorf("err = %v", err)
			}
		})
		if agg := f.get(id); agg.Retries != 1 || agg.Counts.Pending != 2 {
			f.Errorf("%+v", agg)
		}
	})
}
