package tasks

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"pgregory.net/rapid"

	"gather"
)

// batchTrial is one worker at one batch of agg_1. Its store grants what is not
// refused; item i is http://a/i, and is fetched in so long as a test says.
type batchTrial struct {
	server *Server
	slots  int

	takes    func(index int) time.Duration
	answers  func(index int) *gather.Response
	refused  func(index int) bool
	claimErr func(call int) error
	recorded error
	deadline time.Duration

	mu         sync.Mutex
	claims     [][]int
	now, most  int // fetches in flight
	results    map[int]gather.ItemStatus
	released   map[int]time.Duration
	sinceStart map[int]time.Duration // when each item was sent
	start      time.Time
}

func newBatchTrial(slots int) *batchTrial {
	tr := &batchTrial{
		slots:      slots,
		takes:      func(int) time.Duration { return 100 * time.Millisecond },
		answers:    func(int) *gather.Response { return &gather.Response{HTTPStatus: 200} },
		refused:    func(int) bool { return false },
		claimErr:   func(int) error { return nil },
		deadline:   gather.MaxDeadline,
		results:    make(map[int]gather.ItemStatus),
		released:   make(map[int]time.Duration),
		sinceStart: make(map[int]time.Duration),
		start:      time.Now(),
	}
	tr.server = newHandlers(slots, tr, &stubStore{claim: tr.claim, release: tr.release, record: tr.record})
	return tr
}

func (tr *batchTrial) claim(wanted []gather.Claim) ([]gather.Claim, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var indexes []int
	var granted []gather.Claim
	for _, claim := range wanted {
		indexes = append(indexes, claim.Index)
		if tr.refused(claim.Index) {
			continue
		}
		claim.Request.URL = "http://a/" + strconv.Itoa(claim.Index)
		claim.Attempts++
		claim.Lane, claim.DeadlineIn = "low-bulk", tr.deadline
		granted = append(granted, claim)
	}
	tr.claims = append(tr.claims, indexes)
	if err := tr.claimErr(len(tr.claims)); err != nil {
		return nil, err
	}
	return granted, nil
}

func (tr *batchTrial) release(_ context.Context, c *gather.Claim, delay time.Duration) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.released[c.Index] = delay
	return nil
}

func (tr *batchTrial) record(_ context.Context, results []gather.Result) (*gather.Recorded, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, result := range results {
		tr.results[result.Index] = result.Status
	}
	return &gather.Recorded{}, tr.recorded
}

// Fetch implements [Fetcher].
func (tr *batchTrial) Fetch(ctx context.Context, r *gather.Request) *gather.Response {
	index, _ := strconv.Atoi(path.Base(r.URL))
	tr.mu.Lock()
	tr.now++
	tr.most = max(tr.most, tr.now)
	tr.sinceStart[index] = time.Since(tr.start)
	tr.mu.Unlock()
	defer func() {
		tr.mu.Lock()
		tr.now--
		tr.mu.Unlock()
	}()
	select {
	case <-time.After(tr.takes(index)):
		return tr.answers(index)
	case <-ctx.Done():
		return &gather.Response{Error: &gather.ItemError{Code: gather.CodeCanceled}}
	}
}

// fetch runs a batch with the slot that it was taken from the queue with.
func (tr *batchTrial) fetch(ctx context.Context, t *testing.T, items string) error {
	t.Helper()
	mustSlot(t, tr.server)
	return tr.server.fetch(ctx, "fetch-low-bulk", mustFetchTask(t, "agg_1", gather.Subtask{Start: 2, Batch: 1, Items: items}))
}

// wantEnd checks that each of the items succeeded and nothing is left in the worker.
func (tr *batchTrial) wantEnd(t *testing.T, succeeded ...int) {
	t.Helper()
	if len(tr.results) != len(succeeded) {
		t.Errorf("results = %v, want those of %v", tr.results, succeeded)
	}
	for _, index := range succeeded {
		if tr.results[index] != gather.ItemSucceeded {
			t.Errorf("item %d %q, want %q", index, tr.results[index], gather.ItemSucceeded)
		}
	}
	if len(tr.server.inflight.cancels) > 0 {
		t.Error("the batch is still known as in flight")
	}
	wantAllFree(t, tr.server.slots, tr.slots)
}

func (tr *batchTrial) wantClaims(t *testing.T, want ...[]int) {
	t.Helper()
	if !slices.EqualFunc(tr.claims, want, slices.Equal) {
		t.Errorf("the claims are %v, want %v", tr.claims, want)
	}
}

func TestServer_fetchBatch_claimsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(8)
		if err := tr.fetch(t.Context(), t, "0-2,7-8"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(tr.start); took != 100*time.Millisecond || tr.most != 5 {
			t.Errorf("took %v with %d side by side, want as long as one with all 5", took, tr.most)
		}
		tr.wantClaims(t, []int{0, 1, 2, 7, 8})
		tr.wantEnd(t, 0, 1, 2, 7, 8)
	})
}

// Items are claimed only when there are slots for them: others can have the rest.
func TestServer_fetchBatch_claimsAsManyAsItHasSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(2)
		tr.takes = func(index int) time.Duration { return time.Duration(index+1) * 100 * time.Millisecond }
		if err := tr.fetch(t.Context(), t, "0-4"); err != nil {
			t.Fatal(err)
		}
		if tr.most != 2 {
			t.Errorf("%d side by side, want 2", tr.most)
		}
		const ms = time.Millisecond
		for index, want := range []time.Duration{0, 0, 100 * ms, 200 * ms, 400 * ms} {
			// A result may linger for others before it frees its slot.
			if got := tr.sinceStart[index]; got < want || got > want+5*lingering {
				t.Errorf("item %d is sent after %v, want %v", index, got, want)
			}
		}
		tr.wantClaims(t, []int{0, 1}, []int{2}, []int{3}, []int{4})
		tr.wantEnd(t, 0, 1, 2, 3, 4)
	})
}

func TestServer_fetchBatch_leavesOthersTheirSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(4)
		tr.server.slots.tryAcquire(3)
		time.AfterFunc(50*time.Millisecond, func() { tr.server.slots.release(2) })
		time.AfterFunc(150*time.Millisecond, func() { tr.server.slots.release(1) })
		if err := tr.fetch(t.Context(), t, "0-3"); err != nil {
			t.Fatal(err)
		}
		if tr.claims[0][0] != 0 || len(tr.claims[0]) != 1 {
			t.Errorf("the first claim is for %v, want only item 0", tr.claims[0])
		}
		if got := tr.sinceStart[1]; got != 50*time.Millisecond {
			t.Errorf("the second item is sent after %v, want when a slot became free", got)
		}
		tr.wantEnd(t, 0, 1, 2, 3)
	})
}

func TestServer_fetchBatch_skipsWhatIsNotGranted(t *testing.T) {
	cases := map[string]struct {
		slots  int
		wanted []int
		claims int
	}{
		"all, with a slot for each":     {12, nil, 1},
		"all, with fewer slots":         {3, nil, 4},
		"all, more slots than are left": {7, nil, 2},
		"all but the last":              {4, []int{9}, 3},
		"all but the first":             {4, []int{0}, 3},
		"every other":                   {10, []int{1, 3, 5, 7, 9}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newBatchTrial(c.slots)
				tr.refused = func(index int) bool { return !slices.Contains(c.wanted, index) }
				if err := tr.fetch(t.Context(), t, "0-9"); err != nil {
					t.Fatal(err)
				}
				if len(tr.claims) != c.claims {
					t.Errorf("the claims are %v, want %d, with the slots that are left over", tr.claims, c.claims)
				}
				if took := time.Since(tr.start); took > 100*time.Millisecond {
					t.Errorf("took %v, want not to wait for a slot", took)
				}
				tr.wantEnd(t, c.wanted...)
			})
		})
	}
}

// TestServer_fetchBatch_whateverIsGranted has batches and others share the slots.
func TestServer_fetchBatch_whateverIsGranted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 6).Draw(rt, "slots")
		others := rapid.IntRange(0, slots-1).Draw(rt, "slots of others")
		refused := rapid.SliceOfN(rapid.Bool(), 20, 20).Draw(rt, "refused")
		takes := rapid.SliceOfN(rapid.IntRange(0, 5), 20, 20).Draw(rt, "takes")
		synctest.Test(t, func(t *testing.T) {
			tr := newBatchTrial(slots)
			tr.refused = func(index int) bool { return refused[index] }
			tr.takes = func(index int) time.Duration { return time.Duration(takes[index]) * time.Millisecond }
			tr.server.slots.tryAcquire(others)
			for i := range others {
				time.AfterFunc(time.Duration(i*3)*time.Millisecond, func() { tr.server.slots.release(1) })
			}
			if err := tr.fetch(t.Context(), t, "0-19"); err != nil {
				rt.Errorf("fetch = %v", err)
			}
			time.Sleep(time.Second) // until the others are done
			var granted, claimed []int
			for index := range refused {
				if !refused[index] {
					granted = append(granted, index)
				}
			}
			for _, indexes := range tr.claims {
				claimed = append(claimed, indexes...)
			}
			if len(claimed) != 20 || !slices.IsSorted(claimed) || tr.most > slots {
				rt.Errorf("claimed %v, %d side by side, want 20 items once with %d slots", claimed, tr.most, slots)
			}
			tr.wantEnd(t, granted...)
		})
		if t.Failed() {
			rt.FailNow()
		}
	})
}

func TestServer_fetchBatch_letsTheNextIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(2)
		held := func() bool {
			tr.server.intake.mu.Lock()
			defer tr.server.intake.mu.Unlock()
			return tr.server.intake.bulkHeld
		}
		tr.server.intake.bulkHeld = true
		go func() {
			time.Sleep(99 * time.Millisecond)
			if !held() {
				t.Error("the next batch is let in while this one waits for slots")
			}
			time.Sleep(2 * time.Millisecond)
			if held() {
				t.Error("the next batch is not let in though this one has its slots")
			}
		}()
		if err := tr.fetch(t.Context(), t, "0-2"); err != nil {
			t.Fatal(err)
		}
		tr.wantEnd(t, 0, 1, 2)
	})
}

func TestServer_fetchBatch_holdsItsOwnKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(2)
		held := func() (bulk bool, small int) {
			tr.server.intake.mu.Lock()
			defer tr.server.intake.mu.Unlock()
			return tr.server.intake.bulkHeld, tr.server.intake.smallHeld
		}
		tr.server.intake.bulkHeld = true
		for after, want := range map[time.Duration]int{99 * time.Millisecond: 1, 101 * time.Millisecond: 0} {
			time.AfterFunc(after, func() {
				if bulk, small := held(); !bulk || small != want {
					t.Errorf("after %v: bulk held %t, small held %d, want %d", after, bulk, small, want)
				}
			})
		}
		mustSlot(t, tr.server)
		task := mustFetchTask(t, "agg_1", gather.Subtask{Start: 2, Batch: 1, Items: "0-2"})
		if err := tr.server.fetch(t.Context(), "fetch-low", task); err != nil {
			t.Fatal(err)
		}
		tr.wantEnd(t, 0, 1, 2)
	})
}

func TestServer_fetchBatch_endsWithAnError(t *testing.T) {
	cases := map[string]struct {
		items  string
		change func(tr *batchTrial)
		want   error
		ends   []int
	}{
		"nobody can read its items": {"0-", func(*batchTrial) {}, asynq.RevokeTask, nil},
		"it has too many items":     {"0-99999999999", func(*batchTrial) {}, asynq.RevokeTask, nil},
		"the store refuses the claim": {"0-5", func(tr *batchTrial) {
			tr.claimErr = func(int) error { return io.ErrUnexpectedEOF }
		}, io.ErrUnexpectedEOF, nil},
		"the store refuses the second claim": {"0-5", func(tr *batchTrial) {
			tr.claimErr = func(call int) error {
				if call == 2 {
					return io.ErrUnexpectedEOF
				}
				return nil
			}
		}, io.ErrUnexpectedEOF, []int{0, 1}},
		"the store is away": {"0-5", func(tr *batchTrial) {
			tr.claimErr = func(int) error { return gather.ErrUnavailable }
		}, gather.ErrUnavailable, nil},
		"a result can't be recorded": {"0-1", func(tr *batchTrial) { tr.recorded = io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF, []int{0, 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newBatchTrial(2)
				tr.server.intake.bulkHeld = true
				c.change(tr)
				if err := tr.fetch(t.Context(), t, c.items); !errors.Is(err, c.want) {
					t.Errorf("fetch = %v, want %v", err, c.want)
				}
				if tr.server.intake.bulkHeld {
					t.Error("no batch is let in after it")
				}
				tr.wantEnd(t, c.ends...)
			})
		})
	}
}

func TestServer_fetchBatch_endsWithItsAggregation(t *testing.T) {
	cases := map[string]struct {
		slots int
		takes time.Duration
		sent  []int
	}{
		"while all are sent":          {5, time.Hour, []int{0, 1, 2, 3, 4}},
		"while it waits for slots":    {2, time.Hour, []int{0, 1}},
		"while some of it is fetched": {2, 200 * time.Millisecond, []int{2, 3}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newBatchTrial(c.slots)
				tr.takes = func(int) time.Duration { return c.takes }
				time.AfterFunc(aMoment, func() { tr.server.inflight.close("agg_1") })
				if err := tr.fetch(t.Context(), t, "0-4"); err != nil {
					t.Errorf("fetch = %v, want nil: nobody waits for it", err)
				}
				if took := time.Since(tr.start); took != aMoment {
					t.Errorf("ended after %v, want %v", took, aMoment)
				}
				tr.wantReleased(t, c.sent...)
				wantAllFree(t, tr.server.slots, tr.slots)
			})
		})
	}
}

// wantReleased checks which claims were ended without a result, for another worker to have at once.
func (tr *batchTrial) wantReleased(t *testing.T, want ...int) {
	t.Helper()
	var got []int
	for index, delay := range tr.released {
		if got = append(got, index); delay != 0 {
			t.Errorf("item %d is released after %v, want at once", index, delay)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("released %v, want %v", got, want)
	}
}

func TestServer_fetchBatch_isHandedBackWhenTheWorkerStops(t *testing.T) {
	for name, slots := range map[string]int{"while all are sent": 5, "while it waits for slots": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newBatchTrial(slots)
				tr.takes = func(int) time.Duration { return time.Hour }
				time.AfterFunc(aMoment, tr.server.handBack)
				if err := tr.fetch(tr.server.handlers, t, "0-4"); !errors.Is(err, errHandedBack) {
					t.Errorf("fetch = %v, want %v", err, errHandedBack)
				}
				if took := time.Since(tr.start); took != aMoment {
					t.Errorf("handed back after %v, want %v", took, aMoment)
				}
				tr.wantReleased(t, []int{0, 1, 2, 3, 4}[:slots]...)
				tr.wantEnd(t)
			})
		})
	}
}

// A batch whose worker stops before any item is claimed goes back as it is.
func TestServer_fetchBatch_claimsNothingOnceTheWorkerStops(t *testing.T) {
	tr := newBatchTrial(5)
	tr.claimErr = func(int) error { return context.Canceled }
	tr.server.handBack()
	if err := tr.fetch(tr.server.handlers, t, "0-4"); retryDelay(0, err, nil) != 0 || isFailure(err) {
		t.Errorf("fetch = %v, want to be delivered again at once", err)
	}
	tr.wantEnd(t)
}

func TestServer_fetchBatch_sitsOutAShortWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(2)
		busy := true
		tr.answers = func(index int) *gather.Response {
			if index == 1 && busy {
				busy = false
				return &gather.Response{HTTPStatus: 503, RetryAfter: time.Second}
			}
			return &gather.Response{HTTPStatus: 200}
		}
		if err := tr.fetch(t.Context(), t, "0-1"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(tr.start); took != 1200*time.Millisecond {
			t.Errorf("took %v, want two attempts and the wait between", took)
		}
		tr.wantClaims(t, []int{0, 1}, []int{1})
		tr.wantEnd(t, 0, 1)
	})
}

func TestServer_fetchBatch_leavesALongWaitToTheQueue(t *testing.T) {
	cases := map[string]struct {
		deadline time.Duration
		want     []string
	}{
		"as a task of its own": {gather.MaxDeadline, []string{"agg_1:1:2"}},
		"unless it would come after the deadline, which needs no task": {time.Minute, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tr := newBatchTrial(5)
			tr.server.queue = mustQueue(t)
			tr.deadline = c.deadline
			tr.answers = func(index int) *gather.Response {
				if index == 1 {
					return &gather.Response{HTTPStatus: 503, RetryAfter: time.Minute}
				}
				return &gather.Response{HTTPStatus: 200}
			}
			if err := tr.fetch(t.Context(), t, "0-2"); err != nil {
				t.Fatalf("fetch = %v, want nil: the others are done", err)
			}
			var got []string
			for _, info := range mustListScheduled(t, tr.server.queue, "fetch-low-bulk") {
				got = append(got, info.ID)
				if earliest := tr.start.Add(tr.takes(1) + time.Minute); info.NextProcessAt.Before(earliest) {
					t.Errorf("the next attempt is at %v, want not before %v", info.NextProcessAt, earliest)
				}
				if want := `{"aggregation":"agg_1","item":{"index":1,"start":2,"fetch":""}}`; string(info.Payload) != want {
					t.Errorf("payload = %s, want %s", info.Payload, want)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("scheduled %v, want %v", got, c.want)
			}
			if len(tr.released) != 1 || tr.released[1] != time.Minute {
				t.Errorf("released %v, want item 1 after a minute", tr.released)
			}
			tr.wantEnd(t, 0, 2)
		})
	}
}

// The item is released by then: without its task nobody would fetch it in time.
func TestServer_fetchBatch_leavesALongWaitToTheQueueThoughTheWorkerStops(t *testing.T) {
	tr := newBatchTrial(1)
	tr.server.queue = mustQueue(t)
	tr.answers = func(int) *gather.Response {
		tr.server.handBack()
		return &gather.Response{HTTPStatus: 503, RetryAfter: time.Minute}
	}
	if err := tr.fetch(tr.server.handlers, t, "7"); err != nil {
		t.Errorf("fetch = %v, want nil: nothing is left of the batch", err)
	}
	if list := mustListScheduled(t, tr.server.queue, "fetch-low-bulk"); len(list) != 1 || list[0].ID != "agg_1:7:2" {
		t.Errorf("scheduled = %+v, want agg_1:7:2", list)
	}
	tr.wantEnd(t)
}

// Where the queue can't be reached for the delayed task, the batch is delivered again.
func TestServer_fetchBatch_isDeliveredAgainWhereAWaitCannotBeKept(t *testing.T) {
	rdb := mustRedis(t)
	_ = rdb.Close()
	synctest.Test(t, func(t *testing.T) {
		tr := newBatchTrial(5)
		tr.server.queue = NewQueue(rdb)
		tr.answers = func(int) *gather.Response { return &gather.Response{HTTPStatus: 503, RetryAfter: time.Minute} }
		if err := tr.fetch(t.Context(), t, "0-1"); !errors.Is(err, gather.ErrUnavailable) {
			t.Errorf("fetch = %v, want %v", err, gather.ErrUnavailable)
		}
		if took := time.Since(tr.start); took < claimTimeout {
			t.Errorf("gave up after %v, want not before %v", took, claimTimeout)
		}
		tr.wantEnd(t)
	})
}

func TestByCommand(t *testing.T) {
	lengths := func(results []gather.Result) (lengths []int) {
		for part := range byCommand(results) {
			lengths = append(lengths, len(part))
		}
		return lengths
	}
	sizes := func(of ...int) []int {
		var results []gather.Result
		for _, size := range of {
			results = append(results, gather.Result{BodyBase64: make([]byte, size)})
		}
		return lengths(results)
	}
	for name, c := range map[string]struct{ got, want []int }{
		"none":             {sizes(), nil},
		"small ones":       {sizes(1, 2, 3), []int{3}},
		"a large one":      {sizes(2 * mostBytes), []int{1}},
		"large ones":       {sizes(mostBytes, mostBytes, mostBytes), []int{1, 1, 1}},
		"up to the bound":  {sizes(mostBytes/2, mostBytes/2, 1), []int{2, 1}},
		"one among others": {sizes(1, mostBytes, 1), []int{1, 1, 1}},
		"two runs":         {lengths([]gather.Result{{Run: 1}, {Run: 1}, {Run: 2}}), []int{2, 1}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: parts of %v, want %v", name, c.got, c.want)
		}
	}
}
