package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"gather"
)

// windowSize and windowStep are how items without a cap of their own are handed out.
const (
	windowSize = 2048
	windowStep = 512
)

func (s suite) begin(t *testing.T) {
	s.test(t, "hands out all items in input order", func(f *fixture) {
		plan := f.begin(f.create(specOf(30)).ID)
		if !slices.Equal(indexesOf(plan.Subtasks), upTo(30)) {
			f.Errorf("handed out %v", indexesOf(plan.Subtasks))
		}
		if plan.Lane != "default" {
			f.Errorf("lane %q", plan.Lane)
		}
		for _, t := range plan.Subtasks {
			if want := "GET " + urlOf(t.Index); t.Start != 1 || t.Fetch != want {
				f.Errorf("subtask %+v, want start 1 of %s", t, want)
			}
		}
	})
	s.test(t, "done again hands out the same", func(f *fixture) {
		id, first := f.running(cappedSpec(100, 30))
		started := f.get(id).StartedAt
		if again := f.begin(id).Subtasks; !slices.Equal(again, first) || len(first) != 30 {
			f.Errorf("first %v, again %v", first, again)
		}
		if agg := f.get(id); agg.Status != gather.StatusRunning || started == nil || !agg.StartedAt.Equal(started.Time) {
			f.Errorf("%+v, started first at %v", agg, started)
		}
	})
	s.test(t, "done again leaves out what a worker is at or has ended", func(f *fixture) {
		id, first := f.running(specOf(5))
		f.claim(id, first[1])
		f.record(id, succeeded(3))
		if again := indexesOf(f.begin(id).Subtasks); !slices.Equal(again, []int{0, 2, 4}) {
			f.Errorf("again %v", again)
		}
	})
	s.test(t, "done again leaves out what waits for its time", func(f *fixture) {
		id, first := f.running(specOf(3))
		f.claim(id, first[1])
		f.release(id, first[1], time.Minute)
		if again := indexesOf(f.begin(id).Subtasks); !slices.Equal(again, []int{0, 2}) {
			f.Errorf("again %v", again)
		}
	})
	s.test(t, "has nothing to run of what is unknown or ended", func(f *fixture) {
		canceled := f.create(specOf(1)).ID
		f.cancel(canceled)
		for name, id := range map[string]string{"unknown": unknownID, "canceled": canceled, "finished": f.finished(1)} {
			if plan, err := f.store.Begin(f.ctx, id, gather.Room{}); plan != nil || err != nil {
				f.Errorf("%s: %+v, %v", name, plan, err)
			}
		}
		if keys := f.keys(unknownID); len(keys) > 0 {
			f.Errorf("keys %q", keys)
		}
	})
	s.test(t, "claims as many as there is room for", func(f *fixture) {
		id := f.create(longSpec(5, 5)).ID
		plan := f.beginWith(id, gather.Room{Items: 2, Holder: theHolder})
		if got := indexesOf(claimedBy(plan)); !slices.Equal(got, []int{0, 1}) || !slices.Equal(indexesOf(plan.Subtasks), []int{2, 3, 4}) {
			f.Fatalf("claimed %v, and handed out %v", got, indexesOf(plan.Subtasks))
		}
		for i, claim := range plan.Claims {
			if claim.Index != i || claim.Start != 1 || claim.Holder != theHolder || claim.Lane != "default" || claim.Run != 0 ||
				claim.DeadlineIn <= 0 || claim.Request.URL != urlOf(i) || claim.Attempts != 1 || claim.SinceFirst != 0 {
				f.Errorf("claim %+v", claim)
			}
			f.refuses("claimed with the beginning", id, claim.Subtask)
		}
		if again := f.claimAgain(id, plan.Claims[0]); len(again) != 1 || again[0].Attempts != 2 {
			f.Errorf("the holder's second claim %+v", again)
		}
		f.age(id, 2*time.Hour)
		lost := indexesOf(f.look(id).Lost)
		slices.Sort(lost)
		if !slices.Equal(lost, []int{0, 1}) {
			f.Errorf("lost %v", lost)
		}
	})
	s.test(t, "done again gives a holder its claims again, and nobody else", func(f *fixture) {
		id := f.create(specOf(3)).ID
		room := gather.Room{Items: 3, Holder: theHolder}
		f.beginWith(id, room)
		f.record(id, succeeded(1))
		if again := f.beginWith(id, room); !slices.Equal(indexesOf(claimedBy(again)), []int{0, 2}) || again.Claims[0].Attempts != 1 {
			f.Errorf("the holder got %+v", again)
		}
		if other := f.beginWith(id, gather.Room{Items: 3, Holder: "another"}); len(other.Claims)+len(other.Subtasks) > 0 {
			f.Errorf("another got %+v", other)
		}
		f.release(id, gather.Subtask{Index: 0, Start: 1}, time.Hour)
		if again := f.beginWith(id, room); !slices.Equal(indexesOf(claimedBy(again)), []int{2}) {
			f.Errorf("the holder of one claim got %+v", again.Claims)
		}
	})
	s.test(t, "done again gives a holder the whole time again", func(f *fixture) {
		id := f.create(longSpec(1, 0)).ID
		room := gather.Room{Items: 1, Holder: theHolder}
		f.beginWith(id, room)
		f.age(id, 2*time.Hour)
		f.beginWith(id, room)
		if lost := f.look(id).Lost; len(lost) > 0 {
			f.Errorf("lost %v", lost)
		}
	})
	s.test(t, "claims within the cap", func(f *fixture) {
		id := f.create(cappedSpec(4, 2)).ID
		plan := f.beginWith(id, gather.Room{Items: 4, Holder: theHolder})
		if len(plan.Claims) != 2 || len(plan.Subtasks) > 0 {
			f.Fatalf("%+v", plan)
		}
		if next := f.record(id, succeeded(1)).Next; !slices.Equal(indexesOf(next), []int{2}) {
			f.Errorf("next %v", indexesOf(next))
		}
	})
	s.test(t, "claims all of a small one where there is room", func(f *fixture) {
		id := f.create(specOf(256)).ID
		plan := f.beginWith(id, gather.Room{Items: 256, Holder: theHolder})
		if len(plan.Claims) != 256 || len(plan.Subtasks) > 0 || plan.Claims[255].Index != 255 {
			f.Fatalf("%d claims, %d subtasks", len(plan.Claims), len(plan.Subtasks))
		}
		if again := f.beginWith(id, gather.Room{Items: 256, Holder: theHolder}); len(again.Claims) != 256 {
			f.Errorf("%d claims once the reply was lost", len(again.Claims))
		}
	})
	s.test(t, "claims nothing of a large one", func(f *fixture) {
		for want, spec := range map[int]*gather.Spec{10: specOf(640), 20: cappedSpec(640, 20)} {
			if plan := f.beginWith(f.create(spec).ID, gather.Room{Items: 4, Holder: theHolder}); len(plan.Claims) > 0 || len(plan.Subtasks) != want {
				f.Errorf("%d claims, %d subtasks", len(plan.Claims), len(plan.Subtasks))
			}
		}
	})
	s.test(t, "says what it fetches, to people", func(f *fixture) {
		for n, want := range map[int]int{3: 3, 40: gather.MostFetches, 640: 0} {
			agg := f.create(specOf(n))
			if len(agg.Fetches) != want || want > 0 && agg.Fetches[2] != "GET "+urlOf(2) {
				f.Errorf("of %d items: %q", n, agg.Fetches)
			}
			subtasks := f.begin(agg.ID).Subtasks
			for _, claim := range f.claim(agg.ID, subtasks[0]) {
				if claim.Fetch != "GET "+urlOf(claim.Index) {
					f.Errorf("a claim of %d items fetches %q", n, claim.Fetch)
				}
			}
		}
	})
	s.test(t, "claims what a retry runs again", func(f *fixture) {
		id := f.finished(4, 1, 3)
		f.retry(id)
		plan := f.beginWith(id, gather.Room{Items: 1, Holder: theHolder})
		if len(plan.Claims) != 1 || !slices.Equal(indexesOf(plan.Subtasks), []int{3}) {
			f.Fatalf("%+v", plan)
		}
		if claim := plan.Claims[0]; claim.Index != 1 || claim.Start != 1_000_001 || claim.Run != 1 || claim.Attempts != 1 {
			f.Errorf("claim %+v", claim)
		}
	})
	s.test(t, "never exceeds the cap, and goes on in input order", func(f *fixture) {
		const n, c = 40, 4
		id, ready := f.running(cappedSpec(n, c))
		next := c
		for len(ready) > 0 {
			if got := f.inFlight(id); got != len(ready) || got > c {
				f.Fatalf("%d in flight", got)
			}
			i := rand.N(len(ready)) // any of them may end first
			t := ready[i]
			ready = slices.Delete(ready, i, i+1)
			if rand.N(2) == 0 {
				f.claim(id, t)
			}
			for _, follower := range f.record(id, succeeded(t.Index)).Next {
				if follower.Index != next {
					f.Errorf("item %d was handed out, want %d", follower.Index, next)
				}
				next++
				ready = append(ready, follower)
			}
		}
		if agg := f.get(id); agg.Status != gather.StatusSucceeded || next != n {
			f.Errorf("%+v, handed out %d", agg, next)
		}
	})
	s.test(t, "runs one after another with a cap of one", func(f *fixture) {
		id, ready := f.running(cappedSpec(12, 1))
		for i := range 12 {
			if len(ready) != 1 || ready[0].Index != i {
				f.Fatalf("handed out %+v, want item %d", ready, i)
			}
			ready = f.record(id, failed(i)).Next
		}
	})
	s.test(t, "without a cap goes on in windows of whole batches", func(f *fixture) {
		const n, batch = windowSize + windowStep + 1000, largestBatch
		const whole = windowSize / batch * batch
		id, handedOut := f.running(specOf(n))
		if !slices.Equal(indexesOf(handedOut), upTo(whole)) || len(handedOut) != whole/batch {
			f.Fatalf("handed out %d items in %d batches", len(indexesOf(handedOut)), len(handedOut))
		}
		var ended []gather.Result
		for i := range windowStep - (windowSize - whole) {
			ended = append(ended, succeeded(i))
		}
		if next := f.record(id, ended[1:]...).Next; len(next) > 0 {
			f.Errorf("%d items before there was room for a step", len(next))
		}
		next := f.record(id, ended[0]).Next
		if !slices.Equal(indexesOf(next), upTo(n)[whole:whole+windowStep/batch*batch]) {
			f.Errorf("next %v", indexesOf(next))
		}
	})
	s.test(t, "goes on in windows with a cap that is larger", func(f *fixture) {
		_, handedOut := f.running(cappedSpec(windowSize+200, windowSize+150))
		if n := len(indexesOf(handedOut)); n > windowSize || n <= windowSize-largestBatch {
			f.Errorf("handed out %d items at once", n)
		}
	})
	s.test(t, "hands out more at once where the workers can fetch more", func(f *fixture) {
		_, err := f.store.Tick(f.ctx, gather.Worker{Name: "large", Concurrency: 2000})
		f.check("tick", err)
		_, handedOut := f.running(specOf(4500))
		if n := len(indexesOf(handedOut)); n > 4000 || n <= 4000-largestBatch {
			f.Errorf("handed out %d items at once", n)
		}
	})
	s.test(t, "makes batches of neighbours", func(f *fixture) {
		if _, handedOut := f.running(specOf(15)); len(handedOut) != 15 || handedOut[7] != (gather.Subtask{Index: 7, Start: 1, Fetch: "GET " + urlOf(7)}) {
			f.Errorf("%d subtasks, one of them %+v", len(handedOut), handedOut[7])
		}
		for lane, n := range map[gather.Lane]int{"default": 160, "default-bulk": 320} {
			plan, size := f.begin(f.create(specOf(n)).ID), n/8
			want := gather.Subtask{Index: size, Start: 1, Fetch: "GET " + urlOf(size), Batch: 2, Items: fmt.Sprintf("%d-%d", size, 2*size-1)}
			if len(plan.Subtasks) != 8 || plan.Subtasks[1] != want || plan.Lane != lane {
				f.Errorf("%d subtasks in %q, one of them %+v", len(plan.Subtasks), plan.Lane, plan.Subtasks[1])
			}
		}
	})
	s.test(t, "makes batches of what the worker has no room for", func(f *fixture) {
		plan := f.beginWith(f.create(specOf(160)).ID, gather.Room{Items: 30, Holder: theHolder})
		want := gather.Subtask{Index: 30, Start: 1, Fetch: "GET " + urlOf(30), Batch: 2, Items: "30-39"}
		if len(plan.Claims) != 30 || len(plan.Subtasks) != 7 || plan.Subtasks[0] != want {
			f.Errorf("%d claims, %d subtasks, the first of them %+v", len(plan.Claims), len(plan.Subtasks), plan.Subtasks[0])
		}
	})
	s.test(t, "makes as many batches as the workers need", func(f *fixture) {
		for _, c := range []struct{ workers, concurrency, items, batch int }{
			{1, 256, 320, 40}, {2, 256, 320, 20}, {5, 256, 320, 8}, // 8 for each
			{5, 256, 60, 1},
			{5, 256, 10_000, largestBatch},
			{5, 20, 10_000, 10}, // half of what a worker fetches at once
			{5, 1, 1000, 1},
		} {
			f.check("forget the workers", f.rdb.Del(f.ctx, "gather:{all}:workers").Err())
			for i := range c.workers {
				_, err := f.store.Tick(f.ctx, gather.Worker{Name: strconv.Itoa(i), Concurrency: c.concurrency})
				f.check("tick", err)
			}
			_, handedOut := f.running(specOf(c.items))
			if n := len(indexesOf(handedOut[:1])); n != c.batch {
				f.Errorf("%d items in a batch, want %d, with %+v", n, c.batch, c)
			}
		}
	})
	s.test(t, "keeps batches well below the cap", func(f *fixture) {
		for _, c := range []int{1, 20, 40, 100, 700} {
			id, ready := f.running(cappedSpec(700, c))
			ended := 0
			for len(ready) > 0 {
				if n := f.inFlight(id); n > c || n <= c-c/16-1 && ended+n < 700 {
					f.Fatalf("%d in flight with a cap of %d", n, c)
				}
				subtask := ready[0]
				ready = ready[1:]
				for _, t := range each([]gather.Subtask{subtask}) {
					f.claim(id, t)
					ready = append(ready, f.record(id, succeeded(t.Index)).Next...)
					ended++
				}
			}
			if agg := f.get(id); agg.Status != gather.StatusSucceeded {
				f.Errorf("with a cap of %d: %+v", c, agg)
			}
		}
	})
	s.test(t, "takes what was claimed before out of its batch", func(f *fixture) {
		id, handedOut := f.running(specOf(640))
		f.claim(id, handedOut[0])
		f.record(id, succeeded(0), succeeded(4))
		f.release(id, gather.Subtask{Index: 7, Start: 1}, 0)
		again := f.begin(id).Subtasks
		if want := (gather.Subtask{Index: 7, Start: 1, Fetch: "GET " + urlOf(7)}); len(again) != 10 || again[0] != want || again[1] != handedOut[1] {
			f.Errorf("%d subtasks: %+v", len(again), again[:2])
		}
	})
	s.test(t, "makes batches of what a retry runs again, too", func(f *fixture) {
		id, handedOut := f.running(specOf(640))
		for _, t := range each(handedOut) {
			result := succeeded(t.Index)
			if slices.Contains([]int{3, 7, 8, 9, 67}, t.Index) {
				result = failed(t.Index)
			}
			f.record(id, result)
		}
		_, err := f.store.Retry(f.ctx, id)
		f.check("retry", err)
		const start = 1_000_001
		want := []gather.Subtask{
			{Index: 3, Start: start, Fetch: "GET " + urlOf(3), Batch: 1, Items: "3,7-9"},
			{Index: 67, Start: start, Fetch: "GET " + urlOf(67), Batch: 2, Items: "67"},
		}
		if again := f.begin(id).Subtasks; !slices.Equal(again, want) {
			f.Errorf("%+v", again)
		}
	})
}

// largestBatch is the most items of one subtask.
const largestBatch = 64
