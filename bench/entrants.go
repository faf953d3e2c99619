package main

import (
	"context"
	"runtime"
	"time"
)

const (
	// defaultConcurrency is the worker's own default, which the other systems get too.
	defaultConcurrency = 256
	// How often raw asynq looks for tasks: as often as makes it fast, and as it comes.
	pollingInterval  = 5 * time.Millisecond
	standardInterval = time.Second
	// settle lets a paused system find its feet before it is measured.
	settle = 100 * time.Millisecond
)

// entrants are all systems, ready to do the same work.
type entrants struct {
	limit   *limit
	polling *pausedAsynq
	asynq   *rawAsynq
	gather  *gatherSystem
}

// pausedAsynq is raw asynq that is kept from polling while others are measured: 200
// times a second is felt by the machine.
type pausedAsynq struct{ *rawAsynq }

func (a *pausedAsynq) pause() error { return a.worker.pause() }

func (a *pausedAsynq) resume() error { return a.worker.resume() }

// startAll starts all systems with the same concurrency, 0 for the worker's default.
func (l *lab) startAll(concurrency int) (e entrants, err error) {
	if e.gather, err = l.startGather(concurrency); err != nil {
		return e, err
	}
	if concurrency == 0 {
		concurrency = defaultConcurrency
	}
	if e.limit, err = l.startLimit(concurrency); err != nil {
		return e, err
	}
	polling, err := l.startAsynq(concurrency, pollingInterval)
	if err != nil {
		return e, err
	}
	e.polling = &pausedAsynq{polling}
	if err := e.polling.pause(); err != nil {
		return e, err
	}
	e.asynq, err = l.startAsynq(concurrency, standardInterval)
	return e, err
}

func (e *entrants) inTurn() []system {
	return []system{e.limit, e.polling, e.asynq, e.gather}
}

// alone lets the system rest, the others being quiet, and then calls measure.
func alone(ctx context.Context, s system, rest time.Duration, measure func() error) error {
	if p, ok := s.(pauser); ok {
		if err := p.resume(); err != nil {
			return err
		}
		defer func() { _ = p.pause() }()
	}
	runtime.GC() // what the last one left is not this one's to clear away
	select {
	case <-time.After(rest):
		return measure()
	case <-ctx.Done():
		return ctx.Err()
	}
}
