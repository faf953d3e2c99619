package storetest

import (
	"testing"
	"time"

	"gather"
)

func (s suite) retention(t *testing.T) {
	s.test(t, "lets no key expire before the end, and every key after it", func(f *fixture) {
		id, handedOut := f.running(cappedSpec(4, 2))
		f.claim(id, handedOut[0])
		f.record(id, succeeded(0))
		f.expires(id, false)
		f.record(id, succeeded(1))
		f.record(id, succeeded(2))
		f.record(id, succeeded(3))
		f.expires(id, true)
		f.follow(id, 0)
		f.expires(id, true)
	})
	s.timed(t, "over, nothing is left", hasty, func(f *fixture) {
		spec := specOf(2)
		spec.Retention = gather.After(20 * time.Millisecond)
		ended, _ := f.running(spec)
		f.record(ended, succeeded(0), failed(1))
		canceled := f.create(spec).ID
		f.cancelFleeting(canceled)
		kept := f.finished(1)
		for _, id := range []string{ended, canceled} {
			f.eventually("nothing is left of it", func() bool {
				f.watchdog()
				_, planned := f.scheduled(id)
				return !planned && !f.listed(id) && len(f.keys(id)) == 0
			})
		}
		if _, planned := f.scheduled(kept); !planned || !f.listed(kept) || f.get(kept).Status != gather.StatusSucceeded {
			f.Errorf("what is to be kept is gone too")
		}
	})
	s.timed(t, "keeps the place of an aggregation that may be about to be made", rare, func(f *fixture) {
		id := f.create(specOf(1)).ID
		f.check("as if not made yet", f.rdb.Del(f.ctx, f.keys(id)...).Err())
		if v := f.visitDue(id); v.Status != "" {
			f.Errorf("%+v", v)
		}
		if at, planned := f.scheduled(id); !planned || !f.listed(id) || time.Until(at) > limit+time.Minute {
			f.Errorf("planned for %v (%t), listed %t", at, planned, f.listed(id))
		}
	})
}
