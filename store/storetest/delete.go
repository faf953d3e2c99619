package storetest

import (
	"errors"
	"testing"

	"gather"
)

func (s suite) remove(t *testing.T) {
	for name, make := range map[string]func(f *fixture) string{
		"removes all of what is queued":   func(f *fixture) string { return f.create(specOf(3)).ID },
		"removes all of what is finished": func(f *fixture) string { return f.finished(3, 1) },
		"removes all of what is running, and aborts it": func(f *fixture) string {
			id, handedOut := f.running(cappedSpec(5, 3))
			f.claim(id, handedOut[0])
			f.record(id, succeeded(1))
			for _, err := range f.store.Follow(f.ctx, id, 0) {
				f.check("follow", err)
				break
			}
			return id
		},
	} {
		s.test(t, name, func(f *fixture) {
			ids := f.closedIDs(t)
			id := make(f)
			f.remove(id)
			if keys := f.keys(id); len(keys) > 0 {
				f.Errorf("keys %q", keys)
			}
			if _, planned := f.scheduled(id); planned || f.listed(id) {
				f.Errorf("planned %t, listed %t", planned, f.listed(id))
			}
			if _, err := f.store.Get(f.ctx, id); !errors.Is(err, gather.ErrNotFound) {
				f.Errorf("get: %v", err)
			}
			f.hears(ids, id)
		})
	}
	s.test(t, "of what is unknown or deleted is ErrNotFound", func(f *fixture) {
		id := f.finished(1)
		f.remove(id)
		for _, id := range []string{unknownID, id} {
			if err := f.store.Delete(f.ctx, id); !errors.Is(err, gather.ErrNotFound) {
				f.Errorf("err = %v", err)
			}
		}
	})
	s.test(t, "leaves the others alone", func(f *fixture) {
		id, other := f.finished(2), f.finished(2)
		f.remove(id)
		if lines := f.lines(other); len(lines) != 2 || !f.listed(other) {
			f.Errorf("results %q", lines)
		}
	})
}
