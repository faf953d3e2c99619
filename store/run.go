package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// Begin takes up an aggregation and returns the subtasks to enqueue; done again,
// it returns the same. It returns nil if there is nothing to run.
func (s *Store) Begin(ctx context.Context, id string) (*gather.Plan, error) {
	if !validID(id) {
		return nil, nil
	}
	reply, err := s.run(ctx, beginScript, id).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(ctx, "begin", id, err)
	}
	return &gather.Plan{
		Priority:   gather.Priority(text(reply[0])),
		DeadlineIn: milliseconds(reply[1]),
		Subtasks:   subtasks(reply[2:]),
	}, nil
}

// Claim claims subtasks for one attempt each. Whoever holds a claim passes it for
// the next attempt; all others name the subtask alone. It leaves out those that need
// no attempt: their item has a result or is claimed by another, the aggregation does
// not run any more, or the subtask was started again under another number.
func (s *Store) Claim(ctx context.Context, id string, wanted []gather.Claim) ([]gather.Claim, error) {
	if !validID(id) {
		return nil, nil
	}
	args := make([]any, 0, 1+4*len(wanted))
	args = append(args, s.timing.ClaimSlack.Milliseconds())
	for i := range wanted {
		args = append(args, wanted[i].Index, wanted[i].Start, wanted[i].Holder, wanted[i].Attempts)
	}
	reply, err := s.run(ctx, claimScript, id, args...).Slice()
	if err != nil {
		return nil, unavailable(ctx, "claim items of", id, err)
	}
	claims := make([]gather.Claim, 0, len(wanted))
	for i, item := range reply[2:] {
		fields, claimed := item.([]any)
		if !claimed {
			continue
		}
		request, err := decodeRequest(text(fields[0]))
		if err != nil {
			return nil, fmt.Errorf("claim %s/%d: stored request: %w", id, wanted[i].Index, err)
		}
		claims = append(claims, gather.Claim{
			Subtask:    wanted[i].Subtask,
			Holder:     wanted[i].Holder,
			Run:        int(integer(reply[0])),
			DeadlineIn: milliseconds(reply[1]),
			Request:    request,
			Attempts:   int(integer(fields[1])),
			SinceFirst: milliseconds(fields[2]),
		})
	}
	return claims, nil
}

// Release ends the claim on an item that has no result: it waits for a worker
// again, to be taken up after the delay. Only the claim's holder changes anything.
func (s *Store) Release(ctx context.Context, id string, c *gather.Claim, delay time.Duration) error {
	if !validID(id) {
		return nil
	}
	err := s.run(ctx, releaseScript, id, c.Index, c.Start, c.Holder, delay.Milliseconds()).Err()
	return unavailable(ctx, "release item of", id, err)
}

// Record keeps results. The first result of an item wins; recording one again, or
// one of a run before the client's last retry, is a success that changes nothing.
func (s *Store) Record(ctx context.Context, id string, results []gather.Result) (*gather.Recorded, error) {
	if !validID(id) {
		return &gather.Recorded{}, nil
	}
	args := make([]any, 0, 4*len(results))
	for i := range results {
		line, err := results[i].Line()
		if err != nil {
			return nil, fmt.Errorf("record %s/%d: %w", id, results[i].Index, err)
		}
		args = append(args, results[i].Index, results[i].Run, string(results[i].Status), line)
	}
	reply, err := s.run(ctx, recordScript, id, args...).Slice()
	if err != nil {
		return nil, unavailable(ctx, "record results of", id, err)
	}
	return &gather.Recorded{
		First:    int(integer(reply[0])),
		Finished: integer(reply[1]) == 1,
		Priority: gather.Priority(text(reply[2])),
		Next:     subtasks(reply[3:]),
	}, nil
}

// Restart starts an item again that waits although the queue has lost its
// subtask. It returns the new subtask, or false if the item does not wait under
// that start any more.
func (s *Store) Restart(ctx context.Context, id string, t gather.Subtask) (gather.Subtask, bool, error) {
	if !validID(id) {
		return t, false, nil
	}
	start, err := s.run(ctx, restartScript, id, t.Index, t.Start).Int()
	if errors.Is(err, redis.Nil) {
		return t, false, nil
	}
	t.Start = start
	return t, err == nil, unavailable(ctx, "restart item of", id, err)
}
