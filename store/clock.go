package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// heardFor is how long after an answer Redis counts as one that answers.
const heardFor = 100 * time.Millisecond

// clockReading is the time of Redis' clock, and when it was read, by our own.
type clockReading struct{ redis, at time.Time }

// now asks for the time of Redis' clock.
func (s *Store) now(ctx context.Context) (time.Time, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err == nil {
		s.hear(now)
	}
	return now, unavailable(ctx, "read the time", "", err)
}

// hear notes what the time of Redis' clock is now.
func (s *Store) hear(now time.Time) { s.heard.Store(&clockReading{redis: now, at: time.Now()}) }

// answering makes sure that Redis answers, unless it just has, and returns about what
// its clock says.
func (s *Store) answering(ctx context.Context) (time.Time, error) {
	if last := s.heard.Load(); last != nil {
		if since := time.Since(last.at); since < heardFor {
			return last.redis.Add(since), nil
		}
	}
	return s.now(ctx)
}

// commandTimeout is how long the client waits for a reply.
func commandTimeout(rdb redis.UniversalClient) time.Duration {
	const fallback = 1500 * time.Millisecond
	var timeout time.Duration
	switch c := rdb.(type) {
	case *redis.Client:
		timeout = c.Options().ReadTimeout
	case *redis.ClusterClient:
		timeout = c.Options().ReadTimeout
	}
	if timeout <= 0 {
		return fallback
	}
	return timeout
}
