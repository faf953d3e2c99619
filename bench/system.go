package main

import (
	"context"
	"time"
)

// system is one way of doing the work.
type system interface {
	// run fetches n items that take so long each, and returns when the caller holds
	// all the parsed answers and has checked them. The function that it returns
	// removes what the run left behind, out of the measured time.
	run(ctx context.Context, n int, delay time.Duration) (cleanUp, error)
}

type cleanUp func(ctx context.Context) error

func nothingToClean(context.Context) error { return nil }

// pauser is a system that costs something while it has nothing to do. It is paused
// while others are measured.
type pauser interface {
	pause() error
	resume() error
}

// runTimeout ends one run: the longest wait that Gather grants, and some more.
const runTimeout = 75 * time.Second

// timed runs the work once and returns how long it took.
func timed(ctx context.Context, s system, n int, delay time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	started := time.Now()
	clean, err := s.run(ctx, n, delay)
	took := time.Since(started)
	if err != nil {
		return 0, err
	}
	return took, clean(ctx)
}
