// Package tasks is how an aggregation runs: it is the only importer of asynq.
//
// One task of type aggregation:run spawns the fetch tasks of an aggregation
// (expand.go); each of them sends its request, records the result, and hands the
// next items to the queue (fetch.go). A task may be delivered twice, and at the
// same time: the store decides what counts, so that twice changes nothing.
//
// Beside the queue there is a watchdog (watchdog.go), which finds what a crash
// between two writes or a lost worker has left, and ends aggregations at their
// deadlines. Idle workers do not poll: they wait for a wake-up (wakeup.go).
package tasks

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

// The task types.
const (
	TypeRun   = "aggregation:run"
	TypeFetch = "fetch"
)

// runQueue holds the run tasks, which are short and start everything else.
const runQueue = "aggregations"

// queueWeights are all queues. Where several have tasks, each is served about in
// proportion to its weight, so that low is slow but never starved.
var queueWeights = map[string]int{
	runQueue:                           10,
	fetchQueue(gather.PriorityHigh):    6,
	fetchQueue(gather.PriorityDefault): 3,
	fetchQueue(gather.PriorityLow):     1,
}

func fetchQueue(p gather.Priority) string { return "fetch-" + string(p) }

// Bounds that asynq needs but Gather does not want: attempts are counted, and
// requests and aggregations timed out, elsewhere.
const (
	unlimitedRetries = 1 << 30
	handlerTimeout   = 2 * gather.MaxDeadline
)

// runPayload is the payload of a run task.
type runPayload struct {
	Aggregation string `json:"aggregation"`
}

// fetchPayload is the payload of a fetch task: what asynqmon shows of it. The
// request itself, which may hold secrets, stays in the store.
type fetchPayload struct {
	Aggregation string         `json:"aggregation"`
	Item        gather.Subtask `json:"item"`
}

// newRunTask makes the task that takes up the aggregation. Each retry by the client
// is a run of its own, so that a leftover of the last run can't stand in its way.
func newRunTask(id string, retries int) (*asynq.Task, error) {
	payload, err := json.Marshal(runPayload{Aggregation: id})
	if err != nil {
		return nil, fmt.Errorf("run task of %s: %w", id, err)
	}
	taskID := id
	if retries > 0 {
		taskID += ":run:" + strconv.Itoa(retries)
	}
	return newTask(TypeRun, payload, runQueue, taskID), nil
}

// newFetchTask makes the task of one start of one item.
func newFetchTask(id string, p gather.Priority, t gather.Subtask) (*asynq.Task, error) {
	payload, err := json.Marshal(fetchPayload{Aggregation: id, Item: t})
	if err != nil {
		return nil, fmt.Errorf("fetch task of %s/%d: %w", id, t.Index, err)
	}
	return newTask(TypeFetch, payload, fetchQueue(p), fetchTaskID(id, t)), nil
}

// fetchTaskID is fixed, so that enqueuing twice is found out.
func fetchTaskID(id string, t gather.Subtask) string {
	taskID := id + ":" + strconv.Itoa(t.Index)
	if t.Start > 1 {
		taskID += ":" + strconv.Itoa(t.Start)
	}
	return taskID
}

func newTask(taskType string, payload []byte, queue, taskID string) *asynq.Task {
	return asynq.NewTask(taskType, payload, asynq.Queue(queue), asynq.TaskID(taskID),
		asynq.MaxRetry(unlimitedRetries), asynq.Timeout(handlerTimeout))
}

// ceilSecond rounds a delay up so that a due time cut to whole seconds, as asynq
// keeps it, is never earlier than wanted.
func ceilSecond(now time.Time, delay time.Duration) time.Duration {
	due := now.Add(delay)
	if whole := due.Truncate(time.Second); !whole.Equal(due) {
		due = whole.Add(time.Second)
	}
	return due.Sub(now)
}
