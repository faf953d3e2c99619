package main

import (
	"math"
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0.00", 0.654: "0.65", 2.34: "2.3", 99.94: "99.9", 100.4: "100", 1007.6: "1,008", 1234567: "1,234,567", math.Inf(1): "–",
	} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 10: "10", 999: "999", 1000: "1,000", 10_050: "10,050", 1_000_007: "1,000,007"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	few := []time.Duration{time.Millisecond, 3 * time.Millisecond, 2 * time.Millisecond}
	if got := times(few); got.text != "2.0 ms" || got.cost != 2 {
		t.Errorf("times of few = %+v, want the median alone", got)
	}
	var many []time.Duration
	for i := range manySamples {
		many = append(many, time.Duration(i+1)*100*time.Millisecond)
	}
	if got := times(many).text; got != "1,550 / 3,000 ms" {
		t.Errorf("times of many = %q", got)
	}
}

func TestRatio(t *testing.T) {
	twice, once := figure{cost: 2}, figure{cost: 1}
	if got := ratio(twice, once); got != "2.00" {
		t.Errorf("ratio = %q", got)
	}
	if got := ratio(twice, figure{}); got != "" {
		t.Errorf("ratio to nothing = %q", got)
	}
	// The ratios of rates are those of the times behind them.
	if got := ratio(rate(500), rate(1000)); got != "2.00" {
		t.Errorf("ratio of half the rate = %q", got)
	}
}

func TestTarget(t *testing.T) {
	fast, slow := 2*time.Millisecond, 9*time.Millisecond
	cases := map[string]struct {
		target  target
		samples []time.Duration
		text    string
		want    verdict
	}{
		"no target, no verdict":         {target{}, []time.Duration{fast}, "", ""},
		"a median below is met":         {target{most: 1008}, []time.Duration{fast, fast, slow}, "≤ 1,008 ms", met},
		"a median above is missed":      {target{most: 3}, []time.Duration{fast, slow, slow}, "≤ 3 ms", missed},
		"the 99th percentile counts":    {target{most: 3, mostP99: 8}, []time.Duration{fast, fast, slow}, "≤ 3 / 8 ms", missed},
		"both together can be met too ": {target{most: 3, mostP99: 9}, []time.Duration{fast, fast, slow}, "≤ 3 / 9 ms", met},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.target.String(); got != c.text {
				t.Errorf("text = %q, want %q", got, c.text)
			}
			if got := c.target.judge(c.samples); got != c.want {
				t.Errorf("judge = %q, want %q", got, c.want)
			}
		})
	}
}

func TestContest_String(t *testing.T) {
	c := contest{n: 10_000, delay: time.Second, concurrency: 10_000}
	if got := c.String(); got != "N=10,000 of 1,000 ms, concurrency 10,000" {
		t.Errorf("String = %q", got)
	}
}
