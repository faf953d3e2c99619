package tasks

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

func TestInflight_close(t *testing.T) {
	f := newInflight()
	first, leaveFirst := f.enter(t.Context(), "agg_1")
	second, leaveSecond := f.enter(t.Context(), "agg_1")
	other, leaveOther := f.enter(t.Context(), "agg_2")

	f.close("agg_1")
	f.close("agg_1")
	f.close("agg_3")
	for name, ctx := range map[string]context.Context{"first": first, "second": second} {
		if err := context.Cause(ctx); !errors.Is(err, errClosed) {
			t.Errorf("the %s request of a closed aggregation ends with %v, want %v", name, err, errClosed)
		}
	}
	if err := other.Err(); err != nil {
		t.Errorf("the request of another aggregation ends with %v", err)
	}
	leaveFirst()
	leaveSecond()
	leaveOther()
	if len(f.cancels) > 0 {
		t.Errorf("%d aggregations are known after the last request is done", len(f.cancels))
	}
}

func TestInflight_leave(t *testing.T) {
	f := newInflight()
	done, leaveDone := f.enter(t.Context(), "agg_1")
	open, leaveOpen := f.enter(t.Context(), "agg_1")
	defer leaveOpen()
	leaveDone()
	leaveDone() // twice does no harm
	if err := context.Cause(done); !errors.Is(err, context.Canceled) {
		t.Errorf("the context of what is done ends with %v, want %v", err, context.Canceled)
	}
	if open.Err() != nil {
		t.Error("it took the other request of the aggregation with it")
	}
	f.close("agg_1")
	if err := context.Cause(open); !errors.Is(err, errClosed) {
		t.Errorf("the other request ends with %v, want %v", err, errClosed)
	}
}

func TestInflight_endsWithTheWorker(t *testing.T) {
	f := newInflight()
	worker, stop := context.WithCancel(t.Context())
	ctx, leave := f.enter(worker, "agg_1")
	defer leave()
	stop()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		t.Errorf("the request ends with %v, want %v", err, context.Canceled)
	}
	f.close("agg_1")
	if errors.Is(context.Cause(ctx), errClosed) {
		t.Error("a close afterwards changes why it ended")
	}
}

func TestInflight_manyAtOnce(t *testing.T) {
	f := newInflight()
	var all sync.WaitGroup
	for i := range 100 {
		id := strconv.Itoa(i % 5)
		all.Go(func() {
			ctx, leave := f.enter(t.Context(), id)
			f.close(id)
			<-ctx.Done()
			leave()
		})
	}
	all.Wait()
	if len(f.cancels) > 0 {
		t.Errorf("%d aggregations are known after the last request is done", len(f.cancels))
	}
}

// aMoment is what a test waits before it does something, while something else may wait.
const aMoment = 300 * time.Millisecond

// fetchFunc is a [Fetcher].
type fetchFunc func(ctx context.Context) *gather.Response

func (f fetchFunc) Fetch(ctx context.Context, _ *gather.Request) *gather.Response { return f(ctx) }

// trial is one worker of one slot at one item, GET http://a, whose store counts what is told.
type trial struct {
	server   *Server
	attempts int
	results  []gather.Result
	released []time.Duration
}

// newTrial returns a worker whose fetches come to what fetch returns.
func newTrial(fetch fetchFunc) *trial {
	tr := &trial{}
	tr.server = newHandlers(1, fetch, &stubStore{
		claim: func(wanted []gather.Claim) ([]gather.Claim, error) {
			tr.attempts++
			claim := wanted[0]
			claim.Request, claim.Attempts, claim.DeadlineIn = gather.Request{URL: "http://a"}, tr.attempts, gather.MaxDeadline
			return []gather.Claim{claim}, nil
		},
		release: func(ctx context.Context, _ *gather.Claim, delay time.Duration) error {
			tr.released = append(tr.released, delay)
			return ctx.Err()
		},
		record: func(_ context.Context, results []gather.Result) (*gather.Recorded, error) {
			tr.results = append(tr.results, results...)
			return &gather.Recorded{}, nil
		},
	})
	return tr
}

// fetch runs the task of the item, with the slot that it was taken from the queue with.
func (tr *trial) fetch(ctx context.Context, t *testing.T) error {
	t.Helper()
	mustSlot(t, tr.server)
	return tr.server.fetch(ctx, "fetch-default", mustFetchTask(t, "agg_1", gather.Subtask{Start: 1}))
}

// mustSlot takes a slot for a task, as the intake does.
func mustSlot(t *testing.T, s *Server) {
	t.Helper()
	if s.slots.tryAcquire(1) != 1 {
		t.Fatal("there is no slot for the task")
	}
}

// wantEnd checks what the store was told in the end.
func (tr *trial) wantEnd(t *testing.T, attempts int, results []gather.ItemStatus, released []time.Duration) {
	t.Helper()
	if tr.attempts != attempts {
		t.Errorf("%d attempts, want %d", tr.attempts, attempts)
	}
	if len(tr.results) != len(results) || len(results) > 0 && tr.results[0].Status != results[0] {
		t.Errorf("results = %+v, want %v", tr.results, results)
	}
	if len(tr.released) != len(released) || len(released) > 0 && tr.released[0] != released[0] {
		t.Errorf("released after %v, want %v", tr.released, released)
	}
	if len(tr.server.inflight.cancels) > 0 {
		t.Error("the request is still known as in flight")
	}
	wantAllFree(t, tr.server.slots, 1)
}

// untilAborted is a server that never answers.
func untilAborted(ctx context.Context) *gather.Response {
	<-ctx.Done()
	return &gather.Response{Error: &gather.ItemError{Code: gather.CodeCanceled}}
}

func TestServer_fetch_recordsTheAnswer(t *testing.T) {
	tr := newTrial(func(context.Context) *gather.Response { return &gather.Response{HTTPStatus: 200} })
	if err := tr.fetch(t.Context(), t); err != nil {
		t.Fatal(err)
	}
	tr.wantEnd(t, 1, []gather.ItemStatus{gather.ItemSucceeded}, nil)
}

func TestServer_fetch_sitsOutAShortWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes := []int{503, 200}
		var tr *trial
		tr = newTrial(func(context.Context) *gather.Response {
			time.Sleep(10 * time.Millisecond)
			return &gather.Response{HTTPStatus: codes[tr.attempts-1], RetryAfter: time.Second}
		})
		start := time.Now()
		if err := tr.fetch(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 1020*time.Millisecond {
			t.Errorf("took %v, want two attempts and the wait between", took)
		}
		tr.wantEnd(t, 2, []gather.ItemStatus{gather.ItemSucceeded}, nil)
	})
}

func TestServer_fetch_leavesALongWaitToTheQueue(t *testing.T) {
	tr := newTrial(func(context.Context) *gather.Response {
		return &gather.Response{HTTPStatus: 503, RetryAfter: time.Second + 1}
	})
	var later *retryLater
	if err := tr.fetch(t.Context(), t); !errors.As(err, &later) || later.delay != time.Second+1 {
		t.Errorf("fetch = %v, want to be delivered again later", err)
	}
	tr.wantEnd(t, 1, nil, []time.Duration{time.Second + 1})
}

func TestServer_fetch_dropsWhatIsClosed(t *testing.T) {
	cases := map[string]func(context.Context) *gather.Response{
		"while it is sent": untilAborted,
		"while it waits": func(context.Context) *gather.Response {
			return &gather.Response{HTTPStatus: 503, RetryAfter: time.Second}
		},
	}
	for name, fetch := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(fetch)
				time.AfterFunc(aMoment, func() { tr.server.inflight.close("agg_1") })
				start := time.Now()
				if err := tr.fetch(t.Context(), t); err != nil {
					t.Errorf("fetch = %v, want nil: nobody waits for it", err)
				}
				if took := time.Since(start); took != aMoment {
					t.Errorf("aborted after %v, want %v", took, aMoment)
				}
				tr.wantEnd(t, 1, nil, []time.Duration{0})
			})
		})
	}
}

func TestServer_fetch_handsBackWhenTheWorkerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(untilAborted)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(aMoment, stop)
		if err := tr.fetch(ctx, t); !errors.Is(err, errHandedBack) {
			t.Errorf("fetch = %v, want %v", err, errHandedBack)
		}
		tr.wantEnd(t, 1, nil, []time.Duration{0})
	})
}

func TestServer_fetch_keepsAnAnswerThatCameInTime(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	tr := newTrial(func(context.Context) *gather.Response {
		stop()
		return &gather.Response{HTTPStatus: 200}
	})
	if err := tr.fetch(ctx, t); err != nil {
		t.Fatal(err)
	}
	tr.wantEnd(t, 1, []gather.ItemStatus{gather.ItemSucceeded}, nil)
}

func TestServer_fetch_sendsNothingWithoutAClaim(t *testing.T) {
	cases := map[string]error{
		"the item has its result":       nil,
		"the store is out of reach":     gather.ErrUnavailable,
		"the worker has stopped by now": context.Canceled,
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			s := newHandlers(1, nil, &stubStore{claim: func([]gather.Claim) ([]gather.Claim, error) { return nil, want }})
			mustSlot(t, s)
			if err := s.fetch(t.Context(), "fetch-default", mustFetchTask(t, "agg_1", gather.Subtask{})); !errors.Is(err, want) {
				t.Errorf("fetch = %v, want %v", err, want)
			}
			wantAllFree(t, s.slots, 1)
		})
	}
}

// Nobody waits for a claim on what is closed, so that it is no error that it failed.
func TestServer_fetch_dropsWhatIsClosedBeforeItIsClaimed(t *testing.T) {
	var s *Server
	s = newHandlers(1, nil, &stubStore{claim: func([]gather.Claim) ([]gather.Claim, error) {
		s.inflight.close("agg_1")
		return nil, io.ErrUnexpectedEOF
	}})
	mustSlot(t, s)
	if err := s.fetch(t.Context(), "fetch-default", mustFetchTask(t, "agg_1", gather.Subtask{})); err != nil {
		t.Errorf("fetch = %v, want nil", err)
	}
	wantAllFree(t, s.slots, 1)
}

// A claim is tried again while the store is away, but nothing is lost where it is not made.
func TestServer_fetch_claimsNoLongerOnceTheWorkerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHandlers(1, nil, &stubStore{claim: func([]gather.Claim) ([]gather.Claim, error) { return nil, gather.ErrUnavailable }})
		time.AfterFunc(aMoment, s.handBack)
		mustSlot(t, s)
		start := time.Now()
		if err := s.fetch(s.handlers, "fetch-default", mustFetchTask(t, "agg_1", gather.Subtask{})); !errors.Is(err, gather.ErrUnavailable) {
			t.Errorf("fetch = %v, want %v", err, gather.ErrUnavailable)
		}
		if took := time.Since(start); took != aMoment {
			t.Errorf("gave up after %v, want %v", took, aMoment)
		}
		wantAllFree(t, s.slots, 1)
	})
}

func TestServer_revokesWhatItCannotRead(t *testing.T) {
	s := newHandlers(1, nil, nil)
	mustSlot(t, s)
	for taskType, queue := range map[string]string{TypeFetch: "fetch-default", TypeRun: runQueue} {
		if err := s.handle(t.Context(), queue, asynq.NewTask(taskType, []byte("{"))); !errors.Is(err, asynq.RevokeTask) {
			t.Errorf("%s = %v, want %v", taskType, err, asynq.RevokeTask)
		}
	}
	wantAllFree(t, s.slots, 1)
}
