package tasks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

// expandTrial is one worker of 5 slots at the run task of agg_1, which has 3 items.
type expandTrial struct {
	*batchTrial

	begun []gather.Room
	begin func(room gather.Room) (*gather.Plan, error)
}

// newExpandTrial is a trial whose store gives all that there is room for to the worker, which knows of
// nothing in the queues.
func newExpandTrial() *expandTrial {
	tr := &expandTrial{batchTrial: newBatchTrial(5)}
	tr.begin = func(room gather.Room) (*gather.Plan, error) {
		plan := &gather.Plan{Lane: "default", DeadlineIn: time.Hour}
		for i := range min(3, room.Items) {
			claim := gather.Claim{Subtask: gather.Subtask{Index: i, Start: 1}, Holder: room.Holder, Attempts: 1, DeadlineIn: time.Hour}
			claim.Request.URL = "http://a/" + strconv.Itoa(i)
			plan.Claims = append(plan.Claims, claim)
		}
		return plan, nil
	}
	tr.server.store.(*stubStore).begin = func(room gather.Room) (*gather.Plan, error) {
		tr.begun = append(tr.begun, room)
		return tr.begin(room)
	}
	tr.server.watchdog = &watchdog{woken: make(chan struct{}, 1)}
	for _, q := range tr.server.intake.queues {
		q.expected = 0
	}
	return tr
}

func (tr *expandTrial) expand(ctx context.Context, payload string) error {
	return tr.server.handle(ctx, runQueue, asynq.NewTask(TypeRun, []byte(payload)))
}

const threeItems = `{"aggregation":"agg_1","items":3,"fetch":["GET /0","GET /1","GET /2"]}`

func TestExpand_fetchesWhatThereIsRoomFor(t *testing.T) {
	for name, c := range map[string]struct {
		slots    int
		items    int
		workers  int
		taken    int // slots, by others
		expected int // tasks in the queue
		room     int
	}{
		"all":                                    {slots: 5, items: 3, room: 3},
		"where others have slots":                {slots: 5, items: 3, taken: 3, room: 2},
		"where others wait in the queue":         {slots: 5, items: 3, expected: 3, room: 2},
		"where more wait than slots free":        {slots: 5, items: 3, taken: 2, expected: 9, room: 0},
		"all as the only worker":                 {slots: 256, items: 256, workers: 1, room: 256},
		"what the only worker has slots for":     {slots: 100, items: 256, workers: 1, room: 100},
		"its share as one of several":            {slots: 256, items: 100, workers: 3, room: 34},
		"some, where its share is small":         {slots: 256, items: 100, workers: 50, room: 16},
		"some, where there may be other workers": {slots: 256, items: 100, room: 16},
		"nothing of a large one":                 {slots: 1000, items: 257, workers: 1, room: 0},
		"nothing of a number that is not known":  {slots: 5, workers: 1, room: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newExpandTrial()
				tr.server.slots = newSlots(c.slots)
				tr.server.slots.tryAcquire(c.taken)
				tr.server.watchdog.workers.Store(int64(c.workers))
				tr.server.intake.queues["fetch-low"].expected = c.expected
				if err := tr.expand(t.Context(), fmt.Sprintf(`{"aggregation":"agg_1","items":%d}`, c.items)); err != nil {
					t.Fatal(err)
				}
				if got := tr.begun[0]; got.Items != c.room || got.Holder == "" {
					t.Errorf("began with %+v, want room for %d", got, c.room)
				}
				if want := min(3, c.room); len(tr.results) != want {
					t.Errorf("results of %v, want %d", tr.results, want)
				}
				wantAllFree(t, tr.server.slots, c.slots-c.taken)
			})
		})
	}
}

func TestExpand_leavesNoSlotBehind(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		begin func(room gather.Room) (*gather.Plan, error)
		fails bool
	}{
		"an error":       {func(gather.Room) (*gather.Plan, error) { return nil, broken }, true},
		"nothing to run": {func(gather.Room) (*gather.Plan, error) { return nil, nil }, false},
		"a panic":        {func(gather.Room) (*gather.Plan, error) { panic("at the store") }, true},
		"batches":        {func(gather.Room) (*gather.Plan, error) { return &gather.Plan{Lane: "default-bulk"}, nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newExpandTrial()
			tr.begin = c.begin
			err := guarded(func() error { return tr.expand(t.Context(), threeItems) })
			if (err != nil) != c.fails {
				t.Errorf("error %v, want one: %t", err, c.fails)
			}
			wantAllFree(t, tr.server.slots, 5)
		})
	}
}

func TestExpand_takesNothingWhileASmallBatchWaits(t *testing.T) {
	tr := newExpandTrial()
	tr.server.intake.holdSmall()
	if err := tr.expand(t.Context(), threeItems); err != nil {
		t.Fatal(err)
	}
	if tr.begun[0].Items != 0 {
		t.Errorf("began with %+v, want no room", tr.begun[0])
	}
}

func TestExpand_takesNothingWhereTheWorkerStops(t *testing.T) {
	tr := newExpandTrial()
	tr.server.intake.close(t.Context())
	if err := tr.expand(t.Context(), threeItems); err != nil {
		t.Fatal(err)
	}
	if tr.begun[0].Items != 0 || len(tr.results) > 0 {
		t.Errorf("began with %+v, and fetched %v", tr.begun, tr.results)
	}
}

func TestExpand_handsBackWhatIsAborted(t *testing.T) {
	for name, abort := range map[string]func(tr *expandTrial, cancel context.CancelFunc){
		"as the worker stops":         func(_ *expandTrial, cancel context.CancelFunc) { cancel() },
		"as the aggregation is ended": func(tr *expandTrial, _ context.CancelFunc) { tr.server.inflight.close("agg_1") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newExpandTrial()
				tr.takes = func(int) time.Duration { return time.Hour }
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(time.Second, func() { abort(tr, cancel) })
				// What was closed may have been opened again meanwhile by a retry.
				if err := tr.expand(ctx, threeItems); !errors.Is(err, errHandedBack) {
					t.Errorf("%v, want to be delivered again", err)
				}
				if len(tr.released) != 3 || len(tr.results) > 0 {
					t.Errorf("released %v, recorded %v", tr.released, tr.results)
				}
				wantAllFree(t, tr.server.slots, 5)
			})
		})
	}
}
