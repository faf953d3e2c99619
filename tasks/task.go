// Package tasks is how an aggregation runs: it is the only importer of asynq.
//
// One task of type aggregation:run takes up an aggregation (expand.go): it fetches the
// first items of a small one as far as there is room, and spawns fetch tasks for the
// others; each of them sends its requests, one or a batch, records the results, and
// hands the next items to the queue (fetch.go). A task may be delivered twice, and
// at the same time: the store decides what counts, so that twice changes nothing.
//
// Beside the queue there is a watchdog (watchdog.go), which finds what a crash
// between two writes or a lost worker has left, and ends aggregations at their
// deadlines. Idle workers do not poll: they wait for a wake-up (intake.go).
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

// runQueue holds the run tasks, which start everything else.
const runQueue = "aggregations"

// queueWeights are all queues. Where several have tasks, each is served about in
// proportion to its weight, so that low is slow but never starved. A task of a bulk
// queue is a large batch, which weighs more than its number.
var queueWeights = map[string]int{
	runQueue:             20,
	"fetch-high":         12,
	"fetch-default":      6,
	"fetch-low":          2,
	"fetch-high-bulk":    6,
	"fetch-default-bulk": 3,
	"fetch-low-bulk":     1,
}

func fetchQueue(lane gather.Lane) string { return "fetch-" + string(lane) }

func isFetch(queue string) bool { return queue != runQueue }

func isBulk(queue string) bool { return gather.Lane(queue).Bulk() }

// Bounds that asynq needs but Gather does not want: attempts are counted, and
// requests and aggregations timed out, elsewhere.
const (
	unlimitedRetries = 1 << 30
	handlerTimeout   = 2 * gather.MaxDeadline
)

// runPayload is the payload of a run task. What the first items fetch is for people: the
// worker that takes up the aggregation may fetch them itself.
type runPayload struct {
	Aggregation string   `json:"aggregation"`
	Items       int      `json:"items"` // to be run
	Fetch       []string `json:"fetch,omitempty"`
}

// longestFetch is how much of what an item fetches a run task tells, in bytes.
const longestFetch = 100

// fetchPayload is the payload of a fetch task: what asynqmon shows of it. The
// request itself, which may hold secrets, stays in the store.
type fetchPayload struct {
	Aggregation string         `json:"aggregation"`
	Item        gather.Subtask `json:"item"`
}

// newRunTask makes the task that takes up the aggregation. Each retry by the client
// is a run of its own, so that a leftover of the last run can't stand in its way.
func newRunTask(agg *gather.Aggregation, headers map[string]string) (*asynq.Task, error) {
	fetches := make([]string, len(agg.Fetches))
	for i, fetch := range agg.Fetches {
		fetches[i] = fetch[:min(len(fetch), longestFetch)]
	}
	payload, err := json.Marshal(runPayload{Aggregation: agg.ID, Items: agg.Counts.Pending, Fetch: fetches})
	if err != nil {
		return nil, fmt.Errorf("run task of %s: %w", agg.ID, err)
	}
	taskID := agg.ID
	if agg.Retries > 0 {
		taskID += ":run:" + strconv.Itoa(agg.Retries)
	}
	return newTask(TypeRun, payload, headers, runQueue, taskID), nil
}

// newFetchTask makes the task of one start of one item, or of one batch.
func newFetchTask(id string, lane gather.Lane, t gather.Subtask, headers map[string]string) (*asynq.Task, error) {
	payload, err := json.Marshal(fetchPayload{Aggregation: id, Item: t})
	if err != nil {
		return nil, fmt.Errorf("fetch task of %s/%d: %w", id, t.Index, err)
	}
	return newTask(TypeFetch, payload, headers, fetchQueue(lane), fetchTaskID(id, t)), nil
}

// fetchTaskID is fixed, so that enqueuing twice is found out.
func fetchTaskID(id string, t gather.Subtask) string {
	taskID := id + ":" + strconv.Itoa(t.Index)
	if t.Batch > 0 {
		taskID = id + ":batch:" + strconv.Itoa(t.Batch)
	}
	if t.Start > 1 {
		taskID += ":" + strconv.Itoa(t.Start)
	}
	return taskID
}

func newTask(taskType string, payload []byte, headers map[string]string, queue, taskID string) *asynq.Task {
	return asynq.NewTaskWithHeaders(taskType, payload, headers, asynq.Queue(queue), asynq.TaskID(taskID),
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
