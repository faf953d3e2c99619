package store

import (
	"context"
	"errors"

	"gather"
)

// Cancel ends an unfinished aggregation as canceled; what has a result keeps it.
// It returns ErrNotFound or ErrFinished.
func (s *Store) Cancel(ctx context.Context, id string) (*gather.Aggregation, error) {
	if !validID(id) {
		return nil, gather.ErrNotFound
	}
	if err := s.own(ctx, id); err != nil {
		return nil, err
	}
	reply, err := s.run(ctx, cancelScript, id).Slice()
	if err != nil {
		return nil, unavailable(ctx, "cancel", id, err)
	}
	switch integer(reply[0]) {
	case -1:
		return nil, gather.ErrNotFound
	case 0:
		return nil, gather.ErrFinished
	}
	s.tellEnd(ctx, id, reply[1])
	return s.Get(ctx, id)
}

// Retry makes the failed and canceled items of a finished aggregation wait to be
// run again, under a new deadline of the same length. It returns ErrNotFound or
// ErrUnfinished or ErrTooManyOpen. Where every item succeeded, nothing changes.
func (s *Store) Retry(ctx context.Context, id string) (*gather.Aggregation, error) {
	if !validID(id) {
		return nil, gather.ErrNotFound
	}
	agg, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !agg.Status.Finished() {
		return nil, gather.ErrUnfinished
	}
	ctx = gather.WithOwner(ctx, agg.Owner)
	if err := s.admit(ctx, id); err != nil {
		return nil, err
	}
	// As in Create: what exists must be on the schedule before it waits to be run.
	if err := s.visitSoon(ctx, id, s.timing.VisitInterval); err != nil {
		return nil, err
	}
	n, err := s.run(ctx, retryScript, id, gather.TraceOf(ctx)).Int()
	switch {
	case err != nil:
		return nil, unavailable(ctx, "retry", id, err)
	case n == -1: // gone since
		return nil, errors.Join(gather.ErrNotFound, s.Forget(ctx, id))
	case n == -2:
		return nil, gather.ErrUnfinished
	case n > 0:
		s.observer.Reopened()
	}
	// A visit may have come between that found it finished and has planned the next
	// for its expiry.
	agg, err = s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return agg, s.visitSoon(ctx, id, min(s.timing.VisitInterval, agg.Deadline))
}

// Delete removes all that is stored of the aggregation, whatever its status.
// It returns ErrNotFound.
func (s *Store) Delete(ctx context.Context, id string) error {
	if !validID(id) {
		return gather.ErrNotFound
	}
	if err := s.own(ctx, id); err != nil {
		return err
	}
	if s.apart.Load() { // then a visit finds what a crash leaves
		if err := s.visitSoon(ctx, id, s.timing.VisitInterval); err != nil {
			return err
		}
	}
	reply, err := s.runWithAll(ctx, deleteScript, id).Slice()
	if err != nil {
		return unavailable(ctx, "delete", id, err)
	}
	there := integer(reply[0]) == 1
	if there {
		s.tellEnd(ctx, id, reply[1])
	}
	if err := s.Forget(ctx, id); err != nil {
		return err
	}
	if !there {
		return gather.ErrNotFound
	}
	return nil
}
