package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

const (
	// failedSleep is the watchdog's pause where Redis is out of reach.
	failedSleep = time.Second
	// longestSleep is longer than any pause of the watchdog's.
	longestSleep = 3 * time.Second
	// visitsAtOnce bounds the aggregations that one watchdog looks after at the same time.
	visitsAtOnce = 8
	leaveTimeout = time.Second
	// calm is how long after an outage of Redis nothing is taken for lost: the workers
	// may be about to record what they have had all along.
	calm = 3 * time.Second
)

// watchdog looks after every unfinished aggregation about once a second, shared
// among the workers. It takes up those that a crash kept from the queue, starts
// lost items again, and ends those whose deadline is over. asynq itself needs 70
// to 170 s to find a lost worker's tasks.
type watchdog struct {
	worker    gather.Worker
	finished  *atomic.Int64 // items that the worker has finished, ever
	told      int64         // how many of them the store knows of
	store     Store
	queue     *Queue
	inspector *asynq.Inspector
	begin     func(ctx context.Context, id string) error
	log       *slog.Logger
	observer  Observer
	clock     *clock
	woken     chan struct{}
	// visitFrom is the end of the calm after an outage.
	visitFrom time.Time
	// workers is how many there are, as seen in the last round; 0 before.
	workers atomic.Int64
}

func (w *watchdog) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// lookAfter has the watchdog look in so long from now, if it would sleep longer.
func (w *watchdog) lookAfter(d time.Duration) {
	if d < longestSleep {
		time.AfterFunc(d, w.wake)
	}
}

// run looks after aggregations until ctx ends.
func (w *watchdog) run(ctx context.Context) {
	defer w.leave()
	for {
		sleep := w.round(ctx)
		timer := time.NewTimer(sleep)
		select {
		case <-timer.C:
		case <-w.woken:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// round visits what is due and returns how long to sleep.
func (w *watchdog) round(ctx context.Context) time.Duration {
	from := time.Now()
	round, err := w.store.Tick(ctx, w.telling())
	if err != nil {
		w.report(ctx, "tick", err)
		w.visitFrom = time.Now().Add(calm)
		return failedSleep
	}
	w.workers.Store(int64(round.Workers))
	w.clock.hear(round.Now, from, time.Now())
	if time.Now().Before(w.visitFrom) {
		return failedSleep // what was due has been put off
	}
	var visits sync.WaitGroup
	slots := make(chan struct{}, visitsAtOnce)
	for _, id := range round.IDs {
		slots <- struct{}{}
		visits.Go(func() {
			defer func() { <-slots }()
			if err := guarded(func() error { return w.visit(ctx, round, id) }); err != nil {
				w.report(ctx, "visit "+id, err)
			}
		})
	}
	visits.Wait()
	return round.Sleep
}

func (w *watchdog) visit(ctx context.Context, round *gather.Round, id string) error {
	visit, err := w.store.Visit(ctx, round, id)
	if err != nil {
		return err
	}
	if visit.Soon > 0 {
		w.lookAfter(visit.Soon)
	}
	ctx = withTrace(ctx, visit.Trace)
	if visit.Status == gather.StatusQueued {
		if paused, err := w.queue.isPaused(ctx, runQueue); paused || err != nil {
			return err
		}
		w.log.InfoContext(ctx, "took up an aggregation that waited for its run task", "aggregation", id)
		w.observer.Restarted(LostRun, 1)
		return w.begin(ctx, id)
	}
	if len(visit.Lost) > 0 {
		w.observer.Restarted(LostClaim, startedAgain(visit.Lost))
		w.log.WarnContext(ctx, "enqueued items that were lost or left", "aggregation", id, "items", len(visit.Lost))
		if err := w.queue.fetch(ctx, id, visit.Lane, visit.Lost); err != nil {
			return err
		}
	}
	for _, t := range visit.Suspects {
		found, err := w.question(ctx, id, visit.Lane, t)
		switch {
		case err != nil:
			return err
		case found == nowhere:
			// A crash came between handing it out and enqueuing it: all that were handed
			// out with it may be in the same place.
			w.log.WarnContext(ctx, "enqueued items that were handed out", "aggregation", id)
			w.observer.Restarted(LostEnqueue, 1)
			return w.begin(ctx, id)
		case found == inQueue:
			return nil // first in, first out: those after it are fine too
		}
	}
	return nil
}

// startedAgain counts those of the subtasks that a worker was lost with; the others wait for
// their first worker.
func startedAgain(list []gather.Subtask) int {
	n := 0
	for i := range list {
		if list[i].StartedAgain() {
			n++
		}
	}
	return n
}

// whereabouts are what a question after a subtask can find.
type whereabouts int

const (
	elsewhere whereabouts = iota // delayed, or started again
	inQueue
	nowhere
)

// question finds out whether the queue still has a subtask that waits for a worker,
// and starts it again if a worker was lost with it.
func (w *watchdog) question(ctx context.Context, id string, lane gather.Lane, t gather.Subtask) (whereabouts, error) {
	info, err := w.inspector.GetTaskInfo(fetchQueue(lane), fetchTaskID(id, t))
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return nowhere, nil
	case err != nil:
		return elsewhere, fmt.Errorf("state of task %s: %w", fetchTaskID(id, t), err)
	case info.State == asynq.TaskStatePending:
		return inQueue, nil
	case info.State == asynq.TaskStateRetry, info.State == asynq.TaskStateScheduled:
		return elsewhere, nil
	}
	// A worker took it from the queue and died before it claimed the items, or asynq has
	// put it aside.
	again, err := w.store.Restart(ctx, id, t)
	if err != nil || len(again) == 0 {
		return elsewhere, err
	}
	w.log.WarnContext(ctx, "started lost items again", "aggregation", id, "items", len(again))
	w.observer.Restarted(LostTask, len(again))
	return elsewhere, w.queue.fetch(ctx, id, lane, again)
}

// telling is the worker with what it has finished since it last told. What it tells may
// arrive although no reply does, so each item is told once at most.
func (w *watchdog) telling() gather.Worker {
	worker, finished := w.worker, w.finished.Load()
	worker.Finished, w.told = finished-w.told, finished
	return worker
}

func (w *watchdog) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := w.store.Leave(ctx, w.telling()); err != nil {
		w.report(ctx, "leave", err)
	}
}

func (w *watchdog) report(ctx context.Context, what string, err error) {
	if !errors.Is(err, context.Canceled) {
		w.log.ErrorContext(ctx, "watchdog failed, tries again", "at", what, "error", err)
	}
}
