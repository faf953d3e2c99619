package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// idempotencyWindow is how long an idempotency key is remembered.
const idempotencyWindow = 24 * time.Hour

const (
	// settleTimeout bounds the question what came of a creation: with the time of a command
	// before it, a client is answered within two seconds.
	settleTimeout = 300 * time.Millisecond
	// settleTTL is how long an abandoned creation can't be made up for: longer than a
	// command can be on its way.
	settleTTL = 10 * time.Minute
)

// Create accepts the aggregation, in whole or, with an error, not at all. With an
// idempotency key that was used before it returns what was made then, as
// replayed, or ErrKeyReused if the fingerprint differs, or ErrKeyGone. An owner who has
// as many unfinished ones as it may gets ErrTooManyOpen.
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
	if err := s.admit(ctx, id); err != nil {
		return nil, false, err
	}
	agg, created, err := s.create(ctx, id, c)
	return agg, err == nil && !created && c.IdempotencyKey != "", err
}

// create writes the aggregation and its places on the index and the schedule: all in
// one script, or where those live on other servers, them first. So an aggregation
// that exists is always found, and an entry without one is swept up.
func (s *Store) create(ctx context.Context, id string, c *gather.Creation) (agg *gather.Aggregation, created bool, err error) {
	first := min(s.timing.VisitInterval, c.Spec.DeadlineOrDefault())
	seals, err := s.keyring.sealer(id)
	if err != nil {
		return nil, false, err
	}
	args, err := creationArgs(ctx, c, first, seals)
	if err != nil {
		return nil, false, fmt.Errorf("create %s: %w", id, err)
	}
	notAfter, err := s.createBy(ctx, id) // after what takes time itself, which ExpectCreation uses
	if err != nil {
		return nil, false, err
	}
	args[notAfterArg] = notAfter.UnixMilli()
	start, keys, apart := time.Now(), keysOf(id), s.apart.Load()
	if apart {
		err = s.visitSoon(ctx, id, first)
	} else {
		keys = append(keys, append([]string{scheduleKey, indexKey}, ownLists(ctx)...)...)
	}
	if err != nil {
		return nil, false, err
	}
	reply, err := createScript.Run(ctx, s.rdb, keys, args...).Slice()
	if !apart && redis.HasErrorPrefix(err, "CROSSSLOT") {
		s.apart.Store(true)
		return s.create(ctx, id, c)
	}
	if err != nil {
		return s.settle(ctx, id, c, unavailable(ctx, "create", id, err))
	}
	us, _ := strconv.ParseInt(text(reply[1]), 10, 64)
	s.hear(time.UnixMicro(us))
	if integer(reply[0]) < 0 {
		return nil, false, fmt.Errorf("create %s: Redis came to it too late: %w", id, gather.ErrUnavailable)
	}
	if created = integer(reply[0]) == 1; created {
		s.observer.Created()
	}
	if apart && time.Since(start) > s.timing.ForgetAfter/6 {
		_ = s.visitSoon(ctx, id, first) // by its own clock, a watchdog may have forgotten it by now
	}
	if err := s.replicated(ctx, id); err != nil {
		return nil, false, err
	}
	s.confirmKey(ctx, id, c)
	state := stateFields(reply[2])
	if created {
		addFields(state, args)
	}
	agg, err = decodeMeta(id, state, time.UnixMicro(us))
	if err != nil || !created {
		return agg, created, err
	}
	agg.Fetches = fetchesIn(c.Spec, args)
	if c.Waits {
		s.prepare(agg)
	}
	return agg, created, err
}

// settle finds out what came of a creation whose reply did not arrive: the script
// may have run, or may run yet. It either finds the aggregation, or sees to it that
// it is never created, or says that it does not know. With an idempotency key it is
// the client who settles it, by sending the same again.
func (s *Store) settle(ctx context.Context, id string, c *gather.Creation, cause error) (*gather.Aggregation, bool, error) {
	var refused redis.Error
	if errors.As(cause, &refused) || notSent(cause) {
		return nil, false, cause // Redis has answered that it did not, or was never told to
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
		if c.IdempotencyKey == "" { // else it may be another's, who has counted it
			s.observer.Created()
		}
		if s.replicated(ctx, id) == nil {
			return agg, true, nil
		}
	}
	return nil, false, fmt.Errorf("%w: %w", gather.ErrOutcomeUnknown, cause)
}

// notSent reports whether there was no connection to send a command on.
func notSent(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout)
}

// confirmKey notes with the idempotency key that the aggregation exists. It may fail:
// a key that is not confirmed leads to it, too.
func (s *Store) confirmKey(ctx context.Context, id string, c *gather.Creation) {
	if c.IdempotencyKey != "" {
		args := redis.SetArgs{Mode: "XX", KeepTTL: true}
		_ = s.rdb.SetArgs(ctx, idempotencyKey(ctx, c.IdempotencyKey), "made "+id+" "+c.Fingerprint, args).Err()
	}
}

// notAfterArg is the place among creationArgs of the time, by Redis' clock, until when it may create.
const notAfterArg = 1

// creationArgs are what create.lua takes, but for the one at notAfterArg.
func creationArgs(ctx context.Context, c *gather.Creation, firstVisit time.Duration, seals *sealer) ([]any, error) {
	spec := c.Spec
	items := spec.Items()
	labels, err := json.Marshal(spec.Labels)
	if err != nil {
		return nil, err
	}
	fields := []any{
		"name", spec.Name, "labels", string(labels), "priority", string(spec.PriorityOrDefault()),
		"lane", string(gather.LaneOf(spec.PriorityOrDefault(), len(items))),
		"total", len(items), "window", spec.Concurrency, "batch", 1, // until it is taken up (begin.lua)
		"deadline", ceilMilliseconds(spec.DeadlineOrDefault()),
		"retention", ceilMilliseconds(spec.RetentionOrDefault()),
	}
	if owner := gather.OwnerOf(ctx); owner != "" {
		fields = append(fields, "owner", owner)
	}
	if trace := gather.TraceOf(ctx); trace != "" {
		fields = append(fields, "trace", trace)
	}
	if c.Waits {
		fields = append(fields, "waited_for", 1)
	}
	args := make([]any, 0, 3+len(fields)+len(items))
	args = append(args, firstVisit.Milliseconds(), nil, len(fields))
	args = append(args, fields...)
	for i := range items {
		stored, err := encodeRequest(i, &items[i])
		if err != nil {
			return nil, err
		}
		args = append(args, seals.seal(i, stored))
	}
	return args, nil
}

// fetchesIn is what the first items of a small aggregation fetch, by creationArgs.
func fetchesIn(spec *gather.Spec, args []any) []string {
	n := len(spec.Items())
	if gather.LaneOf(spec.PriorityOrDefault(), n).Bulk() {
		return nil
	}
	stored := args[len(args)-n:]
	fetches := make([]string, min(n, gather.MostFetches))
	for i := range fetches {
		fetches[i] = fetchOf(stored[i].([]byte))
	}
	return fetches
}

// addFields adds the meta hash's fields among creationArgs to those of a reply.
func addFields(state map[string]string, args []any) {
	for fields := args[3 : 3+args[2].(int)]; len(fields) > 0; fields = fields[2:] {
		state[fields[0].(string)] = fmt.Sprint(fields[1])
	}
}

// ceilMilliseconds keeps what is shorter than a millisecond from becoming 0, "at once".
func ceilMilliseconds(d time.Duration) int64 {
	return (d + time.Millisecond - 1).Milliseconds()
}

// reserveKey ties the idempotency key to id, if it is free. It returns the id that
// the key is tied to, and whether that aggregation is known to have been made.
func (s *Store) reserveKey(ctx context.Context, c *gather.Creation, id string) (first string, made bool, err error) {
	key := idempotencyKey(ctx, c.IdempotencyKey)
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
