package gather

import "time"

// Ending is how an aggregation ended, as the one who ended it is told: each end is told once.
type Ending struct {
	ID     string
	Status Status
	// Reason is deadline_exceeded or deleted where one of them ended it, else "".
	Reason string
	Counts Counts
	// Elapsed is from acceptance, or from the client's last retry.
	Elapsed time.Duration
}

// The reasons of an Ending.
const (
	ReasonDeadline = "deadline_exceeded"
	ReasonDeleted  = "deleted"
)
