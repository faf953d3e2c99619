package storetest

import (
	"slices"
	"testing"
	"time"

	"gather"
)

// refuses checks that a claim is refused, and that trying changes no key.
func (f *fixture) refuses(what, id string, t gather.Subtask) {
	f.Helper()
	before := f.keys(id)
	claims, err := f.store.Claim(f.ctx, id, []gather.Claim{{Subtask: t, Holder: "another"}})
	if err != nil || len(claims) > 0 {
		f.Errorf("claim of what is %s: %+v, %v", what, claims, err)
	}
	if after := f.keys(id); !slices.Equal(before, after) {
		f.Errorf("claim of what is %s: keys %q became %q", what, before, after)
	}
}

func (s suite) claim(t *testing.T) {
	s.test(t, "counts attempts and the time since the first", func(f *fixture) {
		id, handedOut := f.running(specOf(1))
		item := handedOut[0]
		first := f.claim(id, item)
		if len(first) != 1 || first[0].Attempts != 1 || first[0].SinceFirst != 0 || first[0].Subtask != item {
			f.Fatalf("first claim %+v", first)
		}
		attempts := 1
		f.eventually("the clock moves on", func() bool {
			f.release(id, item, 0)
			claims := f.claim(id, item)
			attempts++
			if len(claims) != 1 || claims[0].Attempts != attempts {
				f.Fatalf("claim %d: %+v", attempts, claims)
			}
			return claims[0].SinceFirst > 0
		})
	})
	s.test(t, "is for one holder, who may claim again", func(f *fixture) {
		id, handedOut := f.running(specOf(1))
		held := f.claim(id, handedOut[0])
		f.refuses("claimed by another", id, handedOut[0])
		again := f.claimAgain(id, held...)
		if len(again) != 1 || again[0].Attempts != 2 {
			f.Fatalf("the holder's second claim %+v", again)
		}
		// The reply to the second claim may have been lost.
		if same := f.claimAgain(id, held...); len(same) != 1 || same[0].Attempts != 2 {
			f.Errorf("the holder's second claim, asked for again: %+v", same)
		}
	})
	s.test(t, "tells any two holders apart, whatever their names", func(f *fixture) {
		names := []string{"", " ", "-", "a b", "a", "1 2 3", "%d+", "\n"}
		for _, holder := range names {
			id, handedOut := f.running(longSpec(2, 1))
			held := f.claimAgain(id, gather.Claim{Subtask: handedOut[0], Holder: holder})
			for _, other := range names {
				if other == holder {
					continue
				}
				if stolen := f.claimAgain(id, gather.Claim{Subtask: handedOut[0], Holder: other, Attempts: 1}); len(stolen) > 0 {
					f.Errorf("%q got the claim of %q", other, holder)
				}
				f.check("release", f.store.Release(f.ctx, id, &gather.Claim{Subtask: handedOut[0], Holder: other}, 0))
			}
			if again := f.claimAgain(id, held...); len(again) != 1 || again[0].Attempts != 2 {
				f.Errorf("%q: %+v", holder, again)
			}
			f.age(id, 2*time.Hour)
			if lost := f.look(id).Lost; len(lost) != 1 || lost[0].Start != 2 {
				f.Errorf("%q: lost %+v", holder, lost)
			}
			f.cancel(id)
			f.closedItem(f.results(id)[0], 0, gather.ItemCanceled, gather.CodeCanceled, 2)
		}
	})
	s.test(t, "lost or given back can't be taken again by its old holder", func(f *fixture) {
		id, handedOut := f.running(longSpec(1, 0))
		held := f.claim(id, handedOut[0])
		f.age(id, 2*time.Hour)
		next := f.look(id).Lost[0]
		for _, stale := range []gather.Claim{held[0], {Subtask: handedOut[0], Holder: theHolder}} {
			if again := f.claimAgain(id, stale); len(again) > 0 {
				f.Errorf("again %+v", again)
			}
			f.check("release", f.store.Release(f.ctx, id, &stale, time.Hour))
		}
		if claims := f.claimAgain(id, gather.Claim{Subtask: next, Holder: "another"}); len(claims) != 1 || claims[0].Attempts != 2 {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "tells the run and the time left", func(f *fixture) {
		id := f.finished(1, 0)
		f.retry(id)
		claims := f.claim(id, f.begin(id).Subtasks...)
		if len(claims) != 1 || claims[0].Run != 1 || claims[0].DeadlineIn > gather.DefaultDeadline || claims[0].DeadlineIn < gather.DefaultDeadline-limit {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "leaves out what is refused", func(f *fixture) {
		id, handedOut := f.running(specOf(4))
		f.record(id, succeeded(1))
		stale := handedOut[2]
		stale.Start++
		claims := f.claim(id, handedOut[0], handedOut[1], stale, handedOut[3])
		if len(claims) != 2 || claims[0].Index != 0 || claims[1].Index != 3 || claims[1].Request.URL != urlOf(3) {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "leaves out what does not wait of many that nobody has claimed", func(f *fixture) {
		id, handedOut := f.running(cappedSpec(6, 4))
		f.record(id, succeeded(1)) // which hands out the fifth
		item := func(index int) gather.Subtask { return gather.Subtask{Index: index, Start: handedOut[0].Start} }
		claims := f.claim(id, item(0), item(1), item(2), item(5), item(6), item(-1), item(4))
		var got []int
		for _, claim := range claims {
			got = append(got, claim.Index)
			if claim.Attempts != 1 || claim.Waited < 0 || claim.Request.URL != urlOf(claim.Index) {
				f.Errorf("claim %+v", claim)
			}
		}
		if want := []int{0, 2, 4}; !slices.Equal(got, want) {
			f.Errorf("claimed %v, want %v", got, want)
		}
		for _, index := range got {
			f.refuses("claimed by another", id, item(index))
		}
		if claims := f.claim(id, item(3)); len(claims) != 1 {
			f.Errorf("what still waits: %+v", claims)
		}
	})
	s.test(t, "brings a damaged request as unreadable, beside others", func(f *fixture) {
		id, handedOut := f.running(specOf(3))
		f.check("damage", f.rdb.HSet(f.ctx, "gather:{"+id+"}:requests", "1", "damaged").Err())
		claims, err := f.store.Claim(f.ctx, id, []gather.Claim{
			{Subtask: handedOut[0], Holder: "one"}, {Subtask: handedOut[1], Holder: "two"}, {Subtask: handedOut[2], Holder: "two"},
		})
		f.check("claim", err)
		if len(claims) != 3 || claims[0].Unreadable != nil || claims[1].Unreadable == nil || claims[2].Unreadable != nil {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "with the beginning brings a damaged request as unreadable, beside others", func(f *fixture) {
		id := f.create(specOf(3)).ID
		f.check("damage", f.rdb.HSet(f.ctx, "gather:{"+id+"}:requests", "1", "damaged").Err())
		plan, err := f.store.Begin(f.ctx, id, gather.Room{Items: 3, Holder: "one"})
		f.check("begin", err)
		if plan == nil || len(plan.Claims) != 3 || plan.Claims[1].Unreadable == nil || plan.Claims[2].Unreadable != nil {
			f.Errorf("plan %+v", plan)
		}
	})
	s.test(t, "refuses what is not to be run", func(f *fixture) {
		id, handedOut := f.running(cappedSpec(3, 2))
		f.refuses("in an unknown aggregation", unknownID, handedOut[0])
		f.refuses("not there", id, gather.Subtask{Index: 3, Start: 1})
		f.refuses("before the first", id, gather.Subtask{Index: -1, Start: 1})
		f.refuses("not handed out yet", id, gather.Subtask{Index: 2, Start: 1})
		f.refuses("under a start to come", id, gather.Subtask{Index: 0, Start: 2})
		f.record(id, succeeded(0))
		f.refuses("finished", id, handedOut[0])
		f.cancel(id)
		f.refuses("canceled", id, handedOut[1])
		f.retry(id)
		f.refuses("queued again", id, handedOut[1])
		f.begin(id)
		f.refuses("of the run before the retry", id, handedOut[1])
		f.remove(id)
		f.refuses("deleted", id, handedOut[1])
	})
}

func (s suite) release(t *testing.T) {
	s.test(t, "lets the item wait again", func(f *fixture) {
		id, handedOut := f.running(specOf(2))
		f.claim(id, handedOut...)
		if waiting := f.begin(id).Subtasks; len(waiting) > 0 {
			f.Errorf("claimed, and yet waiting: %+v", waiting)
		}
		f.release(id, handedOut[1], 0)
		f.release(id, handedOut[1], 0) // twice is fine
		if waiting := f.begin(id).Subtasks; !slices.Equal(waiting, handedOut[1:]) {
			f.Errorf("waiting %+v", waiting)
		}
		if claims := f.claim(id, handedOut[1]); len(claims) != 1 {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "of what is not claimed changes nothing", func(f *fixture) {
		id, handedOut := f.running(specOf(3))
		f.claim(id, handedOut[1])
		f.record(id, succeeded(1))
		other := handedOut[2]
		other.Start = 9
		f.claim(id, handedOut[2])
		f.release(id, handedOut[0], 0)
		f.release(id, handedOut[1], 0)
		f.release(id, other, 0)
		if waiting := f.begin(id).Subtasks; !slices.Equal(waiting, handedOut[:1]) {
			f.Errorf("waiting %+v", waiting)
		}
	})
	s.test(t, "after the end leaves nothing behind", func(f *fixture) {
		id, handedOut := f.running(specOf(1))
		f.claim(id, handedOut[0])
		f.cancel(id)
		before := f.keys(id)
		f.release(id, handedOut[0], 0)
		if after := f.keys(id); !slices.Equal(before, after) {
			f.Errorf("keys %q became %q", before, after)
		}
		f.remove(id)
		f.release(id, handedOut[0], 0)
		if after := f.keys(id); len(after) > 0 {
			f.Errorf("keys %q", after)
		}
	})
}

func (s suite) restart(t *testing.T) {
	s.test(t, "lets the item wait under the next start", func(f *fixture) {
		id, handedOut := f.running(specOf(1))
		restarted, err := f.store.Restart(f.ctx, id, handedOut[0])
		if err != nil || len(restarted) != 1 || restarted[0].Start != 2 || restarted[0].Index != 0 || restarted[0].Fetch != handedOut[0].Fetch {
			f.Fatalf("%+v, %v", restarted, err)
		}
		f.refuses("started again", id, handedOut[0])
		if claims := f.claim(id, restarted[0]); len(claims) != 1 || claims[0].Attempts != 1 {
			f.Errorf("claims %+v", claims)
		}
	})
	s.test(t, "of what does not wait under that start changes nothing", func(f *fixture) {
		id, handedOut := f.running(specOf(4))
		f.claim(id, handedOut[0])
		f.record(id, succeeded(1))
		_, err := f.store.Restart(f.ctx, id, handedOut[2])
		f.check("restart", err)
		canceled, itsItems := f.running(specOf(1))
		f.cancel(canceled)
		for what, of := range map[string]struct {
			id   string
			item gather.Subtask
		}{
			"claimed":             {id, handedOut[0]},
			"ended":               {id, handedOut[1]},
			"started again":       {id, handedOut[2]},
			"unknown":             {unknownID, handedOut[3]},
			"of a canceled one":   {canceled, itsItems[0]},
			"not an item of this": {id, gather.Subtask{Index: 99, Start: 1}},
		} {
			if again, err := f.store.Restart(f.ctx, of.id, of.item); len(again) > 0 || err != nil {
				f.Errorf("%s: %+v, %v", what, again, err)
			}
		}
	})
}
