package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"gather"
)

func TestFetchTaskID(t *testing.T) {
	cases := map[string]struct {
		item gather.Subtask
		want string
	}{
		"the first start":                {gather.Subtask{Index: 3, Start: 1}, "agg_1:3"},
		"a start after a lost worker":    {gather.Subtask{Index: 3, Start: 2}, "agg_1:3:2"},
		"the first start of a retry":     {gather.Subtask{Index: 0, Start: 1001}, "agg_1:0:1001"},
		"what is fetched plays no part":  {gather.Subtask{Index: 3, Start: 1, Fetch: "GET http://a"}, "agg_1:3"},
		"an item with the start's digit": {gather.Subtask{Index: 32, Start: 1}, "agg_1:32"},
		"a batch":                        {gather.Subtask{Index: 64, Start: 1, Batch: 2, Items: "64-127"}, "agg_1:batch:2"},
		"a batch that is started again":  {gather.Subtask{Index: 64, Start: 3, Batch: 2, Items: "64-127"}, "agg_1:batch:2:3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := fetchTaskID("agg_1", c.item); got != c.want {
				t.Errorf("fetchTaskID = %q, want %q", got, c.want)
			}
		})
	}
}

func TestFetchTaskID_isOfOneStartOnly(t *testing.T) {
	start := rapid.Custom(func(t *rapid.T) gather.Subtask {
		return gather.Subtask{
			Index: rapid.IntRange(0, 20_000).Draw(t, "index"), Start: rapid.IntRange(1, 5_000).Draw(t, "start"),
			Batch: rapid.IntRange(0, 3).Draw(t, "batch"), Fetch: rapid.String().Draw(t, "fetch"),
		}
	})
	// A batch is known by its number, an item by its position.
	place := func(s gather.Subtask) [2]int {
		if s.Batch > 0 {
			return [2]int{s.Batch, 0}
		}
		return [2]int{0, s.Index}
	}
	rapid.Check(t, func(t *rapid.T) {
		one, other := start.Draw(t, "one"), start.Draw(t, "another")
		same := place(one) == place(other) && one.Start == other.Start
		if got := fetchTaskID("agg_1", one) == fetchTaskID("agg_1", other); got != same {
			t.Fatalf("%+v and %+v have the same task id: %v, want %v", one, other, got, same)
		}
	})
}

func TestNewRunTask(t *testing.T) {
	q := mustQueue(t)
	seen := map[string]bool{}
	long := "GET https://a/" + strings.Repeat("b", 10_000)
	for retries, wantID := range []string{"agg_1", "agg_1:run:1", "agg_1:run:2"} {
		task, err := newRunTask(&gather.Aggregation{ID: "agg_1", Retries: retries, Fetches: []string{"GET https://a/?key=***", long}})
		if err != nil {
			t.Fatal(err)
		}
		info := mustEnqueue(t, q, task)
		if info.ID != wantID || info.Queue != "aggregations" || info.Type != "aggregation:run" {
			t.Errorf("run %d is task %q of type %q in queue %q, want %q", retries, info.ID, info.Type, info.Queue, wantID)
		}
		if got, want := string(info.Payload), `{"aggregation":"agg_1","fetch":["GET https://a/?key=***","`+long[:100]+`"]}`; got != want {
			t.Errorf("payload = %s, want %s", got, want)
		}
		if seen[info.ID] {
			t.Errorf("task id %q is used twice", info.ID)
		}
		seen[info.ID] = true
	}
}

func TestNewFetchTask(t *testing.T) {
	q := mustQueue(t)
	item := gather.Subtask{Index: 3, Start: 1, Fetch: "GET https://a/?key=***"}
	for _, lane := range lanes() {
		task, err := newFetchTask("agg_1", lane, item)
		if err != nil {
			t.Fatal(err)
		}
		info := mustEnqueue(t, q, task)
		if want := "fetch-" + string(lane); info.Queue != want || info.Type != "fetch" || info.ID != "agg_1:3" {
			t.Errorf("task %q of type %q is in queue %q, want %q", info.ID, info.Type, info.Queue, want)
		}
		if _, served := queueWeights[info.Queue]; !served {
			t.Errorf("no worker serves queue %q", info.Queue)
		}
		if !isFetch(info.Queue) || isBulk(info.Queue) != lane.Bulk() {
			t.Errorf("queue %q is one of fetches: %v, of large aggregations: %v", info.Queue, isFetch(info.Queue), isBulk(info.Queue))
		}
		// Attempts are counted, and timed out, elsewhere.
		if info.MaxRetry < 1_000_000 || info.Timeout <= gather.MaxDeadline {
			t.Errorf("asynq ends it after %d retries or %v", info.MaxRetry, info.Timeout)
		}
	}
}

// lanes are all that an aggregation may be in.
func lanes() []gather.Lane {
	var list []gather.Lane
	for _, priority := range gather.Priorities {
		list = append(list, gather.LaneOf(priority, 1), gather.LaneOf(priority, 100_000))
	}
	return list
}

func TestQueueWeights_areOfEveryLane(t *testing.T) {
	want := []string{runQueue}
	for _, lane := range lanes() {
		want = append(want, fetchQueue(lane))
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(queueWeights)); !slices.Equal(got, want) {
		t.Errorf("the workers serve %v, want %v", got, want)
	}
	if isFetch(runQueue) || isBulk(runQueue) {
		t.Error("a run task would need a slot")
	}
}

// TestFetchPayload_holdsNoSecrets lists all that dashboards show of a task: a field
// more needs a thought about what it tells.
func TestFetchPayload_holdsNoSecrets(t *testing.T) {
	cases := map[string]struct {
		item gather.Subtask
		want string
	}{
		"an item": {
			gather.Subtask{Index: 3, Start: 2, Fetch: "GET https://a/"},
			`{"aggregation":"agg_1","item":{"index":3,"start":2,"fetch":"GET https://a/"}}`,
		},
		"a batch": {
			gather.Subtask{Index: 64, Start: 1, Fetch: "GET https://a/", Batch: 2, Items: "64-70,72"},
			`{"aggregation":"agg_1","item":{"index":64,"start":1,"fetch":"GET https://a/","batch":2,"items":"64-70,72"}}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			task, err := newFetchTask("agg_1", gather.LaneOf(gather.PriorityDefault, 1), c.item)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(task.Payload()); got != c.want {
				t.Errorf("payload = %s, want %s", got, c.want)
			}
			if len(task.Headers()) > 0 {
				t.Errorf("headers = %v, want none", slices.Collect(maps.Keys(task.Headers())))
			}
		})
	}
}

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

func TestCeilSecond(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		now         time.Time
		delay, want time.Duration
	}{
		"whole seconds stay":                     {noon, 2 * time.Second, 2 * time.Second},
		"no delay at a whole second stays":       {noon, 0, 0},
		"a fraction is rounded up":               {noon, 1500 * time.Millisecond, 2 * time.Second},
		"it is the due time that is rounded":     {noon.Add(700 * time.Millisecond), 2 * time.Second, 2300 * time.Millisecond},
		"a due time at a whole second stays":     {noon.Add(700 * time.Millisecond), 1300 * time.Millisecond, 1300 * time.Millisecond},
		"a nanosecond late is a second too late": {noon, time.Second + 1, 2 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ceilSecond(c.now, c.delay); got != c.want {
				t.Errorf("ceilSecond = %v, want %v", got, c.want)
			}
		})
	}
}

func TestCeilSecond_neverEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		delay := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "delay"))
		got := ceilSecond(now, delay)
		if got < delay || got >= delay+time.Second {
			t.Fatalf("ceilSecond = %v, want %v and less than a second more", got, delay)
		}
		if kept := time.Unix(now.Add(got).Unix(), 0); kept.Before(now.Add(delay)) {
			t.Fatalf("cut to whole seconds it is due at %v, before %v", kept, now.Add(delay))
		}
	})
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

func TestJudge(t *testing.T) {
	refused := &gather.ItemError{Code: gather.CodeConnectionRefused, Message: "a:80 refused the connection"}
	tooSlow := &gather.ItemError{Code: gather.CodeHTTPResponseTimeout, Message: "no answer within 10s"}
	unwanted := &gather.ItemError{Code: gather.CodeHTTPStatus, Message: "the server answered 503"}
	cases := map[string]struct {
		method   string
		attempts int // of 3
		response gather.Response
		status   gather.ItemStatus // "" where another attempt follows
		err      *gather.ItemError
		delay    time.Duration // of that attempt; 0 is any
	}{
		"a wanted answer":                        {attempts: 1, response: gather.Response{HTTPStatus: 200}, status: gather.ItemSucceeded},
		"a wanted answer at the last attempt":    {attempts: 3, response: gather.Response{HTTPStatus: 200}, status: gather.ItemSucceeded},
		"an unwanted code, attempts left":        {attempts: 1, response: gather.Response{HTTPStatus: 503}, err: unwanted},
		"an unwanted code, one attempt left":     {attempts: 2, response: gather.Response{HTTPStatus: 503}, err: unwanted},
		"an unwanted code, no attempt left":      {attempts: 3, response: gather.Response{HTTPStatus: 503}, status: gather.ItemFailed, err: unwanted},
		"more attempts than were wanted":         {attempts: 4, response: gather.Response{HTTPStatus: 503}, status: gather.ItemFailed, err: unwanted},
		"a code that promises no change":         {attempts: 1, response: gather.Response{HTTPStatus: 404}, status: gather.ItemFailed, err: &gather.ItemError{Code: gather.CodeHTTPStatus, Message: "the server answered 404"}},
		"the wait that the server asks for":      {attempts: 1, response: gather.Response{HTTPStatus: 503, RetryAfter: time.Minute}, err: unwanted, delay: time.Minute},
		"an error, attempts left":                {attempts: 1, response: gather.Response{Error: refused, NotSent: true}, err: refused},
		"an error, no attempt left":              {attempts: 3, response: gather.Response{Error: refused, NotSent: true}, status: gather.ItemFailed, err: refused},
		"an error that stays":                    {attempts: 1, response: gather.Response{Error: refused, Permanent: true}, status: gather.ItemFailed, err: refused},
		"an answer that broke off keeps its own": {attempts: 3, response: gather.Response{HTTPStatus: 200, Error: tooSlow}, status: gather.ItemFailed, err: tooSlow},
		"a POST that may have reached the server": {method: "POST", attempts: 1, response: gather.Response{Error: tooSlow},
			status: gather.ItemFailed, err: tooSlow},
		"a POST that cannot have reached it": {method: "POST", attempts: 1, response: gather.Response{Error: refused, NotSent: true}, err: refused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			claim := &gather.Claim{
				Subtask:  gather.Subtask{Index: 7},
				Request:  gather.Request{URL: "https://a/", Method: c.method, Key: "weather"},
				Attempts: c.attempts,
			}
			result, later := judge(claim, &c.response, 1500*time.Microsecond)
			if c.status == "" {
				if result != nil || later == nil || *later.why != *c.err || c.delay > 0 && later.delay != c.delay {
					t.Fatalf("judge = %+v, %v, want another attempt because of %v, in %v", result, later, c.err, c.delay)
				}
				return
			}
			if result == nil || later != nil {
				t.Fatalf("judge = %+v, %v, want a result", result, later)
			}
			if result.Status != c.status || (result.Error == nil) != (c.err == nil) || c.err != nil && *result.Error != *c.err {
				t.Errorf("the item %s with %v, want %s with %v", result.Status, result.Error, c.status, c.err)
			}
			if result.Index != 7 || result.Key != "weather" || result.URL != "https://a/" {
				t.Errorf("the result is of item %d, %q, %q, not of the one that was asked for", result.Index, result.Key, result.URL)
			}
			if result.Attempts != c.attempts || result.ElapsedMS != 1.5 || result.HTTPStatus != c.response.HTTPStatus {
				t.Errorf("attempts, elapsed, code = %d, %v ms, %d", result.Attempts, result.ElapsedMS, result.HTTPStatus)
			}
		})
	}
}

func TestJudge_keepsTheLastAnswersBody(t *testing.T) {
	claim := &gather.Claim{Request: gather.Request{URL: "https://a/"}, Attempts: 3}
	response := &gather.Response{HTTPStatus: 503, ContentType: "text/plain", Body: []byte("later"), Truncated: true}
	result, _ := judge(claim, response, 0)
	if result == nil || string(result.Body) != `"later"` || !result.Truncated || result.ContentType != "text/plain" {
		t.Errorf("judge = %+v, want the body of the last answer", result)
	}
}

func TestMarkUnsafe(t *testing.T) {
	cases := map[string]struct {
		method string
		given  map[string]string
		want   map[string]string
	}{
		"POST":                            {"POST", nil, map[string]string{"Idempotency-Key": "agg_1/7"}},
		"patch in small letters":          {"patch", nil, map[string]string{"Idempotency-Key": "agg_1/7"}},
		"GET needs none":                  {"", nil, nil},
		"PUT needs none":                  {"PUT", map[string]string{"A": "b"}, map[string]string{"A": "b"}},
		"other headers stay":              {"POST", map[string]string{"A": "b"}, map[string]string{"A": "b", "Idempotency-Key": "agg_1/7"}},
		"the client's own stays":          {"POST", map[string]string{"Idempotency-Key": "x"}, map[string]string{"Idempotency-Key": "x"}},
		"and in any letter case":          {"POST", map[string]string{"iDEMPOTENCY-kEY": "x"}, map[string]string{"iDEMPOTENCY-kEY": "x"}},
		"even where it is an empty value": {"POST", map[string]string{"idempotency-key": ""}, map[string]string{"idempotency-key": ""}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(c.given)
			r := gather.Request{Method: c.method, Headers: c.given}
			markUnsafe(&r, "agg_1", 7)
			if !maps.Equal(r.Headers, c.want) {
				t.Errorf("headers = %v, want %v", r.Headers, c.want)
			}
			if !maps.Equal(c.given, before) {
				t.Errorf("the stored headers became %v, and were %v", c.given, before)
			}
		})
	}
}

// stubStore is a [Store] of which a test gives the methods that it expects to be called.
type stubStore struct {
	Store
	begin   func(room gather.Room) (*gather.Plan, error)
	visit   func() (*gather.Visit, error)
	claim   func(wanted []gather.Claim) ([]gather.Claim, error)
	release func(ctx context.Context, c *gather.Claim, delay time.Duration) error
	record  func(ctx context.Context, results []gather.Result) (*gather.Recorded, error)
}

func (s *stubStore) Begin(_ context.Context, _ string, room gather.Room) (*gather.Plan, error) {
	return s.begin(room)
}

func (s *stubStore) Visit(context.Context, *gather.Round, string) (*gather.Visit, error) {
	return s.visit()
}

func (s *stubStore) Claim(_ context.Context, _ string, wanted []gather.Claim) ([]gather.Claim, error) {
	return s.claim(wanted)
}

func (s *stubStore) Keep(context.Context, string, []gather.Subtask) (int, error) { return 0, nil }

func (s *stubStore) Release(ctx context.Context, _ string, c *gather.Claim, delay time.Duration) error {
	return s.release(ctx, c, delay)
}

func (s *stubStore) Record(ctx context.Context, _ string, results []gather.Result) (*gather.Recorded, error) {
	return s.record(ctx, results)
}

// newHandlers is a worker without asynq, as the handlers of its tasks see it, of so
// many free slots.
func newHandlers(slots int, fetcher Fetcher, store Store) *Server {
	s := &Server{store: store, fetcher: fetcher, slots: newSlots(slots), inflight: newInflight(), log: slog.New(slog.DiscardHandler)}
	s.claims, s.results = newTogether(s.claimAll), newTogether(s.recordAll)
	s.intake = newIntake(nil, s.slots)
	s.handlers, s.handBack = context.WithCancel(context.Background())
	return s
}

// wantAllFree checks that each of so many slots was released.
func wantAllFree(t *testing.T, s *slots, want int) {
	t.Helper()
	got := s.tryAcquire(want + 1)
	s.release(got)
	if got != want {
		t.Errorf("%d slots are free, want all %d", got, want)
	}
}

func TestServer_record_triesUntilTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := newHandlers(1, nil, &stubStore{record: func(ctx context.Context, results []gather.Result) (*gather.Recorded, error) {
			calls++
			if ctx.Err() != nil || len(results) != 1 || results[0].Index != 7 {
				t.Errorf("call %d records %+v under %v", calls, results, ctx.Err())
			}
			if calls < 4 {
				return nil, gather.ErrUnavailable
			}
			return &gather.Recorded{}, nil
		}})
		s.handBack() // even a worker that is told to stop has to get rid of what it has
		start := time.Now()
		if err := s.record("agg_1", &gather.Result{Index: 7}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); calls != 4 || took != 3*persistPause {
			t.Errorf("%d calls in %v, want 4 with a pause of %v between", calls, took, persistPause)
		}
	})
}

func TestServer_record_givesUpWithTheLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := newHandlers(1, nil, &stubStore{record: func(context.Context, []gather.Result) (*gather.Recorded, error) {
			calls++
			return nil, fmt.Errorf("call %d: %w", calls, gather.ErrUnavailable)
		}})
		start := time.Now()
		err := s.record("agg_1", &gather.Result{})
		if !errors.Is(err, gather.ErrUnavailable) || !strings.HasPrefix(err.Error(), fmt.Sprintf("call %d:", calls)) {
			t.Errorf("after %d calls the error is %v, want that of the last", calls, err)
		}
		if took := time.Since(start); took != recordTimeout {
			t.Errorf("gave up after %v, want %v", took, recordTimeout)
		}
	})
}

func TestServer_record_handsOutTheNextItems(t *testing.T) {
	next := []gather.Subtask{{Index: 8, Start: 1}, {Index: 9, Start: 1}, {Index: 64, Start: 1, Batch: 2, Items: "64-127"}}
	s := newHandlers(1, nil, &stubStore{record: func(context.Context, []gather.Result) (*gather.Recorded, error) {
		return &gather.Recorded{First: 1, Lane: "high-bulk", Next: next}, nil
	}})
	s.queue = mustQueue(t)
	if err := s.record("agg_1", &gather.Result{Index: 7}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, info := range mustList(t, s.queue, "fetch-high-bulk") {
		got = append(got, info.ID)
	}
	slices.Sort(got)
	if want := []string{"agg_1:8", "agg_1:9", "agg_1:batch:2"}; !slices.Equal(got, want) {
		t.Errorf("the queue holds %v, want %v", got, want)
	}
}

// A result must not be recorded again because the queue could not be reached after it.
func TestServer_record_recordsOnceHoweverOftenItHandsOut(t *testing.T) {
	recorded := 0
	s := newHandlers(1, nil, &stubStore{record: func(context.Context, []gather.Result) (*gather.Recorded, error) {
		recorded++
		return &gather.Recorded{Lane: "high", Next: []gather.Subtask{{Index: 8, Start: 1}}}, nil
	}})
	server := miniredis.RunT(t)
	s.queue = NewQueue(mustClient(t, server))
	server.SetError("LOADING Redis is loading the dataset in memory")
	time.AfterFunc(aMoment, func() { server.SetError("") })
	if err := s.record("agg_1", &gather.Result{Index: 7}); err != nil {
		t.Fatal(err)
	}
	if got := len(mustList(t, s.queue, "fetch-high")); recorded != 1 || got != 1 {
		t.Errorf("recorded %d times and enqueued %d tasks, want 1 and 1", recorded, got)
	}
}

func TestServer_claimAll_givesEachItsOwn(t *testing.T) {
	cases := map[string]struct {
		granted []int // which of those wanted
		want    []int // by place, -1 where there is none
	}{
		"all":         {[]int{0, 1, 2, 3}, []int{0, 1, 2, 3}},
		"none":        {nil, []int{-1, -1, -1, -1}},
		"the last":    {[]int{3}, []int{-1, -1, -1, 3}},
		"the first":   {[]int{0}, []int{0, -1, -1, -1}},
		"one of two":  {[]int{1}, []int{-1, 1, -1, -1}},
		"some of all": {[]int{1, 2}, []int{-1, 1, 2, -1}},
	}
	// Item 5 is wanted by two that have the same task.
	wanted := []gather.Claim{
		{Subtask: gather.Subtask{Index: 5}, Holder: "a"}, {Subtask: gather.Subtask{Index: 5}, Holder: "b"},
		{Subtask: gather.Subtask{Index: 6}, Holder: "c"}, {Subtask: gather.Subtask{Index: 7}, Holder: "d"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newHandlers(1, nil, &stubStore{claim: func(wanted []gather.Claim) ([]gather.Claim, error) {
				var granted []gather.Claim
				for _, i := range c.granted {
					granted = append(granted, wanted[i])
				}
				return granted, nil
			}})
			claims, err := s.claimAll("agg_1", wanted)
			if err != nil || len(claims) != len(c.want) {
				t.Fatalf("claimAll = %d claims, %v, want one for each of %d", len(claims), err, len(c.want))
			}
			for i, claim := range claims {
				if (claim != nil) != (c.want[i] >= 0) || claim != nil && claim.Holder != wanted[i].Holder {
					t.Errorf("claim %d = %+v, want that of %d", i, claim, c.want[i])
				}
			}
		})
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
