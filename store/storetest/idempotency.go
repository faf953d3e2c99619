package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gather"
)

func (f *fixture) createWithKey(key, fingerprint string, spec *gather.Spec) (*gather.Aggregation, bool, error) {
	return f.store.Create(f.ctx, &gather.Creation{Spec: spec, IdempotencyKey: key, Fingerprint: fingerprint})
}

func (s suite) idempotency(t *testing.T) {
	s.test(t, "is replayed with the same body", func(f *fixture) {
		first, replayed, err := f.createWithKey("k", "body", specOf(2))
		if err != nil || replayed {
			f.Fatalf("first: replayed %t, %v", replayed, err)
		}
		f.begin(first.ID)
		again, replayed, err := f.createWithKey("k", "body", specOf(2))
		if err != nil || !replayed || again.ID != first.ID || again.Status != gather.StatusRunning {
			f.Errorf("again: %+v, replayed %t, %v", again, replayed, err)
		}
	})
	s.test(t, "is refused with another body", func(f *fixture) {
		_, _, err := f.createWithKey("k", "body", specOf(2))
		f.check("create", err)
		if _, _, err := f.createWithKey("k", "other", specOf(1)); !errors.Is(err, gather.ErrKeyReused) {
			f.Errorf("err = %v", err)
		}
	})
	s.test(t, "is gone when its aggregation is deleted", func(f *fixture) {
		first, _, err := f.createWithKey("k", "body", specOf(2))
		f.check("create", err)
		f.remove(first.ID)
		if _, _, err := f.createWithKey("k", "body", specOf(2)); !errors.Is(err, gather.ErrKeyGone) {
			f.Errorf("err = %v", err)
		}
	})
	s.test(t, "is gone when its aggregation is expired", func(f *fixture) {
		spec := specOf(1)
		spec.Retention = gather.After(time.Millisecond)
		first, _, err := f.createWithKey("k", "body", spec)
		f.check("create", err)
		f.begin(first.ID)
		f.record(first.ID, succeeded(0))
		f.eventually("it expires", func() bool { return len(f.keys(first.ID)) == 0 })
		if _, _, err := f.createWithKey("k", "body", spec); !errors.Is(err, gather.ErrKeyGone) {
			f.Errorf("err = %v", err)
		}
	})
	s.test(t, "tells keys apart", func(f *fixture) {
		one, _, err1 := f.createWithKey("k1", "body", specOf(1))
		two, replayed, err2 := f.createWithKey("k2", "body", specOf(1))
		if err1 != nil || err2 != nil || replayed || one.ID == two.ID {
			f.Errorf("%v, %v, replayed %t", err1, err2, replayed)
		}
	})
	s.test(t, "makes one aggregation of many at the same time", func(f *fixture) {
		const n = 12
		var created [n]*gather.Aggregation
		var replayed [n]bool
		together(n, func(i int) {
			var err error
			if created[i], replayed[i], err = f.createWithKey("k", "body", specOf(3)); err != nil {
				f.Errorf("create: %v", err)
			}
		})
		makers := 0
		for i := range n {
			if created[i] == nil || created[i].ID != created[0].ID {
				f.Fatalf("several aggregations: %+v", created)
			}
			if !replayed[i] {
				makers++
			}
		}
		if makers != 1 {
			f.Errorf("%d think that they made it", makers)
		}
		if list, err := f.store.List(f.ctx, gather.Filter{}, "", 10); err != nil || len(list.Items) != 1 {
			f.Errorf("listed: %+v, %v", list, err)
		}
		if agg := f.get(created[0].ID); agg.Counts.Total != 3 {
			f.Errorf("counts %+v", agg.Counts)
		}
		if n := f.begin(created[0].ID).Subtasks; len(n) != 3 {
			f.Errorf("handed out %+v", n)
		}
	})
	s.test(t, "is remembered for a day, and is no part of a key name", func(f *fixture) {
		_, _, err := f.createWithKey("client secret", "body", specOf(1))
		f.check("create", err)
		keys := f.keys("gather:key:")
		if len(keys) != 1 || strings.Contains(keys[0], "secret") {
			f.Fatalf("keys %q", keys)
		}
		ttl, err := f.rdb.TTL(f.ctx, keys[0]).Result()
		if err != nil || ttl > 24*time.Hour || ttl < 24*time.Hour-limit {
			f.Errorf("remembered for %v, %v", ttl, err)
		}
	})
}
