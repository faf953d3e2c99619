package gather_test

import (
	"testing"
	"time"

	"gather"
)

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate             gather.Rate
		interval, window time.Duration
	}{
		{gather.Rate{PerSecond: 1, Burst: 1}, time.Second, time.Second},
		{gather.Rate{PerSecond: 50, Burst: 100}, 20 * time.Millisecond, 2 * time.Second},
		{gather.Rate{PerSecond: 0.5, Burst: 3}, 2 * time.Second, 6 * time.Second},
		{gather.Rate{PerSecond: 3, Burst: 3}, 333333 * time.Microsecond, 999999 * time.Microsecond},
		{gather.Rate{PerSecond: 1e9, Burst: 2}, time.Microsecond, 2 * time.Microsecond},
	} {
		if c.rate.Interval() != c.interval || c.rate.Window() != c.window {
			t.Errorf("%+v: interval %v, window %v; want %v, %v", c.rate, c.rate.Interval(), c.rate.Window(), c.interval, c.window)
		}
	}
}
