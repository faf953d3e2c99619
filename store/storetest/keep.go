package storetest

import (
	"testing"
	"time"

	"gather"
)

func (s suite) keep(t *testing.T) {
	s.test(t, "clears items of suspicion for a while", func(f *fixture) {
		id, handedOut := f.running(longSpec(640, 0))
		batch := each(handedOut[:1])
		f.age(id, 3*time.Hour)
		kept, err := f.store.Keep(f.ctx, id, batch)
		f.check("keep", err)
		if kept != len(batch) {
			f.Errorf("kept %d of %d", kept, len(batch))
		}
		for _, t := range f.look(id).Suspects {
			if t.Batch == 1 {
				f.Errorf("suspect %+v", t)
			}
		}
		f.age(id, 3*time.Hour)
		if suspects := f.look(id).Suspects; len(suspects) == 0 {
			f.Errorf("nothing is suspect once they are left alone")
		}
		if again := f.begin(id).Subtasks; len(again) != len(handedOut) || again[0] != handedOut[0] {
			f.Errorf("what was kept is not what was handed out: %+v", again[0])
		}
	})
	s.test(t, "of what does not wait under that start changes nothing", func(f *fixture) {
		id, handedOut := f.running(specOf(4))
		f.claim(id, handedOut[0])
		f.record(id, succeeded(1))
		_, err := f.store.Restart(f.ctx, id, handedOut[2])
		f.check("restart", err)
		kept, err := f.store.Keep(f.ctx, id, handedOut)
		f.check("keep", err)
		if kept != 1 || f.inFlight(id) != 3 {
			f.Errorf("kept %d, %d in flight", kept, f.inFlight(id))
		}
		kept, err = f.store.Keep(f.ctx, id, []gather.Subtask{})
		f.check("keep", err)
		if kept != 0 {
			f.Errorf("kept %d of none", kept)
		}
	})
	s.test(t, "restarts a batch as single items", func(f *fixture) {
		id, handedOut := f.running(longSpec(640, 0))
		f.claim(id, each(handedOut[:1])[3])
		again, err := f.store.Restart(f.ctx, id, handedOut[0])
		f.check("restart", err)
		if len(again) != 63 || again[3].Index != 4 || again[3].Start != 2 || again[3].Batch != 0 {
			f.Errorf("%+v", again)
		}
	})
}
