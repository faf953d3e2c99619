package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
)

// heardFor is how long after an answer Redis counts as one that answers.
const heardFor = 100 * time.Millisecond

// clockReading is the time of Redis' clock, and when it was read, by our own.
type clockReading struct{ redis, at time.Time }

// now is the time of Redis' clock, as far as ours has gone at the same pace since.
func (r *clockReading) now() time.Time { return r.redis.Add(time.Since(r.at)) }

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

// forever is later than any clock shows, in a number that Lua holds exactly.
var forever = time.UnixMilli(1 << 50)

// ExpectCreation asks Redis at once what a Create that follows within a moment would ask
// it first, and doesn't wait for the answer: it comes while the client's request is read.
func (s *Store) ExpectCreation(ctx context.Context) {
	if s.heardLately() == nil && !s.apart.Load() {
		s.askTime(ctx)
	}
}

// createBy makes sure that Redis answers, unless it just has, and returns until when, by
// its clock, it may create the aggregation: one that is stopped, but not ended, does what
// it is sent when it goes on, long after the client was told that nothing was accepted.
//
// In a cluster the server that has the aggregation's slot is asked; its clock is its own.
func (s *Store) createBy(ctx context.Context, id string) (time.Time, error) {
	if s.apart.Load() {
		return forever, unavailable(ctx, "create", id, s.rdb.Exists(ctx, metaKey(id)).Err())
	}
	atMost := commandTimeout(s.rdb) * 9 / 10
	if last := s.heardLately(); last != nil {
		return last.now().Add(atMost), nil
	}
	select {
	case answer := <-s.askTime(ctx):
		now, _ := answer.Val.(time.Time)
		return now.Add(atMost), answer.Err
	case <-ctx.Done():
		return time.Time{}, unavailable(ctx, "create", id, ctx.Err())
	}
}

// askTime is now for all who ask at the same time, by one question that outlives each of them.
func (s *Store) askTime(ctx context.Context) <-chan singleflight.Result {
	ctx = context.WithoutCancel(ctx)
	return s.asked.DoChan("", func() (any, error) { return s.now(ctx) })
}

// heardLately returns the last reading, or nil if it is too old to tell that Redis answers.
func (s *Store) heardLately() *clockReading {
	last := s.heard.Load()
	if last == nil || time.Since(last.at) >= heardFor {
		return nil
	}
	return last
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
