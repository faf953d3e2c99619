package store

import (
	"context"
	"time"

	"gather"
)

// Observer is told what became of aggregations, to count and log it. Of all the stores on a
// Redis the one is told whose call has made it happen, and once: a reply that was lost is told
// to nobody. Its methods must not block.
type Observer interface {
	// Created is told of an aggregation that was accepted.
	Created()
	// Reopened is told of a finished one that a client has had run again.
	Reopened()
	// Ended is told of the end of an unfinished one.
	Ended(ctx context.Context, e *gather.Ending)
}

// Observe has the observer told. It is called before anything else.
func (s *Store) Observe(o Observer) { s.observer = o }

// unobserved is the observer of a store that has none.
type unobserved struct{}

func (unobserved) Created()                              {}
func (unobserved) Reopened()                             {}
func (unobserved) Ended(context.Context, *gather.Ending) {}

// endingFields is how many values a script returns of an end that it has brought about.
const endingFields = 7

// tellEnd tells of the end that a script returns, if it has brought one about.
func (s *Store) tellEnd(ctx context.Context, id string, reply any) (ended bool) {
	fields, _ := reply.([]any)
	if len(fields) < endingFields {
		return false
	}
	s.observer.Ended(ctx, &gather.Ending{
		ID:     id,
		Status: gather.Status(text(fields[0])),
		Counts: gather.Counts{
			Total: int(integer(fields[1])), Succeeded: int(integer(fields[2])),
			Failed: int(integer(fields[3])), Canceled: int(integer(fields[4])),
		},
		Elapsed: max(0, time.Duration(integer(fields[5]))*time.Microsecond),
		Reason:  text(fields[6]),
	})
	return true
}
