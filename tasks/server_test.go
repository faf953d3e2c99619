package tasks

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
)

// memory is a [Store] of one aggregation, agg_1 in lane default-bulk, whose items
// are free to be claimed once they are handed out.
type memory struct {
	plan  []gather.Subtask
	items int

	mu       sync.Mutex
	holders  map[int]string
	results  map[int]int // attempts of the items that have a result
	attempts map[int]int
	released []int
	ended    chan struct{} // closed when each item has its result
	ahead    time.Duration // how much its clock shows more
}

func newMemory(items int, plan ...gather.Subtask) *memory {
	return &memory{
		plan: plan, items: items, holders: make(map[int]string), results: make(map[int]int),
		attempts: make(map[int]int), ended: make(chan struct{}),
	}
}

func (m *memory) Begin(context.Context, string, gather.Room) (*gather.Plan, error) {
	return &gather.Plan{Lane: "default-bulk", Subtasks: m.plan, DeadlineIn: time.Hour}, nil
}

func (m *memory) Claim(_ context.Context, _ string, wanted []gather.Claim) ([]gather.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var granted []gather.Claim
	for _, claim := range wanted {
		_, done := m.results[claim.Index]
		if holder := m.holders[claim.Index]; done || holder != "" && holder != claim.Holder {
			continue
		}
		m.holders[claim.Index] = claim.Holder
		m.attempts[claim.Index]++
		claim.Attempts, claim.Lane, claim.DeadlineIn = m.attempts[claim.Index], "default-bulk", time.Hour
		claim.Request.URL = "http://a/" + strconv.Itoa(claim.Index)
		granted = append(granted, claim)
	}
	return granted, nil
}

func (m *memory) Keep(context.Context, string, []gather.Subtask) (int, error) { return 0, nil }

func (m *memory) Release(_ context.Context, _ string, c *gather.Claim, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.holders, c.Index)
	m.released = append(m.released, c.Index)
	return nil
}

func (m *memory) Record(_ context.Context, _ string, results []gather.Result) (*gather.Recorded, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, result := range results {
		m.results[result.Index] = result.Attempts
	}
	if len(m.results) == m.items {
		close(m.ended)
	}
	return &gather.Recorded{}, nil
}

func (m *memory) Restart(context.Context, string, gather.Subtask) ([]gather.Subtask, error) {
	return nil, nil
}

func (m *memory) Tick(context.Context, gather.Worker) (*gather.Round, error) {
	return &gather.Round{Sleep: time.Hour, Now: time.Now().Add(m.ahead)}, nil
}

func (m *memory) Visit(context.Context, *gather.Round, string) (*gather.Visit, error) {
	return &gather.Visit{}, nil
}

func (m *memory) Leave(context.Context, gather.Worker) error { return nil }

func (m *memory) WatchClosed(ctx context.Context, _ func(string)) { <-ctx.Done() }

// requestFunc is a [Fetcher] that knows of the item that it fetches.
type requestFunc func(ctx context.Context, index int) *gather.Response

func (f requestFunc) Fetch(ctx context.Context, r *gather.Request) *gather.Response {
	index, _ := strconv.Atoi(path.Base(r.URL))
	return f(ctx, index)
}

// mustServe starts a worker of 3 slots on a Redis of its own.
func mustServe(t *testing.T, store Store, fetch requestFunc) (*Server, *Queue) {
	t.Helper()
	options, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	t.Cleanup(func() { _ = rdb.Close() })
	s := NewServer(Options{
		Worker: "w", Store: store, Fetcher: fetch, Concurrency: 3,
		NewClient: func() redis.UniversalClient { return redis.NewClient(options) },
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	t.Cleanup(s.Stop)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s, NewQueue(rdb)
}

// TestServer_runsAnAggregation has a real asynq on a real Redis serve one of each
// kind of task, some of which nobody can read, through one bulk queue.
func TestServer_runsAnAggregation(t *testing.T) {
	m := newMemory(
		30,
		gather.Subtask{Index: 0, Start: 1, Batch: 1, Items: "0-9"},
		gather.Subtask{Index: 10, Start: 2}, // what was claimed before goes alone
		gather.Subtask{Index: 11, Start: 2},
		gather.Subtask{Index: 12, Start: 1, Batch: 2, Items: "12-13,15,17-28"},
		gather.Subtask{Index: 14, Start: 1},
		gather.Subtask{Index: 16, Start: 1},
		gather.Subtask{Index: 29, Start: 1, Batch: 3, Items: "29"},
	)
	var mu sync.Mutex
	now, most, late := 0, 0, false
	s, q := mustServe(t, m, func(_ context.Context, index int) *gather.Response {
		mu.Lock()
		now++
		most = max(most, now)
		wait := index == 17 && !late // its next attempt is a task of its own
		late = late || wait
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		if wait {
			return &gather.Response{HTTPStatus: 503, RetryAfter: waitHere + 1}
		}
		return &gather.Response{HTTPStatus: 200}
	})
	for _, task := range []*asynq.Task{
		newTask(TypeFetch, []byte("{"), nil, "fetch-default-bulk", "unreadable"),
		newTask("email:send", nil, nil, "fetch-default-bulk", "not ours"),
		newTask(TypeFetch, []byte(`{"aggregation":"agg_1","item":{"batch":1,"items":"0-"}}`), nil, "fetch-default-bulk", "without items"),
		newTask(TypeRun, []byte("{"), nil, runQueue, "unreadable run"),
	} {
		mustEnqueue(t, q, task)
	}
	if err := q.Run(t.Context(), &gather.Aggregation{ID: "agg_1"}); err != nil {
		t.Fatal(err)
	}
	<-m.ended
	s.Stop()
	s.Stop() // twice does no harm
	for index := range m.items {
		want := 1
		if index == 17 {
			want = 2
		}
		if got := m.results[index]; got != want {
			t.Errorf("item %d has its result after %d attempts, want %d", index, got, want)
		}
	}
	if most > 3 {
		t.Errorf("%d requests side by side, want at most 3", most)
	}
	wantAllFree(t, s.slots, 3)
	for queue := range queueWeights {
		for _, kind := range []string{"pending", "active", "archived"} {
			key := "asynq:{" + queue + "}:" + kind
			if left, err := q.rdb.Exists(t.Context(), key).Result(); err != nil || left > 0 {
				t.Errorf("%s is left, or not to be seen: %v", key, err)
			}
		}
	}
}

func TestServer_Stop_handsBack(t *testing.T) {
	m := newMemory(
		10,
		gather.Subtask{Index: 0, Start: 1, Batch: 1, Items: "0-7"},
		gather.Subtask{Index: 8, Start: 1},
		gather.Subtask{Index: 9, Start: 1},
	)
	sent := make(chan int, m.items)
	s, q := mustServe(t, m, func(ctx context.Context, index int) *gather.Response {
		sent <- index
		return untilAborted(ctx)
	})
	if err := q.Run(t.Context(), &gather.Aggregation{ID: "agg_1"}); err != nil {
		t.Fatal(err)
	}
	var held []int
	for range 3 {
		held = append(held, <-sent)
	}
	s.Stop()
	slices.Sort(held)
	slices.Sort(m.released)
	if !slices.Equal(m.released, held) {
		t.Errorf("released %v, want what was sent: %v", m.released, held)
	}
	wantAllFree(t, s.slots, 3)
	inspector := asynq.NewInspectorFromRedisClient(q.rdb)
	info, err := inspector.GetQueueInfo("fetch-default-bulk")
	if err != nil || info.Active != 0 || info.Pending+info.Retry != 3 || info.Failed != 0 {
		t.Errorf("the queue is %+v, %v, want all 3 tasks to be delivered again, none as failed", info, err)
	}
}

func TestRetryDelay(t *testing.T) {
	later := &retryLater{delay: 1500 * time.Millisecond, why: &gather.ItemError{Code: gather.CodeHTTPStatus}}
	cases := map[string]struct {
		err     error
		retried int
		want    time.Duration
	}{
		"a later attempt, in whole seconds": {later, 0, 2 * time.Second},
		"however often it was tried before": {later, 50, 2 * time.Second},
		"a later attempt, wrapped":          {fmt.Errorf("fetch: %w", later), 0, 2 * time.Second},
		"handed back at once":               {errHandedBack, 7, 0},
		"aborted at once":                   {fmt.Errorf("claim: %w", context.Canceled), 7, 0},
		"an error after a second":           {gather.ErrUnavailable, 0, time.Second},
		"then after two":                    {gather.ErrUnavailable, 1, 2 * time.Second},
		"at last after half a minute":       {gather.ErrUnavailable, 5, 32 * time.Second},
		"and never after more":              {gather.ErrUnavailable, 1 << 30, 32 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // where it is midnight exactly
				if got := retryDelay(c.retried, c.err, nil); got != c.want {
					t.Errorf("retryDelay = %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestIsFailure(t *testing.T) {
	cases := map[string]struct {
		err  error
		want bool
	}{
		"another attempt is needed": {&retryLater{why: &gather.ItemError{}}, true},
		"the store is away":         {gather.ErrUnavailable, true},
		"handed back":               {fmt.Errorf("fetch: %w", errHandedBack), false},
		"aborted":                   {fmt.Errorf("fetch: %w", context.Canceled), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := isFailure(c.err); got != c.want {
				t.Errorf("isFailure = %v, want %v", got, c.want)
			}
		})
	}
}
