package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

const (
	// confirmPause is how often those due are confirmed together.
	confirmPause = time.Second
	// confirmAtOnce bounds those in one round trip.
	confirmAtOnce = 500
)

// confirms are aggregations whose places on the schedule and the index are to be written once
// more. In a cluster those live on another server than the aggregation. If that one's master
// fails before its replica has what was written last, the aggregation stays, but no watchdog
// would ever look for it. A while later either the replica has it too, or it is the master by now
// and gets it then.
type confirms struct {
	mu      sync.Mutex
	waiting []confirm // the oldest first
	timer   *time.Timer
	closed  bool
	running sync.WaitGroup
	run     func() // confirms what is due
}

type confirm struct {
	id  string
	due time.Time
}

// later has the aggregation confirmed after a while.
func (c *confirms) later(id string, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, confirm{id, time.Now().Add(after)})
	c.wake(after)
}

// wake has the next round begin after so long, if none is about to. The caller holds the lock.
func (c *confirms) wake(after time.Duration) {
	if c.timer != nil || c.closed {
		return
	}
	c.running.Add(1)
	c.timer = time.AfterFunc(after, func() {
		defer c.running.Done()
		c.run()
	})
}

// take returns those that are due, at most so many.
func (c *confirms) take(atMost int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for len(c.waiting) > 0 && len(ids) < atMost && !c.waiting[0].due.After(time.Now()) {
		ids = append(ids, c.waiting[0].id)
		c.waiting = c.waiting[1:]
	}
	return ids
}

// again ends a round; those that failed are tried again.
func (c *confirms) again(failed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := make([]confirm, len(failed))
	for i, id := range failed {
		first[i] = confirm{id, time.Now()}
	}
	c.waiting = append(first, c.waiting...)
	c.timer = nil
	if len(c.waiting) > 0 {
		c.wake(max(confirmPause, time.Until(c.waiting[0].due)))
	}
}

// close returns when nothing is confirmed any more.
func (c *confirms) close() {
	c.mu.Lock()
	c.closed = true
	if c.timer != nil && c.timer.Stop() {
		c.running.Done()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// confirmDue confirms all that are due.
func (s *Store) confirmDue() {
	ctx := s.hub.ctx
	var failed []string
	for ids := s.confirms.take(confirmAtOnce); len(ids) > 0; ids = s.confirms.take(confirmAtOnce) {
		failed = append(failed, s.confirm(ctx, ids)...)
	}
	s.confirms.again(failed)
}

// confirm writes the places of those that are still there, and returns those of which it is
// not known, or which it could not write.
func (s *Store) confirm(ctx context.Context, ids []string) (failed []string) {
	statuses := make([]*redis.StringCmd, len(ids))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			statuses[i] = p.HGet(ctx, metaKey(id), "status")
		}
		return nil
	})
	args := []any{s.timing.VisitInterval.Milliseconds()}
	var there []string
	for i, id := range ids {
		status, err := statuses[i].Result()
		switch {
		case errors.Is(err, redis.Nil): // gone, or never made
		case err != nil:
			failed = append(failed, id)
		default:
			there = append(there, id)
			args = append(args, id, !gather.Status(status).Finished())
		}
	}
	if len(there) > 0 && confirmScript.Run(ctx, s.rdb, []string{scheduleKey, indexKey}, args...).Err() != nil {
		failed = append(failed, there...)
	}
	return failed
}
