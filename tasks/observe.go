package tasks

import (
	"time"

	"gather"
)

// Observer is told what a worker does, to count it. Its methods are called by many goroutines,
// for each item, and must neither block nor take long.
type Observer interface {
	// Started is told how long after its acceptance an aggregation was taken up.
	Started(waited time.Duration)
	// Claimed is told how long an item has waited for a worker in the queue.
	Claimed(queue string, waited time.Duration)
	// Retried is told why an attempt is going to be followed by another.
	Retried(why gather.ErrorCode)
	// Woken is told of a hint that a queue has tasks.
	Woken()
	// Looked is told of a look at the queues without a hint.
	Looked()
	// Restarted is told what the watchdog has started again, and how many of it.
	Restarted(what Lost, n int)
}

// Lost is what the watchdog starts again, by where it got lost.
type Lost string

// What gets lost.
const (
	// LostRun is an aggregation that waited for its run task.
	LostRun Lost = "run"
	// LostEnqueue is an aggregation with items that were handed out, of which the queue knows nothing.
	LostEnqueue Lost = "enqueue"
	// LostClaim are items that a worker did not end in time.
	LostClaim Lost = "claim"
	// LostTask are items whose task a worker took and did not come to.
	LostTask Lost = "task"
)

// Losses lists them all.
var Losses = []Lost{LostRun, LostEnqueue, LostClaim, LostTask}

// unobserved is the observer of a worker that has none.
type unobserved struct{}

func (unobserved) Started(time.Duration)         {}
func (unobserved) Claimed(string, time.Duration) {}
func (unobserved) Retried(gather.ErrorCode)      {}
func (unobserved) Woken()                        {}
func (unobserved) Looked()                       {}
func (unobserved) Restarted(Lost, int)           {}

// Load is what a worker is at.
type Load struct {
	// Slots is how many fetches it may have in flight at once, Taken how many of them are
	// taken: by an item whose task it has, from before its request is sent until its result is kept.
	Slots, Taken int
	// InFlight is how many requests have been sent, and not been answered yet.
	InFlight int
}

// Load tells what the worker is at now.
func (s *Server) Load() Load {
	return Load{Slots: s.slots.total, Taken: s.slots.taken(), InFlight: int(s.sending.Load())}
}
