package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// throughput measures how many small aggregations a second come back to clients
// that send the next one as soon as they have the last.
type throughput struct {
	aggregations int
	n            int
	clients      int
	least        float64 // aggregations a second that gather has to make
}

func (t throughput) measure(ctx context.Context, l *lab) ([]outcome, error) {
	all, err := l.startAll(0)
	if err != nil {
		return nil, err
	}
	rates := make(map[system][]float64)
	for round := range 1 + l.runs {
		for _, s := range all.inTurn() {
			err := alone(ctx, s, settle, func() error {
				perSecond, err := t.runOnce(ctx, s)
				if round > 0 {
					rates[s] = append(rates[s], perSecond)
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	all.gather.logCPU(1 + l.runs)
	reached := median(rates[all.gather])
	return []outcome{{
		work:  fmt.Sprintf("%d aggregations of N=%d of 0 ms, %d clients", t.aggregations, t.n, t.clients),
		limit: rate(median(rates[all.limit])), polling: rate(median(rates[all.polling])),
		asynq: rate(median(rates[all.asynq])), gather: rate(reached),
		target: "≥ " + count(int(t.least)) + " /s", verdict: judge(reached >= t.least),
	}}, nil
}

func (t throughput) runOnce(ctx context.Context, s system) (perSecond float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*runTimeout)
	defer cancel()
	left := make(chan cleanUp, t.aggregations)
	var taken atomic.Int64
	started := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for range t.clients {
		group.Go(func() error {
			for taken.Add(1) <= int64(t.aggregations) {
				clean, err := s.run(groupCtx, t.n, 0)
				if err != nil {
					return err
				}
				left <- clean
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	perSecond = float64(t.aggregations) / time.Since(started).Seconds()
	close(left)
	for clean := range left {
		if err := clean(ctx); err != nil {
			return 0, err
		}
	}
	return perSecond, nil
}
