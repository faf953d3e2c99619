package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gather"
)

// standing is an item as [store.Store.Pending] has it, without its time.
type standing struct {
	index    int
	status   gather.ItemStatus
	attempts int
}

func (f *fixture) pending(id string) []standing {
	f.Helper()
	found, err := f.store.Pending(f.ctx, id)
	f.check("pending", err)
	if found.AtMS < 0 || found.Items == nil {
		f.Errorf("pending of %s: %+v", id, found)
	}
	list := []standing{}
	for _, item := range found.Items {
		if item.StartedMS < 0 || item.StartedMS > found.AtMS {
			f.Errorf("%s/%d was started after %d of %d ms", id, item.Index, item.StartedMS, found.AtMS)
		}
		list = append(list, standing{item.Index, item.Status, item.Attempts})
	}
	return list
}

func (s suite) pending(t *testing.T) {
	s.test(t, "are the items that have begun and not ended, in input order", func(f *fixture) {
		id, items := f.running(specOf(5))
		if got := f.pending(id); len(got) > 0 {
			f.Errorf("before the first claim: %v", got)
		}
		f.claim(id, items[3])
		f.claim(id, items[1])
		f.claim(id, items[0])
		f.record(id, succeeded(0))
		want := []standing{{1, gather.ItemFetching, 1}, {3, gather.ItemFetching, 1}}
		if got := f.pending(id); !slices.Equal(got, want) {
			f.Errorf("%v, want %v", got, want)
		}
		f.release(id, items[3], time.Hour)
		want[1].status = gather.ItemRetrying
		if got := f.pending(id); !slices.Equal(got, want) {
			f.Errorf("after one is to be tried again: %v, want %v", got, want)
		}
		f.release(id, items[1], 0)
		f.claim(id, items[1])
		want[0] = standing{1, gather.ItemRetrying, 2}
		if got := f.pending(id); !slices.Equal(got, want) {
			f.Errorf("at the second attempt of one: %v, want %v", got, want)
		}
		f.cancel(id)
		if got := f.pending(id); len(got) > 0 {
			f.Errorf("after the end: %v", got)
		}
	})
	s.test(t, "tell with the result when the first attempt was", func(f *fixture) {
		id, items := f.running(specOf(2))
		f.eventually("the clock moves on", func() bool { found, err := f.store.Pending(f.ctx, id); return err == nil && found.AtMS > 2 })
		claims := f.claim(id, items...)
		found, err := f.store.Pending(f.ctx, id)
		f.check("pending", err)
		if started := claims[1].StartedMS; started < 3 || started > found.AtMS || found.Items[1].StartedMS != started {
			f.Errorf("claimed %d ms after the creation, and %+v", started, found)
		}
		f.cancel(id)
		for i, r := range f.results(id) {
			if r.StartedMS == nil || *r.StartedMS != claims[i].StartedMS {
				f.Errorf("canceled: %+v, want started_ms %d", r, claims[i].StartedMS)
			}
		}
		f.retry(id)
		again := f.claim(id, f.begin(id).Subtasks...)
		if len(again) != 2 || again[0].StartedMS < claims[0].StartedMS || again[0].Attempts != 1 {
			f.Errorf("claimed again: %+v", again)
		}
	})
	s.test(t, "of what there is not are ErrNotFound", func(f *fixture) {
		id := f.as("a").create(specOf(1)).ID
		for _, unknown := range []string{id, unknownID, "x"} {
			if _, err := f.as("b").store.Pending(f.as("b").ctx, unknown); !errors.Is(err, gather.ErrNotFound) {
				f.Errorf("%s: %v", unknown, err)
			}
		}
	})
}
