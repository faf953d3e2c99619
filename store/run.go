package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// Begin takes up the aggregation, and claims items for the room that there is. It
// returns nil if there is nothing to run. It may be called again: all that waits for a
// worker by then is handed out once more, and the holder's own claims if it has any.
func (s *Store) Begin(ctx context.Context, id string, room gather.Room) (*gather.Plan, error) {
	if !validID(id) {
		return nil, nil
	}
	now := s.workforce.Load()
	reply, err := s.run(ctx, beginScript, id, now.window(), s.timing.ClaimSlack.Milliseconds(), room.Items, room.Holder,
		now.leastBatches(), now.largestBatch(), batchesInCap).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(ctx, "begin", id, err)
	}
	if len(reply) < planFields {
		return nil, fmt.Errorf("begin %s: what is stored of it can't be read", id)
	}
	claims, _ := reply[4].([]any)
	plan := &gather.Plan{
		Lane:       gather.Lane(text(reply[0])),
		DeadlineIn: milliseconds(reply[1]),
		Waited:     milliseconds(reply[3]),
		Subtasks:   subtasks(reply[planFields:]),
	}
	if len(claims) > 0 {
		plan.Claims = make([]gather.Claim, 0, len(claims)/claimFields)
	}
	requests := s.keyring.opener(id)
	for ; len(claims) >= claimFields; claims = claims[claimFields:] {
		claim := gather.Claim{
			Subtask:    gather.Subtask{Index: int(integer(claims[0])), Start: int(integer(claims[1])), Fetch: fetchOf(text(claims[2]))},
			Holder:     room.Holder,
			Lane:       plan.Lane,
			Run:        int(integer(reply[2])),
			DeadlineIn: plan.DeadlineIn,
			Attempts:   1,
			SinceFirst: milliseconds(claims[3]),
			StartedMS:  integer(claims[4]),
			Waited:     -1,
		}
		claim.Request, claim.Unreadable = requests.open(claim.Index, text(claims[2]))
		plan.Claims = append(plan.Claims, claim)
	}
	return plan, nil
}

// How many fields begin.lua returns before the subtasks, and of each claim, and claim.lua before the claims.
const (
	planFields    = 5
	claimFields   = 5
	claimedFields = 5
)

// Claim claims subtasks for one attempt each. Whoever holds a claim passes it for
// the next attempt; all others name the subtask alone. It leaves out those that need
// no attempt: their item has a result or is claimed by another, the aggregation does
// not run any more, or the subtask was started again under another number.
func (s *Store) Claim(ctx context.Context, id string, wanted []gather.Claim) ([]gather.Claim, error) {
	if !validID(id) {
		return nil, nil
	}
	args := make([]any, 0, 5+len(wanted))
	args = append(args, s.timing.ClaimSlack.Milliseconds())
	for part := range parts(wanted, claimedTogether) {
		args = append(args, part[0].Start, part[0].Holder, part[0].Attempts, len(part))
		for i := range part {
			args = append(args, part[i].Index)
		}
	}
	reply, err := s.run(ctx, claimScript, id, args...).Slice()
	if err != nil {
		return nil, unavailable(ctx, "claim items of", id, err)
	}
	requests := s.keyring.opener(id)
	claims := make([]gather.Claim, 0, len(wanted))
	grants := reply[min(claimedFields, len(reply)):]
	for i := range wanted[:min(len(wanted), len(grants))] {
		claim := gather.Claim{
			Subtask:    wanted[i].Subtask,
			Holder:     wanted[i].Holder,
			Lane:       gather.Lane(text(reply[2])),
			Run:        int(integer(reply[0])),
			DeadlineIn: milliseconds(reply[1]),
		}
		var stored string
		switch granted := grants[i].(type) {
		case string:
			stored = granted
			claim.Attempts, claim.StartedMS, claim.Waited = 1, integer(reply[3]), milliseconds(reply[4])
		case []any:
			stored = text(granted[0])
			claim.Attempts, claim.SinceFirst = int(integer(granted[1])), milliseconds(granted[2])
			claim.StartedMS, claim.Waited = integer(granted[3]), milliseconds(granted[4])
		default:
			continue
		}
		claim.Fetch = fetchOf(stored)
		claim.Request, claim.Unreadable = requests.open(claim.Index, stored)
		claims = append(claims, claim)
	}
	return claims, nil
}

// claimedTogether reports whether b, which comes after a, goes with it: another item, wanted in the
// same way. One item twice in a call is two claims, one after the other; ascending ones all differ.
func claimedTogether(a, b *gather.Claim) bool {
	return a.Start == b.Start && a.Holder == b.Holder && a.Attempts == b.Attempts && a.Index < b.Index
}

// parts yields the parts of the list in which each one goes with the one before.
func parts[T any](list []T, together func(a, b *T) bool) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			n := 1
			for n < len(list) && together(&list[n-1], &list[n]) {
				n++
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
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

// Keep tells that a worker has the items, which all have the same start, but no room
// for them yet: they are not suspect for a while. It returns how many still wait.
func (s *Store) Keep(ctx context.Context, id string, items []gather.Subtask) (int, error) {
	if !validID(id) || len(items) == 0 {
		return 0, nil
	}
	kept, err := s.run(ctx, keepScript, id, startAndIndexes(items)...).Int()
	return kept, unavailable(ctx, "keep items of", id, err)
}

// startAndIndexes are the arguments of scripts about items of the same start.
func startAndIndexes(items []gather.Subtask) []any {
	args := make([]any, 0, 1+len(items))
	args = append(args, items[0].Start)
	for i := range items {
		args = append(args, items[i].Index)
	}
	return args
}

// Record keeps results. The first result of an item wins; recording one again, or
// one of a run before the client's last retry, is a success that changes nothing.
func (s *Store) Record(ctx context.Context, id string, results []gather.Result) (*gather.Recorded, error) {
	if !validID(id) {
		return &gather.Recorded{}, nil
	}
	recorded := &gather.Recorded{}
	for part := range parts(results, func(a, b *gather.Result) bool { return a.Run == b.Run }) {
		if err := s.record(ctx, id, part, recorded); err != nil {
			return nil, err
		}
	}
	return recorded, nil
}

// record keeps results of one run, and adds what came of it to recorded.
func (s *Store) record(ctx context.Context, id string, results []gather.Result, recorded *gather.Recorded) error {
	letters := make([]byte, len(results))
	args := make([]any, 0, 3+2*len(results))
	args = append(args, s.workforce.Load().window(), results[0].Run, letters)
	for i := range results {
		line, err := results[i].Stored()
		if err != nil {
			return fmt.Errorf("record %s/%d: %w", id, results[i].Index, err)
		}
		letters[i] = results[i].Status[0]
		args = append(args, results[i].Index, line)
	}
	reply, err := s.runWithAll(ctx, recordScript, id, args...).Slice()
	if err != nil {
		return unavailable(ctx, "record results of", id, err)
	}
	recorded.First += int(integer(reply[0]))
	recorded.Finished = s.tellEnd(ctx, id, reply[1]) || recorded.Finished
	recorded.Lane = cmp.Or(gather.Lane(text(reply[2])), recorded.Lane)
	recorded.Next = append(recorded.Next, subtasks(reply[3:])...)
	return nil
}

// Restart starts items again that wait although the queue has lost their subtask.
// It returns the new subtasks, one an item, of those that still wait under that start.
func (s *Store) Restart(ctx context.Context, id string, t gather.Subtask) ([]gather.Subtask, error) {
	if !validID(id) {
		return nil, nil
	}
	items, err := t.Each()
	if err != nil {
		return nil, err
	}
	reply, err := s.run(ctx, restartScript, id, startAndIndexes(items)...).Slice()
	return subtasks(reply), unavailable(ctx, "restart items of", id, err)
}
