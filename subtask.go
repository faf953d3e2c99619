package gather

import "time"

// Subtask is one item handed to the queue: its place in the input, and which
// start of it this is.
type Subtask struct {
	// Index is the item's position in the input, from 0.
	Index int `json:"index"`
	// Start numbers the times that the item was handed out: a lost worker's item
	// is started again under the next number, and the old number loses its claim.
	Start int `json:"start"`
	// Fetch says what is fetched, for people: method and URL, without secrets.
	Fetch string `json:"fetch"`
}

// Plan is what a worker that takes up an aggregation has to do.
type Plan struct {
	// Priority is the queue that the subtasks go to.
	Priority Priority
	// Subtasks are all that wait for a worker now; the rest follow as results come in.
	Subtasks []Subtask
	// DeadlineIn is the time left until the deadline.
	DeadlineIn time.Duration
}

// Claim is a worker's hold on one item for the length of one attempt.
type Claim struct {
	Subtask
	// Holder tells the one who claims from all others, who may have the same task.
	Holder string
	// Request is what to send.
	Request Request
	// Attempts counts the requests sent for the item, the one that the claim is for included.
	Attempts int
	// SinceFirst is the time from the item's first attempt to this one.
	SinceFirst time.Duration
	// Run counts the times that the client had retried the aggregation.
	Run int
	// DeadlineIn is the time left until the aggregation's deadline.
	DeadlineIn time.Duration
}

// Recorded is what recording results has changed.
type Recorded struct {
	// First counts the results that were the first of their items; the others changed nothing.
	First int
	// Finished tells that the aggregation ended with these results.
	Finished bool
	// Priority is the queue that Next goes to.
	Priority Priority
	// Next are the subtasks to hand to the queue now.
	Next []Subtask
}

// Round is what a watchdog has to look after now.
type Round struct {
	// IDs are the aggregations to visit.
	IDs []string
	// PutOffTo is the time (ms since the epoch) that their next visits are put off to
	// until something else is planned for them.
	PutOffTo int64
	// Sleep is how long nothing else is due.
	Sleep time.Duration
}

// Visit is what the watchdog found at an aggregation.
type Visit struct {
	ID string
	// Status is where it stands; "" means that it is gone.
	Status Status
	// Priority is the queue of its subtasks.
	Priority Priority
	// Soon is when it has to be visited again, where that is before another round would come; else 0.
	Soon time.Duration
	// Lost are subtasks whose worker did not end them in time; they are handed out again under a new start.
	Lost []Subtask
	// Suspects are subtasks that wait for a worker suspiciously long: the queue may not have them.
	Suspects []Subtask
}
