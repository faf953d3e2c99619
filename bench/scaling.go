package main

import (
	"context"
	"fmt"
	"time"
)

// scaling measures how much faster the same work is with more workers.
type scaling struct {
	n           int
	delay       time.Duration
	concurrency int     // of each worker
	workers     []int   // how many there are, step by step
	within      float64 // how far from proportional a step may be
}

func (s scaling) measure(ctx context.Context, l *lab) ([]outcome, error) {
	g, err := l.startGather(s.concurrency)
	if err != nil {
		return nil, err
	}
	var outcomes []outcome
	var last outcome
	for step, workers := range s.workers {
		for len(g.workers) < workers {
			if err := g.addWorker(s.concurrency); err != nil {
				return nil, err
			}
		}
		samples, err := repeat(ctx, g, l.runs, s.n, s.delay)
		if err != nil {
			return nil, err
		}
		perfect := float64(s.n) / float64(workers*s.concurrency) * float64(s.delay.Milliseconds())
		o := outcome{
			work:   fmt.Sprintf("%s, %d × concurrency %d", contest{n: s.n, delay: s.delay}, workers, s.concurrency),
			limit:  figure{text: number(perfect) + " ms", cost: perfect},
			gather: times(samples),
			notes:  []string{"here the limit is computed, not measured: N ÷ fetches at once × delay"},
		}
		if step > 0 {
			share := float64(s.workers[step-1]) / float64(workers)
			got := o.gather.cost / last.gather.cost
			o.target = fmt.Sprintf("%.2f to %.2f of the one before", share*(1-s.within), share*(1+s.within))
			o.verdict = judge(got >= share*(1-s.within) && got <= share*(1+s.within))
			o.gather.text += fmt.Sprintf(" (%.2f)", got)
		}
		outcomes, last = append(outcomes, o), o
	}
	return outcomes, nil
}

// repeat runs the work once to warm up and then so many times.
func repeat(ctx context.Context, s system, runs, n int, delay time.Duration) ([]time.Duration, error) {
	var samples []time.Duration
	for run := range 1 + runs {
		took, err := timed(ctx, s, n, delay)
		if err != nil {
			return nil, err
		}
		if run > 0 {
			samples = append(samples, took)
		}
	}
	return samples, nil
}
