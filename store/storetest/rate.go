package storetest

import (
	"testing"
	"time"

	"gather"
)

func (f *fixture) take(rate gather.Rate) gather.Allowance {
	f.Helper()
	allowance, err := f.store.Take(f.ctx, rate)
	f.check("take", err)
	return allowance
}

func (s suite) rate(t *testing.T) {
	// An hour is longer than any test lasts: what is granted then is the burst alone.
	rare := gather.Rate{PerSecond: 1.0 / 3600, Burst: 3}
	s.test(t, "grants a burst, and says what is left", func(f *fixture) {
		for left := range 3 {
			got := f.take(rare)
			if !got.Granted || got.Remaining != 2-left || got.MoreAfter > time.Hour || got.MoreAfter < time.Hour-limit {
				f.Errorf("request %d: %+v", left+1, got)
			}
		}
		for range 2 { // what is refused costs nothing
			got := f.take(rare)
			if got.Granted || got.Remaining != 0 || got.MoreAfter > time.Hour || got.MoreAfter < time.Hour-limit {
				f.Errorf("over the burst: %+v", got)
			}
		}
	})
	s.test(t, "grants again after as long as it says", func(f *fixture) {
		rate := gather.Rate{PerSecond: 20, Burst: 1}
		for range 3 {
			f.eventually("one is granted", func() bool { return f.take(rate).Granted })
		}
		for start := time.Now(); ; {
			if got := f.take(rate); got.Granted {
				break
			} else if time.Since(start) < limit/2 { // the process may have been held up
				time.Sleep(got.MoreAfter)
			} else {
				f.Fatalf("never granted: %+v", got)
			}
		}
	})
	s.test(t, "counts for each owner apart", func(f *fixture) {
		once := gather.Rate{PerSecond: 1.0 / 3600, Burst: 1}
		for _, who := range []*fixture{f, f.as("a"), f.as("b")} {
			if first, second := who.take(once), who.take(once); !first.Granted || second.Granted {
				f.Errorf("%q: %+v, then %+v", gather.OwnerOf(who.ctx), first, second)
			}
		}
	})
	s.test(t, "grants no more to many at the same time", func(f *fixture) {
		granted := make([]bool, 20)
		together(len(granted), func(i int) { granted[i] = f.take(rare).Granted })
		n := 0
		for _, yes := range granted {
			if yes {
				n++
			}
		}
		if n != rare.Burst {
			f.Errorf("granted %d, want %d", n, rare.Burst)
		}
	})
	s.test(t, "keeps to a rate that was changed", func(f *fixture) {
		for range rare.Burst {
			f.take(rare)
		}
		if got := f.take(gather.Rate{PerSecond: 1000, Burst: 1}); got.Granted || got.Remaining != 0 || got.MoreAfter > time.Millisecond {
			f.Errorf("under a new rate, with the debts of the old one: %+v", got)
		}
	})
	s.test(t, "leaves nothing behind when the burst is whole", func(f *fixture) {
		f.take(gather.Rate{PerSecond: 100, Burst: 2})
		f.eventually("the key is gone", func() bool { return len(f.keys("gather:rate:")) == 0 })
	})
}
