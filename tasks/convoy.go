package tasks

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// convoy is a known number of script calls that go in one round trip. asynq makes one
// call for each task that it enqueues, and each on a goroutine of its own: the convoy
// leaves with the last of them.
type convoy struct {
	leave func(calls []scriptCall) []*redis.Cmd
	gone  chan struct{} // closed when the replies are there

	mu      sync.Mutex
	missing int // seats whose call has neither come nor been given up
	calls   []scriptCall
	replies []*redis.Cmd
}

// seat is the place of one call in a convoy.
type seat struct {
	convoy *convoy
	used   bool
}

type seatKey struct{}

// newConvoy returns the contexts that calls come with, and the seat of each.
func newConvoy(ctx context.Context, size int, leave func([]scriptCall) []*redis.Cmd) []context.Context {
	c := &convoy{leave: leave, gone: make(chan struct{}), missing: size, calls: make([]scriptCall, 0, size)}
	contexts := make([]context.Context, size)
	for i := range contexts {
		contexts[i] = context.WithValue(ctx, seatKey{}, &seat{convoy: c})
	}
	return contexts
}

func seatOf(ctx context.Context) *seat {
	s, _ := ctx.Value(seatKey{}).(*seat)
	return s
}

// take has the call go with the convoy and returns its reply. It returns nil where the
// seat was used: a script that Redis does not know is called once more.
func (s *seat) take(call scriptCall) *redis.Cmd {
	if s.used {
		return nil
	}
	s.used = true
	c := s.convoy
	c.mu.Lock()
	place := len(c.calls)
	c.calls = append(c.calls, call)
	c.mu.Unlock()
	c.arrive()
	<-c.gone
	return c.replies[place]
}

// giveUp tells that no call comes any more; after take it changes nothing.
func (s *seat) giveUp() {
	if !s.used {
		s.used = true
		s.convoy.arrive()
	}
}

func (c *convoy) arrive() {
	c.mu.Lock()
	c.missing--
	last := c.missing == 0
	c.mu.Unlock()
	if last {
		c.replies = c.leave(c.calls)
		close(c.gone)
	}
}
