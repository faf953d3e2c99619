package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

const (
	// overdueAfter is how far beyond its deadline an unfinished aggregation is when a reader
	// looks for a worker whose watchdog is about to end it.
	overdueAfter = 500 * time.Millisecond
	// afterOutage is how long after Redis was out of reach a reader ends nothing: workers that
	// have kept results all along record them first, and tell that they are alive.
	afterOutage = 4 * time.Second
)

// outage is when this process has found Redis out of reach last.
type outage struct{ last atomic.Int64 }

func (o *outage) note(err error) {
	if errors.Is(err, gather.ErrUnavailable) {
		o.last.Store(time.Now().UnixNano())
	}
}

func (o *outage) isFresh() bool {
	return time.Since(time.Unix(0, o.last.Load())) < afterOutage
}

// endOverdue ends an aggregation that is beyond its deadline where no worker is alive to do so,
// and reports whether to read it again.
func (s *Store) endOverdue(ctx context.Context, agg *gather.Aggregation) (again bool) {
	elapsed := time.Duration(agg.ElapsedMS * float64(time.Millisecond))
	if agg.Status.Finished() || elapsed < agg.Deadline+overdueAfter || s.outage.isFresh() {
		return false
	}
	if workers, err := s.Workers(ctx); err != nil || len(workers) > 0 {
		return false
	}
	reply, err := s.runWithAll(ctx, overdueScript, agg.ID).Slice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false // the next reader's to try: what was read is an answer, too, and metrics count the error
	}
	s.tellEnd(ctx, agg.ID, reply)
	return true
}
