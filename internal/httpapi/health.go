package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gather"
)

// readyTimeout bounds the look at Redis: who asks wants to know now, and hears of a Redis
// that stands still within two seconds, as everywhere.
const readyTimeout = 1500 * time.Millisecond

const detailNotReady = "Redis is out of reach; no work can be accepted"

type liveness struct {
	Status string `json:"status" enum:"ok"`
}

type readiness struct {
	Status   string   `json:"status" enum:"ready"`
	Workers  int      `json:"workers" doc:"Workers seen in the last seconds."`
	Queued   int      `json:"queued" doc:"Tasks that wait in the queues for a worker. A task is one item, some, or a whole aggregation that nobody has taken up."`
	Finished int64    `json:"finished" doc:"Items that all workers together have finished; it begins anew after a minute without any. The difference of two readings is the throughput."`
	Warnings []string `json:"warnings" doc:"Settings of Redis that can lose data, and what to set instead."`
}

// health says that the process is up, and nothing of what it depends on.
func (a *API) health(_ context.Context, w http.ResponseWriter, _ *struct{}) error {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", liveness{"ok"})
	return nil
}

// ready says whether work that is sent here will be done.
func (a *API) ready(ctx context.Context, w http.ResponseWriter, _ *struct{}) error {
	if a.closing.Err() != nil {
		return errClosing
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	queued, err := a.queue.Depth(ctx)
	var r gather.Readiness
	if err == nil {
		r, err = a.store.Ready(ctx)
	}
	if err != nil {
		return &explained{fmt.Errorf("%w: %w", gather.ErrUnavailable, err), detailNotReady}
	}
	if r.Workers == 0 {
		return errNoWorker
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", readiness{"ready", r.Workers, queued, r.Finished, append([]string{}, r.Warnings...)})
	return nil
}
