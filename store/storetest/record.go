package storetest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gather"
)

func (s suite) record(t *testing.T) {
	s.test(t, "takes no result of the run before a retry", func(f *fixture) {
		id, _ := f.running(specOf(1))
		f.cancel(id)
		f.retry(id)
		f.begin(id)
		late, err := f.store.Record(f.ctx, id, []gather.Result{succeeded(0)})
		f.check("record", err)
		if late.First != 0 || f.get(id).Status != gather.StatusRunning {
			f.Errorf("it counts: %+v", late)
		}
	})
	s.test(t, "keeps the first result of an item", func(f *fixture) {
		id, _ := f.running(specOf(2))
		if first := f.record(id, succeeded(0)); first.First != 1 || first.Finished {
			f.Errorf("first %+v", first)
		}
		if again := f.record(id, failed(0)); again.First != 0 || again.Finished || len(again.Next) > 0 {
			f.Errorf("again %+v", again)
		}
		if c := f.get(id).Counts; c != (gather.Counts{Total: 2, Succeeded: 1, Pending: 1}) {
			f.Errorf("counts %+v", c)
		}
		if results := f.results(id); len(results) != 1 || results[0].Status != gather.ItemSucceeded {
			f.Errorf("results %+v", results)
		}
	})
	s.test(t, "keeps several at once, one of each item", func(f *fixture) {
		id, _ := f.running(specOf(4))
		recorded := f.record(id, succeeded(2), failed(2), succeeded(0), failed(3))
		if recorded.First != 3 || recorded.Finished {
			f.Errorf("recorded %+v", recorded)
		}
		if c := f.get(id).Counts; c != (gather.Counts{Total: 4, Succeeded: 2, Failed: 1, Pending: 1}) {
			f.Errorf("counts %+v", c)
		}
	})
	s.test(t, "keeps at once what is claimed, what waits, and what has been lost, and nothing else", func(f *fixture) {
		id, handedOut := f.running(longSpec(6, 5))
		f.claim(id, handedOut[0])
		f.age(id, 2*time.Hour)
		f.look(id) // item 0 is lost, and waits again
		f.claim(id, handedOut[1], handedOut[2])
		f.release(id, handedOut[2], 0)
		f.record(id, failed(3)) // which hands out item 5
		other := succeeded(5)
		other.Run = 1
		recorded, err := f.store.Record(f.ctx, id, []gather.Result{
			succeeded(0), succeeded(1), other, succeeded(2), succeeded(3), succeeded(4), failed(4), succeeded(9),
		})
		f.check("record", err)
		if recorded.First != 4 || recorded.Finished {
			f.Errorf("recorded %+v", recorded)
		}
		if c := f.get(id).Counts; c != (gather.Counts{Total: 6, Succeeded: 4, Failed: 1, Pending: 1}) {
			f.Errorf("counts %+v", c)
		}
		if recorded := f.record(id, succeeded(5)); recorded.First != 1 || !recorded.Finished {
			f.Errorf("the last one: %+v", recorded)
		}
	})
	s.test(t, "keeps the line as it is", func(f *fixture) {
		id, _ := f.running(specOf(1))
		result := succeeded(0)
		line, err := result.Stored()
		f.check("line", err)
		f.record(id, result)
		if lines := f.lines(id); len(lines) != 1 || lines[0] != gather.StoredLine(line) {
			f.Errorf("lines %q, want %q", lines, line)
		}
	})
	s.test(t, "needs no claim", func(f *fixture) {
		id, handedOut := f.running(specOf(2))
		f.claim(id, handedOut[0])
		if recorded := f.record(id, succeeded(0), succeeded(1)); recorded.First != 2 || !recorded.Finished {
			f.Errorf("recorded %+v", recorded)
		}
	})
	for name, end := range map[string]struct {
		failed []int
		status gather.Status
	}{
		"ends as succeeded where all items did": {nil, gather.StatusSucceeded},
		"ends as partial where some did":        {[]int{1}, gather.StatusPartial},
		"ends as failed where none did":         {[]int{0, 1, 2}, gather.StatusFailed},
	} {
		s.test(t, name, func(f *fixture) {
			agg := f.get(f.finished(3, end.failed...))
			if agg.Status != end.status || agg.Reason != "" || agg.Counts.Failed != len(end.failed) {
				f.Errorf("%+v", agg)
			}
			if agg.FinishedAt.Before(agg.StartedAt.Time) || agg.StartedAt.Before(agg.CreatedAt.Time) {
				f.Errorf("created %v, started %v, finished %v", agg.CreatedAt, agg.StartedAt, agg.FinishedAt)
			}
			// The times are cut to milliseconds, the time between them is not.
			between := gather.Milliseconds(agg.FinishedAt.Sub(agg.CreatedAt.Time))
			if agg.ElapsedMS <= between-1 || agg.ElapsedMS >= between+1 {
				f.Errorf("elapsed %v ms, want about %v", agg.ElapsedMS, between)
			}
		})
	}
	s.test(t, "ends once, whoever records what at the same time", func(f *fixture) {
		const n, workers = 24, 3
		id, _ := f.running(cappedSpec(n, 5))
		var first, ends atomic.Int32
		together(workers, func(w int) {
			for i := range n {
				result := succeeded(i)
				if w == 0 {
					result = failed(i)
				}
				for { // until it is handed out
					recorded := f.record(id, result)
					first.Add(int32(recorded.First))
					if recorded.Finished {
						ends.Add(1)
					}
					if len(f.lines(id)) > i {
						break
					}
				}
			}
		})
		if first.Load() != n || ends.Load() != 1 {
			f.Errorf("%d first results, %d ends", first.Load(), ends.Load())
		}
		if agg := f.get(id); !agg.Status.Finished() || agg.Counts.Pending != 0 {
			f.Errorf("%+v", agg)
		}
	})
	s.test(t, "changes nothing where the aggregation does not run", func(f *fixture) {
		queued, canceled, finished := f.create(specOf(1)).ID, f.create(specOf(1)).ID, f.finished(1)
		f.cancel(canceled)
		for what, id := range map[string]string{"queued": queued, "canceled": canceled, "finished": finished, "unknown": unknownID} {
			before := f.keys(id)
			if recorded := f.record(id, failed(0)); recorded.First != 0 || recorded.Finished || len(recorded.Next) > 0 {
				f.Errorf("%s: %+v", what, recorded)
			}
			if after := f.keys(id); !slices.Equal(before, after) {
				f.Errorf("%s: keys %q became %q", what, before, after)
			}
		}
	})
	s.test(t, "changes nothing for an item that is not handed out", func(f *fixture) {
		id, _ := f.running(cappedSpec(3, 1))
		if recorded := f.record(id, succeeded(2), succeeded(7), succeeded(-1)); recorded.First != 0 || recorded.Finished {
			f.Errorf("recorded %+v", recorded)
		}
		for i := range 3 {
			if recorded := f.record(id, succeeded(i)); recorded.First != 1 || recorded.Finished != (i == 2) {
				f.Errorf("item %d: %+v", i, recorded)
			}
		}
	})
	s.test(t, "from before a retry can't block the items after it", func(f *fixture) {
		id, handedOut := f.running(cappedSpec(4, 2))
		handedOut = append(handedOut[1:], f.record(id, failed(0)).Next...)
		f.claim(id, handedOut...)
		f.cancel(id)
		f.retry(id)
		pending := f.begin(id).Subtasks
		// A worker still was at item 2, which now has to wait for its turn.
		if late := f.record(id, failed(2)); late.First != 0 {
			f.Errorf("late %+v", late)
		}
		for len(pending) > 0 {
			t := pending[0]
			pending = append(pending[1:], f.record(id, succeeded(t.Index)).Next...)
		}
		if agg := f.get(id); !agg.Status.Finished() {
			f.Errorf("%+v", agg)
		}
	})
}
