package tasks

import (
	"context"
	"log/slog"
	"testing"

	"gather"
)

// TestWatchdog_leavesAPausedQueueAlone holds that what an operator holds back by pausing the
// queue of run tasks is not taken for what a crash has left.
func TestWatchdog_leavesAPausedQueueAlone(t *testing.T) {
	q := mustQueue(t)
	began := 0
	w := &watchdog{
		store: &stubStore{visit: func() (*gather.Visit, error) { return &gather.Visit{ID: "agg_1", Status: gather.StatusQueued}, nil }},
		queue: q, log: slog.New(slog.DiscardHandler),
		begin: func(context.Context, string) error { began++; return nil }, observer: unobserved{},
	}
	visit := func() {
		t.Helper()
		if err := w.visit(t.Context(), &gather.Round{}, "agg_1"); err != nil {
			t.Fatal(err)
		}
	}
	pause := "asynq:{" + runQueue + "}:paused"
	if err := q.rdb.Set(t.Context(), pause, 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if visit(); began > 0 {
		t.Error("it was taken up while the queue was paused")
	}
	if err := q.rdb.Del(t.Context(), pause).Err(); err != nil {
		t.Fatal(err)
	}
	if visit(); began != 1 {
		t.Errorf("it was taken up %d times once the queue was not paused any more", began)
	}
}
