package gather

import "errors"

// Reasons why an operation on an aggregation is refused. The store returns
// them; the HTTP API turns each into its status code.
var (
	// ErrNotFound means that there is no such aggregation, or no longer.
	ErrNotFound = errors.New("no such aggregation")
	// ErrFinished means that the aggregation has ended already.
	ErrFinished = errors.New("the aggregation has finished already")
	// ErrUnfinished means that the aggregation still runs.
	ErrUnfinished = errors.New("the aggregation has not finished yet")
	// ErrKeyReused means that the idempotency key came with another body before.
	ErrKeyReused = errors.New("the idempotency key was used with another body")
	// ErrKeyGone means that the aggregation made with the idempotency key is deleted or expired.
	ErrKeyGone = errors.New("the aggregation made with the idempotency key is deleted or expired")
	// ErrTooManyOpen means that the owner has as many unfinished aggregations as it may.
	ErrTooManyOpen = errors.New("too many open aggregations")
	// ErrBadCursor means that a list's cursor is none that a list has returned.
	ErrBadCursor = errors.New("not a cursor that a list has returned")
	// ErrOutcomeUnknown means that Redis took the command and did not answer: it may
	// have been carried out. It comes with ErrUnavailable.
	ErrOutcomeUnknown = errors.New("it is not known whether it was done")
	// ErrUnavailable means that Redis did not answer, or refused to write.
	ErrUnavailable = errors.New("the store is out of reach")
)
