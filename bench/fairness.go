package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fairness measures a small aggregation alone, and beside a large one of the same
// priority that keeps the worker busy all the time.
type fairness struct {
	small, large int
	delay        time.Duration // of the items of both
	most         float64       // how many times longer the small one may take
}

// fairnessSamples is how often the small one is measured, alone and beside the large one.
const fairnessSamples = 30

func (f fairness) measure(ctx context.Context, l *lab) ([]outcome, error) {
	g, err := l.startGather(0)
	if err != nil {
		return nil, err
	}
	if _, err := timed(ctx, g, f.large, f.delay); err != nil { // to warm up
		return nil, err
	}
	var idle, busy []time.Duration
	for len(idle) < fairnessSamples {
		if err := sleep(ctx, settle); err != nil {
			return nil, err
		}
		took, err := timed(ctx, g, f.small, f.delay)
		if err != nil {
			return nil, err
		}
		idle = append(idle, took)
	}
	for len(busy) < fairnessSamples {
		some, err := f.besideLarge(ctx, g)
		if err != nil {
			return nil, err
		}
		busy = append(busy, some...)
	}
	alone, beside := times(idle), times(busy)
	longer := beside.cost / alone.cost
	work := fmt.Sprintf("N=%d beside N=%s, all of %s ms", f.small, count(f.large), count(int(f.delay.Milliseconds())))
	return []outcome{
		{work: work + ": alone", gather: alone},
		{work: work + ": beside it", gather: figure{text: fmt.Sprintf("%s (%.1f×)", beside.text, longer)},
			target: fmt.Sprintf("≤ %g× of alone", f.most), verdict: judge(longer <= f.most)},
	}, nil
}

// besideLarge starts a large aggregation and measures small ones until it has ended.
func (f fairness) besideLarge(ctx context.Context, g *gatherSystem) (samples []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	large, err := g.create(ctx, itemURLs(g.upstream, f.large, f.delay), "respond-async")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.remove(context.WithoutCancel(ctx), large.ID)) }()
	for {
		started, err := g.get(ctx, large.ID)
		if err != nil {
			return nil, err
		}
		if started.Counts.Succeeded > 0 || started.finished() {
			break
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	for {
		took, err := timed(ctx, g, f.small, f.delay)
		if err != nil {
			return nil, err
		}
		now, err := g.get(ctx, large.ID)
		if err != nil {
			return nil, err
		}
		if now.finished() { // what ended after it was not beside it all the time
			break
		}
		samples = append(samples, took)
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("the large aggregation of %d ended before a small one of %d beside it", f.large, f.small)
	}
	return samples, nil
}
