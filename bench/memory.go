package main

import (
	"context"
	"fmt"
	"time"
)

// memory measures the most memory that fresh processes ever take for large aggregations.
type memory struct {
	n           int
	delay       time.Duration
	concurrency int // 0 is the worker's default

	mostWorker, mostRedis float64 // what gather may take, in MiB
}

func (m memory) measure(ctx context.Context, l *lab) ([]outcome, error) {
	g, err := l.startGather(m.concurrency)
	if err != nil {
		return nil, err
	}
	concurrency := m.concurrency
	if concurrency == 0 {
		concurrency = defaultConcurrency
	}
	a, err := l.startAsynq(concurrency, pollingInterval)
	if err != nil {
		return nil, err
	}
	for range 1 + l.runs {
		for _, s := range []system{g, a} {
			if _, err := timed(ctx, s, m.n, m.delay); err != nil {
				return nil, err
			}
		}
	}
	worker, err := peakMiB(g.workers[0])
	if err != nil {
		return nil, err
	}
	api, err := peakMiB(g.api)
	if err != nil {
		return nil, err
	}
	rawWorker, err := peakMiB(a.worker)
	if err != nil {
		return nil, err
	}
	redis, err := redisPeakMiB(ctx, g.redis)
	if err != nil {
		return nil, err
	}
	rawRedis, err := redisPeakMiB(ctx, a.redis)
	if err != nil {
		return nil, err
	}
	work := "peak memory, " + contest{n: m.n, delay: m.delay, concurrency: m.concurrency}.String()
	line := func(what string, raw figure, got, most float64) outcome {
		o := outcome{work: work + ", " + what, polling: raw, gather: mib(got)}
		if most > 0 {
			o.target, o.verdict = fmt.Sprintf("≤ %g MiB", most), judge(got <= most)
		}
		return o
	}
	return []outcome{
		line("worker", mib(rawWorker), worker, m.mostWorker),
		line("API", figure{}, api, 0),
		line("Redis", mib(rawRedis), redis, m.mostRedis),
	}, nil
}

func mib(n float64) figure { return figure{text: number(n) + " MiB"} }

func peakMiB(p *process) (float64, error) {
	bytes, err := p.peak()
	return float64(bytes) / (1 << 20), err
}

func redisPeakMiB(ctx context.Context, r *redisServer) (float64, error) {
	bytes, err := r.number(ctx, "memory", "used_memory_peak")
	return float64(bytes) / (1 << 20), err
}
