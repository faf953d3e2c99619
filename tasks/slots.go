package tasks

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// slots are the fetches that a worker may have in flight at once. Each belongs to
// one item, from before its task is taken from the queue until its result is recorded.
type slots struct {
	sem *semaphore.Weighted
	// onRelease is called after slots became free; it must not block.
	onRelease func()
}

func newSlots(n int) *slots {
	return &slots{sem: semaphore.NewWeighted(int64(n)), onRelease: func() {}}
}

// acquire waits for one slot. Who waits here comes before tryAcquire.
func (s *slots) acquire(ctx context.Context) error { return s.sem.Acquire(ctx, 1) }

// tryAcquire takes as many as are free, up to n, and returns how many.
func (s *slots) tryAcquire(n int) int {
	for got := range n {
		if !s.sem.TryAcquire(1) {
			return got
		}
	}
	return n
}

// free tells whether tryAcquire would get any.
func (s *slots) free() bool {
	if !s.sem.TryAcquire(1) {
		return false
	}
	s.sem.Release(1)
	return true
}

func (s *slots) release(n int) {
	s.sem.Release(int64(n))
	s.onRelease()
}
