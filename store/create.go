package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// idempotencyWindow is how long an idempotency key is remembered.
const idempotencyWindow = 24 * time.Hour

const (
	// settleTimeout bounds the question what came of a creation.
	settleTimeout = 500 * time.Millisecond
	// settleTTL is how long an abandoned creation can't be made up for: longer than a
	// command can be on its way.
	settleTTL = 10 * time.Minute
)

// Items of an aggregation without a concurrency of its own, or with a larger one,
// are handed out in windows, so that it does not fill its queue and starve the others.
const (
	window     = 2048
	windowStep = 512
)

// Create accepts the aggregation, in whole or, with an error, not at all. With an
// idempotency key that was used before it returns what was made then, as
// replayed, or ErrKeyReused if the fingerprint differs, or ErrKeyGone.
func (s *Store) Create(ctx context.Context, c *gather.Creation) (agg *gather.Aggregation, replayed bool, err error) {
	id, err := s.ids.next()
	if err != nil {
		return nil, false, err
	}
	if c.IdempotencyKey != "" {
		first, made, err := s.reserveKey(ctx, c, id)
		if err != nil {
			return nil, false, err
		}
		if made {
			agg, err := s.Get(ctx, first)
			switch {
			case errors.Is(err, gather.ErrNotFound):
				err = gather.ErrKeyGone
			case errors.Is(err, gather.ErrUnavailable): // it was accepted then, and may have gone since
				err = fmt.Errorf("%w: %w", gather.ErrOutcomeUnknown, err)
			}
			return agg, true, err
		}
		// The one who came first may have died before it made the aggregation: make
		// it in its place. Whoever is second finds it made.
		id = first
	}
	agg, created, err := s.create(ctx, id, c)
	return agg, err == nil && !created && c.IdempotencyKey != "", err
}

// create writes the index and the schedule first: an aggregation that exists is
// always found, and an entry without one is swept up.
func (s *Store) create(ctx context.Context, id string, c *gather.Creation) (agg *gather.Aggregation, created bool, err error) {
	args, err := creationArgs(c.Spec)
	if err != nil {
		return nil, false, fmt.Errorf("create %s: %w", id, err)
	}
	first := min(s.timing.VisitInterval, c.Spec.DeadlineOrDefault())
	if err := s.visitSoon(ctx, id, first); err != nil {
		return nil, false, err
	}
	reply, err := s.run(ctx, createScript, id, args...).Slice()
	if err != nil {
		return s.settle(ctx, id, c, unavailable(ctx, "create", id, err))
	}
	if integer(reply[0]) < 0 {
		return nil, false, fmt.Errorf("create %s: it was abandoned: %w", id, gather.ErrUnavailable)
	}
	s.confirm(ctx, id, c, time.UnixMilli(integer(reply[1])).Add(first))
	agg, err = decodeState(id, reply[2], reply[1])
	return agg, integer(reply[0]) == 1, err
}

// settle finds out what came of a creation whose reply did not arrive: the script
// may have run, or may run yet. It either finds the aggregation, or sees to it that
// it is never created, or says that it does not know. With an idempotency key it is
// the client who settles it, by sending the same again.
func (s *Store) settle(ctx context.Context, id string, c *gather.Creation, cause error) (*gather.Aggregation, bool, error) {
	var refused redis.Error
	if errors.As(cause, &refused) {
		return nil, false, cause // Redis has answered that it did not
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if c.IdempotencyKey == "" {
		exists, err := s.run(ctx, abandonScript, id, settleTTL.Milliseconds()).Int()
		if err == nil && exists == 0 {
			return nil, false, cause
		}
	}
	if agg, err := s.Get(ctx, id); err == nil {
		return agg, true, nil
	}
	return nil, false, fmt.Errorf("%w: %w", gather.ErrOutcomeUnknown, cause)
}

// confirm is what only makes an accepted aggregation surer, and so may fail: a key
// that is not confirmed leads to it too, and a place on the index and the schedule
// is missing only if the creation took so long that a watchdog has forgotten it.
func (s *Store) confirm(ctx context.Context, id string, c *gather.Creation, visit time.Time) {
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAddNX(ctx, scheduleKey, redis.Z{Score: planned(visit), Member: id})
		p.ZAddNX(ctx, indexKey, redis.Z{Member: id})
		if c.IdempotencyKey != "" {
			args := redis.SetArgs{Mode: "XX", KeepTTL: true}
			p.SetArgs(ctx, idempotencyKey(c.IdempotencyKey), "made "+id+" "+c.Fingerprint, args)
		}
		return nil
	})
}

func creationArgs(spec *gather.Spec) ([]any, error) {
	items := spec.Items()
	labels, err := json.Marshal(spec.Labels)
	if err != nil {
		return nil, err
	}
	width, step := window, windowStep
	if spec.Concurrency > 0 && spec.Concurrency < window {
		width, step = spec.Concurrency, 1
	}
	fields := []any{
		"name", spec.Name, "labels", labels, "priority", string(spec.PriorityOrDefault()),
		"total", len(items), "window", width, "step", step,
		"deadline", ceilMilliseconds(spec.DeadlineOrDefault()),
		"retention", ceilMilliseconds(spec.RetentionOrDefault()),
	}
	args := make([]any, 0, 1+len(fields)+len(items))
	args = append(args, len(fields))
	args = append(args, fields...)
	for i := range items {
		stored, err := encodeRequest(i, &items[i])
		if err != nil {
			return nil, err
		}
		args = append(args, stored)
	}
	return args, nil
}

// ceilMilliseconds keeps what is shorter than a millisecond from becoming 0, "at once".
func ceilMilliseconds(d time.Duration) int64 {
	return (d + time.Millisecond - 1).Milliseconds()
}

// reserveKey ties the idempotency key to id, if it is free. It returns the id that
// the key is tied to, and whether that aggregation is known to have been made.
func (s *Store) reserveKey(ctx context.Context, c *gather.Creation, id string) (first string, made bool, err error) {
	key := idempotencyKey(c.IdempotencyKey)
	args := redis.SetArgs{Mode: "NX", Get: true, TTL: idempotencyWindow}
	before, err := s.rdb.SetArgs(ctx, key, "reserved "+id+" "+c.Fingerprint, args).Result()
	if errors.Is(err, redis.Nil) {
		return id, false, nil
	}
	if err != nil {
		return "", false, unavailable(ctx, "reserve idempotency key for", id, err)
	}
	state, rest, _ := strings.Cut(before, " ")
	first, fingerprint, _ := strings.Cut(rest, " ")
	if fingerprint != c.Fingerprint {
		return "", false, gather.ErrKeyReused
	}
	return first, state == "made", nil
}
