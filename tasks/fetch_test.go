package tasks

import (
	"context"
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

	"gather"
)

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
	s := &Server{store: store, fetcher: fetcher, slots: newSlots(slots), inflight: newInflight(), log: slog.New(slog.DiscardHandler), observer: unobserved{}}
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
		if err := s.record(t.Context(), "agg_1", &gather.Result{Index: 7}); err != nil {
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
		err := s.record(t.Context(), "agg_1", &gather.Result{})
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
	if err := s.record(t.Context(), "agg_1", &gather.Result{Index: 7}); err != nil {
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
	if err := s.record(t.Context(), "agg_1", &gather.Result{Index: 7}); err != nil {
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
