package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// followedFor is how long results are announced one by one after a follower's
// last sign, which it gives with every poll.
const followedFor = 10 * time.Second

// Follow yields results in order of completion, from position after+1 on, with the
// state that belongs to them: at once what there is, then what comes, and an empty
// Progress when nothing came for 15 s. It ends with the Progress that delivers the
// finished aggregation's last result, with ctx, or with an error, which it yields.
func (s *Store) Follow(ctx context.Context, id string, after int) iter.Seq2[gather.Progress, error] {
	return func(yield func(gather.Progress, error) bool) {
		if !validID(id) {
			yield(gather.Progress{}, gather.ErrNotFound)
			return
		}
		if err := s.own(ctx, id); err != nil {
			yield(gather.Progress{}, err)
			return
		}
		hints, forget := s.hub.watch(id)
		defer forget()
		if err := s.keepFollowed(ctx, id); err != nil {
			yield(gather.Progress{}, err)
			return
		}
		poll := time.NewTicker(s.timing.Poll)
		defer poll.Stop()
		said, seen := time.Time{}, time.Now()
		for {
			part, err := s.completions(ctx, id, after)
			switch {
			case err == nil:
				seen = time.Now()
			case errors.Is(err, gather.ErrUnavailable) && time.Since(seen) < s.timing.Patience && s.outagePause(ctx):
				continue
			default:
				if ctx.Err() == nil && s.hub.ctx.Err() == nil {
					yield(gather.Progress{}, err)
				}
				return
			}
			after = part.last
			ended := part.Aggregation.Status.Finished() && !part.more
			if len(part.Completions) > 0 || ended || time.Since(said) >= s.timing.KeepAlive {
				said = time.Now()
				if !yield(part.Progress, nil) || ended {
					return
				}
			}
			if part.more {
				continue
			}
			select {
			case <-hints:
			case <-poll.C:
				_ = s.keepFollowed(ctx, id) // the next reading tells of an outage
			case <-ctx.Done():
				return
			case <-s.hub.ctx.Done():
				return
			}
		}
	}
}

// keepFollowed has each result announced as it is recorded, for a while.
func (s *Store) keepFollowed(ctx context.Context, id string) error {
	err := s.run(ctx, followScript, id, followedFor.Milliseconds()).Err()
	return unavailable(ctx, "follow", id, err)
}

// outagePause reports whether to try again after it.
func (s *Store) outagePause(ctx context.Context) bool {
	select {
	case <-time.After(outagePause):
		return true
	case <-ctx.Done():
	case <-s.hub.ctx.Done():
	}
	return false
}

// completed is a part of the results in order of completion.
type completed struct {
	gather.Progress
	last int  // the last position looked at
	more bool // there are results after it already
}

// completions ends the aggregation first, where its deadline is over and no worker does.
func (s *Store) completions(ctx context.Context, id string, after int) (*completed, error) {
	part, err := s.completionsAsTheyAre(ctx, id, after)
	s.outage.note(err)
	if err == nil && s.endOverdue(ctx, part.Aggregation) {
		return s.completionsAsTheyAre(ctx, id, after)
	}
	return part, err
}

func (s *Store) completionsAsTheyAre(ctx context.Context, id string, after int) (*completed, error) {
	reply, err := s.run(ctx, completionsScript, id, after, chunkBytes).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, gather.ErrNotFound
	}
	if err != nil {
		return nil, unavailable(ctx, "follow", id, err)
	}
	agg, err := decodeMeta(id, stateFields(reply[0]), time.UnixMilli(integer(reply[1])))
	if err != nil {
		return nil, err
	}
	if !visible(ctx, agg) {
		return nil, gather.ErrNotFound
	}
	part := &completed{last: int(integer(reply[3])), more: integer(reply[2]) == 1}
	part.Aggregation = agg
	for i := 4; i+1 < len(reply); i += 2 {
		part.Completions = append(part.Completions, gather.Completion{
			Position: int(integer(reply[i])),
			Line:     gather.StoredLine(text(reply[i+1])),
		})
	}
	return part, nil
}
