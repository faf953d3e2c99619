package tasks

import (
	"context"
	"errors"
	"sync"
)

// errStopping is why a wait for a slot ends without one.
var errStopping = errors.New("the worker stops")

// slots are the fetches that a worker may have in flight at once. Each belongs to
// one item, from before its task is taken from the queue, or it is claimed with the run
// task, until its result is recorded.
// Whoever wants one when it becomes free has the same chance: a batch must not keep
// the tasks of other queues from being taken until all of its items have slots.
type slots struct {
	mu    sync.Mutex
	total int
	left  int
	freed chan struct{} // closed, and made new, by each release
	// onRelease is called after slots became free; it must not block.
	onRelease func()
}

func newSlots(n int) *slots {
	return &slots{total: n, left: n, freed: make(chan struct{}), onRelease: func() {}}
}

// acquire waits for one slot, until ctx ends or stop is closed.
func (s *slots) acquire(ctx context.Context, stop <-chan struct{}) error {
	for {
		s.mu.Lock()
		freed := s.freed
		s.mu.Unlock()
		select {
		case <-stop:
			return errStopping
		default:
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.tryAcquire(1) == 1 {
			return nil
		}
		select {
		case <-freed:
		case <-stop:
		case <-ctx.Done():
		}
	}
}

// tryAcquire takes as many as are free, up to n, and returns how many.
func (s *slots) tryAcquire(n int) int { return s.tryAcquireBeyond(0, n) }

// tryAcquireBeyond is tryAcquire that leaves the given number free, for others.
func (s *slots) tryAcquireBeyond(others, n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := max(0, min(n, s.left-others))
	s.left -= got
	return got
}

// taken is how many are not free.
func (s *slots) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total - s.left
}

// free tells whether tryAcquire would get any.
func (s *slots) free() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left > 0
}

func (s *slots) release(n int) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	s.left += n
	close(s.freed)
	s.freed = make(chan struct{})
	s.mu.Unlock()
	s.onRelease()
}
