package main

import (
	"math"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		samples []float64
		want    float64
	}{
		"one is its own median":            {[]float64{7}, 7},
		"the middle of an odd number":      {[]float64{9, 1, 5}, 5},
		"between the two of an even one":   {[]float64{4, 1, 2, 100}, 3},
		"an outlier does not move it much": {[]float64{1, 1, 1, 1, 1000}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := median(c.samples); got != c.want {
				t.Errorf("median(%v) = %v, want %v", c.samples, got, c.want)
			}
		})
	}
	t.Run("of nothing there is none", func(t *testing.T) {
		if got := median(nil); !math.IsNaN(got) {
			t.Errorf("median(nil) = %v", got)
		}
	})
	t.Run("the samples stay in order", func(t *testing.T) {
		samples := []float64{3, 1, 2}
		median(samples)
		if samples[0] != 3 || samples[1] != 1 {
			t.Errorf("samples are %v now", samples)
		}
	})
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	cases := map[string]struct {
		samples []float64
		p, want float64
	}{
		"of 100 samples, 99 do not exceed it": {hundred, 99, 99},
		"of 30 samples it is the largest":     {hundred[:30], 99, 100},
		"the 100th is the largest":            {hundred, 100, 100},
		"the 0th is the smallest":             {hundred, 0, 1},
		"of one it is that one":               {[]float64{5}, 99, 5},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := percentile(c.samples, c.p); got != c.want {
				t.Errorf("percentile(%v) = %v, want %v", c.p, got, c.want)
			}
		})
	}
}

func TestMilliseconds(t *testing.T) {
	got := milliseconds([]time.Duration{1500 * time.Microsecond, 2 * time.Second})
	if got[0] != 1.5 || got[1] != 2000 {
		t.Errorf("milliseconds = %v", got)
	}
}
