package tasks

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"gather"
)

func TestQueue_twiceIsOnce(t *testing.T) {
	q := mustQueue(t)
	agg := &gather.Aggregation{ID: "agg_1"}
	items := []gather.Subtask{{Index: 0, Start: 1}, {Index: 1, Start: 1}, {Index: 64, Start: 1, Batch: 2, Items: "64-127"}}
	for range 2 {
		if err := q.Run(t.Context(), agg); err != nil {
			t.Fatal(err)
		}
		if err := q.fetch(t.Context(), "agg_1", "low-bulk", items); err != nil {
			t.Fatal(err)
		}
	}
	for queue, want := range map[string]int{"aggregations": 1, "fetch-low-bulk": 3} {
		if got := len(mustList(t, q, queue)); got != want {
			t.Errorf("%s holds %d tasks, want %d", queue, got, want)
		}
	}
}

func TestQueue_fetchLater(t *testing.T) {
	q := mustQueue(t)
	earliest := time.Now().Add(2 * time.Second)
	for range 2 {
		if err := q.fetchLater(t.Context(), "agg_1", "low-bulk", gather.Subtask{Index: 7, Start: 2}, 2*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	list := mustListScheduled(t, q, "fetch-low-bulk")
	if len(list) != 1 || list[0].ID != "agg_1:7:2" || list[0].NextProcessAt.Before(earliest) {
		t.Errorf("scheduled = %+v, want agg_1:7:2 once, not before %v", list, earliest)
	}
}

func TestParseWake(t *testing.T) {
	cases := map[string]struct {
		payload, queue string
		tasks          int
		from           string
	}{
		"as an API writes it":      {"fetch-low 12", "fetch-low", 12, ""},
		"as a worker writes it":    {"fetch-low 3 host:7:ABC", "fetch-low", 3, "host:7:ABC"},
		"without a number":         {"fetch-low", "fetch-low", 1, ""},
		"with something else":      {"fetch-low many", "fetch-low", 1, ""},
		"with nothing at all":      {"", "", 1, ""},
		"with a number that is no": {"fetch-low 99999999999999999999", "fetch-low", 1, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if queue, tasks, from := parseWake(c.payload); queue != c.queue || tasks != c.tasks || from != c.from {
				t.Errorf("parseWake(%q) = %q, %d, %q, want %q, %d, %q", c.payload, queue, tasks, from, c.queue, c.tasks, c.from)
			}
		})
	}
}

func TestQueue_saysHowManyTasksWait(t *testing.T) {
	q := mustQueue(t)
	// A script that Redis does not know yet makes for one wake-up more.
	if err := q.Run(t.Context(), &gather.Aggregation{ID: "agg_0"}); err != nil {
		t.Fatal(err)
	}
	pubsub := q.rdb.Subscribe(t.Context(), wakeChannel)
	defer func() { _ = pubsub.Close() }()
	if _, err := pubsub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	items := []gather.Subtask{{Index: 0, Start: 1}, {Index: 1, Start: 1}, {Index: 2, Start: 1}}
	for _, hand := range []func() error{
		func() error { return q.fetch(t.Context(), "agg_1", "low", nil) }, // wakes nobody
		func() error { return q.fetch(t.Context(), "agg_1", "low", items) },
		func() error { return q.Run(t.Context(), &gather.Aggregation{ID: "agg_1"}) },
	} {
		if err := hand(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"fetch-low 3", "aggregations 1"} {
		m, err := pubsub.ReceiveMessage(t.Context())
		if err != nil || m.Payload != want {
			t.Errorf("heard %v, %v, want %q", m, err, want)
		}
	}
}

// mustRedis is a client of a Redis of its own.
func mustRedis(tb testing.TB) *redis.Client {
	tb.Helper()
	return mustClient(tb, miniredis.RunT(tb))
}

func mustClient(tb testing.TB, server *miniredis.Miniredis) *redis.Client {
	tb.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func mustQueue(tb testing.TB) *Queue {
	tb.Helper()
	return NewQueue(mustRedis(tb))
}

func mustEnqueue(tb testing.TB, q *Queue, task *asynq.Task) *asynq.TaskInfo {
	tb.Helper()
	info, err := q.client.EnqueueContext(tb.Context(), task)
	if err != nil {
		tb.Fatal(err)
	}
	return info
}

// mustList is what waits in the queue.
func mustList(tb testing.TB, q *Queue, queue string) []*asynq.TaskInfo {
	tb.Helper()
	list, err := asynq.NewInspectorFromRedisClient(q.rdb).ListPendingTasks(queue)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// mustListScheduled is what waits for its time.
func mustListScheduled(tb testing.TB, q *Queue, queue string) []*asynq.TaskInfo {
	tb.Helper()
	list, err := asynq.NewInspectorFromRedisClient(q.rdb).ListScheduledTasks(queue)
	if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
		tb.Fatal(err)
	}
	return list
}

// mustFetchTask is the task of one item or batch as a worker gets it.
func mustFetchTask(tb testing.TB, id string, item gather.Subtask) *asynq.Task {
	tb.Helper()
	payload, err := json.Marshal(fetchPayload{Aggregation: id, Item: item})
	if err != nil {
		tb.Fatal(err)
	}
	return asynq.NewTask(TypeFetch, payload)
}
