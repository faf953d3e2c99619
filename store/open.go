package store

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// openTries bounds how often a creation asks for a place that others may take meanwhile.
const openTries = 3

// LimitOpen bounds how many unfinished aggregations each owner may have; 0 means no
// bound. It is called before anything else.
func (s *Store) LimitOpen(most int) { s.mostOpen = most }

// admit takes one of the owner's places for the aggregation, or returns ErrTooManyOpen.
//
// An end does not give its place back: who finds all of them taken looks which
// aggregations have ended meanwhile. So no crash loses a place, whatever it comes between.
func (s *Store) admit(ctx context.Context, id string) error {
	if s.mostOpen == 0 {
		return nil
	}
	key := openKey(gather.OwnerOf(ctx))
	for range openTries {
		reply, err := admitScript.Run(ctx, s.rdb, []string{key}, id, s.mostOpen, openTTL.Milliseconds()).Slice()
		if err != nil {
			return unavailable(ctx, "admit", id, err)
		}
		if integer(reply[0]) == 1 {
			return nil
		}
		ended, err := s.ended(ctx, reply[1:])
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			break
		}
		if err := vacateScript.Run(ctx, s.rdb, []string{key}, ended...).Err(); err != nil {
			return unavailable(ctx, "admit", id, err)
		}
	}
	return gather.ErrTooManyOpen
}

// openTTL is how long after the last one was taken all places are free: none of an
// aggregation that may take longest is needed any more.
const openTTL = gather.MaxDeadline + time.Hour

// ended are those of the pairs, id and since when it has a place, that need none any more.
func (s *Store) ended(ctx context.Context, pairs []any) ([]any, error) {
	statuses := make([]*redis.StringCmd, 0, len(pairs)/2)
	var now *redis.TimeCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		now = p.Time(ctx)
		for i := 0; i < len(pairs); i += 2 {
			statuses = append(statuses, p.HGet(ctx, metaKey(text(pairs[i])), "status"))
		}
		return nil
	})
	if err != nil && err != redis.Nil { //nolint:errorlint // go-redis returns it as it is
		return nil, unavailable(ctx, "look for", "ended aggregations", err)
	}
	var ended []any
	for i, status := range statuses {
		since, _ := strconv.ParseInt(text(pairs[2*i+1]), 10, 64)
		// One that is not there may be about to be created.
		gone := status.Val() == "" && time.UnixMilli(since).Before(now.Val().Add(-s.timing.ForgetAfter))
		if gone || status.Val() != "" && gather.Status(status.Val()).Finished() {
			ended = append(ended, pairs[2*i], pairs[2*i+1])
		}
	}
	return ended, nil
}
