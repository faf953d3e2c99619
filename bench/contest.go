package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// contest measures all systems at the same work, in turn, so that what else happens
// on the machine happens to all of them.
type contest struct {
	n           int
	delay       time.Duration
	concurrency int           // 0 is the worker's default
	idle        time.Duration // rest of each system before each run
	leastRuns   int           // counted runs, if more than the flag says
	target      target
}

// target is what gather's times have to keep to, in milliseconds; 0 means nothing.
type target struct{ most, mostP99 float64 }

func (t target) String() string {
	switch {
	case t.most == 0:
		return ""
	case t.mostP99 == 0:
		return "≤ " + count(int(t.most)) + " ms"
	}
	return fmt.Sprintf("≤ %g / %g ms", t.most, t.mostP99)
}

func (t target) judge(samples []time.Duration) verdict {
	if t.most == 0 {
		return ""
	}
	ms := milliseconds(samples)
	return judge(median(ms) <= t.most && (t.mostP99 == 0 || percentile(ms, 99) <= t.mostP99))
}

// String says what the work is.
func (c contest) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "N=%s of %s ms", count(c.n), count(int(c.delay.Milliseconds())))
	if c.concurrency > 0 {
		fmt.Fprintf(&b, ", concurrency %s", count(c.concurrency))
	}
	if c.idle > 0 {
		fmt.Fprintf(&b, ", each after %g s of idleness", c.idle.Seconds())
	}
	return b.String()
}

func (c contest) measure(ctx context.Context, l *lab) ([]outcome, error) {
	all, err := l.startAll(c.concurrency)
	if err != nil {
		return nil, err
	}
	runs := max(l.runs, c.leastRuns)
	samples := make(map[system][]time.Duration)
	for round := range 1 + runs { // the first is for warming up
		for _, s := range all.inTurn() {
			took, err := c.runOnce(ctx, s, round > 0)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				samples[s] = append(samples[s], took)
			}
		}
	}
	all.gather.logCPU(1 + runs)
	o := outcome{
		work: c.String(), target: c.target.String(), verdict: c.target.judge(samples[all.gather]),
		limit: times(samples[all.limit]), polling: times(samples[all.polling]),
		asynq: times(samples[all.asynq]), gather: times(samples[all.gather]),
	}
	if c.delay == 0 && c.idle == 0 {
		o.items = c.n
	}
	return []outcome{o}, nil
}

func (c contest) runOnce(ctx context.Context, s system, counted bool) (time.Duration, error) {
	rest := settle
	if counted {
		rest = max(rest, c.idle)
	}
	var took time.Duration
	err := alone(ctx, s, rest, func() (err error) {
		took, err = timed(ctx, s, c.n, c.delay)
		return err
	})
	return took, err
}
