package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gather"
)

// closedIDs tells the ids that WatchClosed calls with. It has subscribed when this returns.
func (f *fixture) closedIDs(t testing.TB) <-chan string {
	f.Helper()
	ids := make(chan string, 100)
	ctx, stop := context.WithCancel(f.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.store.WatchClosed(ctx, func(id string) { ids <- id })
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	const probe = "is anybody there?"
	for {
		f.check("publish", f.rdb.Publish(f.ctx, "gather:closed", probe).Err())
		select {
		case id := <-ids:
			if id == probe {
				return ids
			}
		case <-time.After(time.Millisecond):
		case <-f.ctx.Done():
			f.Fatalf("WatchClosed never heard anything")
		}
	}
}

// hears waits until WatchClosed has told of id.
func (f *fixture) hears(ids <-chan string, id string) {
	f.Helper()
	for {
		select {
		case heard := <-ids:
			if heard == id {
				return
			}
		case <-f.ctx.Done():
			f.Fatalf("WatchClosed was not told of %s", id)
		}
	}
}

// closedItem checks the result of an item that no worker ended.
func (f *fixture) closedItem(r gather.Result, i int, status gather.ItemStatus, code gather.ErrorCode, attempts int) {
	f.Helper()
	if r.Index != i || r.URL != urlOf(i) || r.Status != status || r.Attempts != attempts || r.Truncated || r.HTTPStatus != 0 || r.Body != nil {
		f.Errorf("item %d: %+v", i, r)
	}
	if r.ElapsedMS < 0 || attempts == 0 && r.ElapsedMS != 0 {
		f.Errorf("item %d: elapsed %v ms after %d attempts", i, r.ElapsedMS, attempts)
	}
	if r.Error == nil || r.Error.Code != code || r.Error.Message == "" {
		f.Errorf("item %d: error %+v, want %s", i, r.Error, code)
	}
}

func (s suite) cancel(t *testing.T) {
	s.test(t, "ends a queued aggregation", func(f *fixture) {
		id := f.create(specOf(3)).ID
		agg := f.cancel(id)
		if agg.Status != gather.StatusCanceled || agg.Counts != (gather.Counts{Total: 3, Canceled: 3}) || agg.StartedAt != nil || agg.FinishedAt == nil {
			f.Errorf("%+v", agg)
		}
		for i, r := range f.results(id) {
			f.closedItem(r, i, gather.ItemCanceled, gather.CodeCanceled, 0)
		}
	})
	s.test(t, "of a running one keeps results, and closes the rest in input order", func(f *fixture) {
		id, handedOut := f.running(cappedSpec(6, 4))
		f.claim(id, handedOut[2], handedOut[3])
		f.record(id, succeeded(3))
		f.record(id, failed(0))
		if agg := f.cancel(id); agg.Status != gather.StatusCanceled || agg.Counts != (gather.Counts{Total: 6, Succeeded: 1, Failed: 1, Canceled: 4}) {
			f.Errorf("%+v", agg)
		}
		results := f.results(id)
		if len(results) != 6 || results[0].Status != gather.ItemFailed || results[3].Status != gather.ItemSucceeded {
			f.Fatalf("results %+v", results)
		}
		for i, attempts := range map[int]int{1: 0, 2: 1, 4: 0, 5: 0} {
			f.closedItem(results[i], i, gather.ItemCanceled, gather.CodeCanceled, attempts)
		}
		want := []string{"1: 3 succeeded", "2: 0 failed", "3: 1 canceled", "4: 2 canceled", "5: 4 canceled", "6: 5 canceled"}
		if got := f.summary(f.follow(id, 0)); !slices.Equal(got, want) {
			f.Errorf("in order of completion %q, want %q", got, want)
		}
	})
	s.test(t, "tells the workers to abort what is in flight", func(f *fixture) {
		ids := f.closedIDs(t)
		id, _ := f.running(specOf(2))
		f.cancel(id)
		f.hears(ids, id)
	})
	s.test(t, "of what has ended is ErrFinished, of what is unknown ErrNotFound", func(f *fixture) {
		id := f.finished(2)
		before := f.lines(id)
		for range 2 {
			if _, err := f.store.Cancel(f.ctx, id); !errors.Is(err, gather.ErrFinished) {
				f.Errorf("err = %v", err)
			}
		}
		if after := f.lines(id); !slices.Equal(before, after) || f.get(id).Status != gather.StatusSucceeded {
			f.Errorf("results %q became %q", before, after)
		}
		if _, err := f.store.Cancel(f.ctx, unknownID); !errors.Is(err, gather.ErrNotFound) {
			f.Errorf("err = %v", err)
		}
	})
	s.test(t, "and the last result race, and exactly one of them wins", func(f *fixture) {
		for range 10 {
			id, _ := f.running(specOf(1))
			var recorded *gather.Recorded
			var refused error
			together(2, func(i int) {
				if i == 0 {
					recorded = f.record(id, succeeded(0))
				} else {
					_, refused = f.store.Cancel(f.ctx, id)
				}
			})
			if recorded.Finished != errors.Is(refused, gather.ErrFinished) {
				f.Errorf("recorded %+v, canceled: %v", recorded, refused)
			}
			if results := f.results(id); len(results) != 1 || !f.get(id).Status.Finished() {
				f.Errorf("results %+v", results)
			}
		}
	})
}
