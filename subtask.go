package gather

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Lane is the queue that an aggregation's subtasks wait in: that of its priority,
// and within it one for small aggregations and one for large ones, so that a small
// one need not wait until the large ones before it are done.
type Lane string

// bulkOver is the number of items up to which an aggregation is a small one.
const bulkOver = 256

const bulkSuffix = "-bulk"

// LaneOf returns the lane of an aggregation of so many items.
func LaneOf(p Priority, items int) Lane {
	if items > bulkOver {
		return Lane(p) + bulkSuffix
	}
	return Lane(p)
}

// Bulk reports whether the lane is one of large aggregations.
func (l Lane) Bulk() bool { return strings.HasSuffix(string(l), bulkSuffix) }

// Subtask is what is handed to the queue at once: one item, or a batch of
// neighbours in the input.
type Subtask struct {
	// Index is the item's position in the input, from 0; the first one's of a batch.
	Index int `json:"index"`
	// Start numbers the times that the item was handed out: a lost worker's item
	// is started again under the next number, and the old number loses its claim.
	Start int `json:"start"`
	// Fetch says what is fetched, for people: method and URL, without secrets.
	Fetch string `json:"fetch"`
	// Batch numbers the batches of an aggregation from 1; 0 means one item alone.
	Batch int `json:"batch,omitempty"`
	// Items are the positions of a batch's items, such as "0-63" or "3,5,8-9".
	Items string `json:"items,omitempty"`
}

// startsOfARun is how many start numbers an item has in each run of an aggregation.
const startsOfARun = 1_000_000

// StartedAgain reports whether a worker was lost with the item in this run.
func (t *Subtask) StartedAgain() bool { return (t.Start-1)%startsOfARun > 0 }

// mostItems bounds what a batch may name; none comes near it.
const mostItems = 1_000_000

// Each returns the subtask's items as subtasks of one item.
func (t *Subtask) Each() ([]Subtask, error) {
	if t.Batch == 0 {
		return []Subtask{*t}, nil
	}
	var list []Subtask
	for part := range strings.SplitSeq(t.Items, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 32)
		to, lastErr := strconv.ParseUint(last, 10, 32)
		if err != nil || lastErr != nil || to < from || len(list)+int(to-from) >= mostItems {
			return nil, fmt.Errorf("items %.100q of a batch are not such as \"0-63\" or \"3,5,8-9\"", t.Items)
		}
		for index := from; index <= to; index++ {
			list = append(list, Subtask{Index: int(index), Start: t.Start})
		}
	}
	return list, nil
}

// Room is what a worker that takes up an aggregation can fetch of it itself.
type Room struct {
	// Items is how many, at most.
	Items int
	// Holder is who claims them; see [Claim].
	Holder string
}

// Plan is what a worker that takes up an aggregation has to do.
type Plan struct {
	// Lane is the queue that the subtasks go to.
	Lane Lane
	// Claims are the items that the worker itself has now.
	Claims []Claim
	// Subtasks are all that wait for a worker now; the rest follow as results come in.
	Subtasks []Subtask
	// DeadlineIn is the time left until the deadline.
	DeadlineIn time.Duration
	// Waited is the time from acceptance, or the client's last retry, until it was taken up;
	// negative where that was done before.
	Waited time.Duration
}

// Claim is a worker's hold on one item for the length of one attempt.
type Claim struct {
	Subtask
	// Holder tells the one who claims from all others, who may have the same task.
	Holder string
	// Request is what to send.
	Request Request
	// Unreadable says why Request can't be sent: it has URL and Key alone. It is nil but
	// where the request is sealed and this worker lacks the key, or was tampered with.
	Unreadable *ItemError
	// Attempts counts the requests sent for the item, the one that the claim is for included.
	Attempts int
	// SinceFirst is the time from the item's first attempt to this one.
	SinceFirst time.Duration
	// StartedMS is when the first attempt was made, in milliseconds from the aggregation's creation.
	StartedMS int64
	// Waited is the time that the item has waited for a worker since it was handed to the
	// queue, or since the time that it was put off to; negative where it was not.
	Waited time.Duration
	// Lane is the queue of the aggregation's subtasks.
	Lane Lane
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
	// Lane is the queue that Next goes to.
	Lane Lane
	// Next are the subtasks to hand to the queue now.
	Next []Subtask
}

// Worker is one worker process as the others see it.
type Worker struct {
	// Name is unique among all workers.
	Name string
	// Concurrency is how many fetches it has in flight at once.
	Concurrency int
	// Finished is how many items it has finished since it said so last.
	Finished int64
}

// Round is what a watchdog has to look after now.
type Round struct {
	// Workers is how many there are.
	Workers int
	// Now is when it was, by the store's clock.
	Now time.Time
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
	// Lane is the queue of its subtasks.
	Lane Lane
	// Trace is the traceparent that was kept with it; "" where there is none.
	Trace string
	// Soon is when it has to be visited again, where that is before another round would come; else 0.
	Soon time.Duration
	// Lost are subtasks whose worker did not end them in time; they are handed out again under a new start.
	Lost []Subtask
	// Suspects are subtasks that wait for a worker suspiciously long: the queue may not have them.
	Suspects []Subtask
}
