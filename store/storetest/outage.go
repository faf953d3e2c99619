package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"gather"
	"gather/store"
)

// operations are all that a store does, each on an aggregation that runs.
func operations(ctx context.Context, s *store.Store, id string) map[string]error {
	item := gather.Subtask{Start: 1}
	all := make(map[string]error)
	_, _, all["create"] = s.Create(ctx, &gather.Creation{Spec: specOf(1)})
	_, _, all["create with a key"] = s.Create(ctx, &gather.Creation{Spec: specOf(1), IdempotencyKey: "k"})
	_, all["get"] = s.Get(ctx, id)
	_, all["list"] = s.List(ctx, gather.Filter{}, "", 10)
	_, all["read"] = s.Read(ctx, id)
	_, all["pending"] = s.Pending(ctx, id)
	_, all["begin"] = s.Begin(ctx, id, gather.Room{})
	_, all["claim"] = s.Claim(ctx, id, []gather.Claim{{Subtask: item, Holder: theHolder}})
	all["release"] = s.Release(ctx, id, &gather.Claim{Subtask: item, Holder: theHolder}, 0)
	_, all["record"] = s.Record(ctx, id, []gather.Result{succeeded(0)})
	_, all["keep"] = s.Keep(ctx, id, []gather.Subtask{item})
	_, all["restart"] = s.Restart(ctx, id, item)
	_, all["tick"] = s.Tick(ctx, gather.Worker{Name: "worker"})
	_, all["visit"] = s.Visit(ctx, &gather.Round{}, id)
	all["leave"] = s.Leave(ctx, gather.Worker{Name: "worker"})
	_, all["ready"] = s.Ready(ctx)
	_, all["cancel"] = s.Cancel(ctx, id)
	_, all["retry"] = s.Retry(ctx, id)
	all["delete"] = s.Delete(ctx, id)
	all["forget"] = s.Forget(ctx, id)
	return all
}

// Unavailable checks that every operation says that Redis is out of reach.
func Unavailable(t testing.TB, s *store.Store, id string) {
	t.Helper()
	all := operations(t.Context(), s, id)
	_, all["wait"] = s.Wait(t.Context(), id, time.Hour, nil)
	for _, err := range s.Follow(t.Context(), id, 0) {
		all["follow"] = err
	}
	if len(all) < 20 {
		t.Errorf("only %d operations said anything", len(all))
	}
	for name, err := range all {
		if !errors.Is(err, gather.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (s suite) outage(t *testing.T) {
	s.test(t, "is ErrUnavailable, whatever was asked for", func(f *fixture) {
		id, _ := f.running(specOf(2))
		f.check("close", f.rdb.Close())
		Unavailable(t, f.store, id)
	})
	s.test(t, "is told from a caller that gave up", func(f *fixture) {
		id, _ := f.running(specOf(2))
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, err := range operations(ctx, f.store, id) {
			if !errors.Is(err, context.Canceled) || errors.Is(err, gather.ErrUnavailable) {
				f.Errorf("%s: %v", name, err)
			}
		}
	})
	s.test(t, "of one moment does not keep what was accepted from being told", func(f *fixture) {
		// Everything is written; what fails is only what makes it surer.
		for left := 1; ; left++ {
			stop := f.crashAfter(left)
			agg, _, err := f.store.Create(f.ctx, &gather.Creation{Spec: specOf(1), IdempotencyKey: "k" + urlOf(left)})
			crashed := stop()
			list, listErr := f.store.List(f.ctx, gather.Filter{}, "", 1)
			f.check("list", listErr)
			accepted := len(list.Items) > 0
			if accepted != (err == nil) {
				f.Errorf("after %d commands: accepted %t, and yet %v", left, accepted, err)
			}
			if err == nil && (agg.Counts.Total != 1 || agg.Status != gather.StatusQueued) {
				f.Errorf("%+v", agg)
			}
			if accepted {
				f.remove(list.Items[0].ID)
			}
			if !crashed {
				return
			}
		}
	})
}
