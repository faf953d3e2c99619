package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gather"
)

// readyTimeout bounds the look at the store: who asks wants to know now.
const readyTimeout = 2 * time.Second

type liveness struct {
	Status string `json:"status" enum:"ok"`
}

type readiness struct {
	Status   string   `json:"status" enum:"ready"`
	Workers  int      `json:"workers" doc:"Workers seen in the last seconds."`
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
	r, err := a.store.Ready(ctx)
	if err != nil {
		return &explained{fmt.Errorf("%w: %w", gather.ErrUnavailable, err), "Redis is out of reach; no work can be accepted"}
	}
	if r.Workers == 0 {
		return errNoWorker
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", readiness{"ready", r.Workers, append([]string{}, r.Warnings...)})
	return nil
}
