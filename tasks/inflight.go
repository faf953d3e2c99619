package tasks

import (
	"context"
	"errors"
	"sync"
)

// errClosed is why requests of a canceled, deleted or overdue aggregation are aborted.
var errClosed = errors.New("the aggregation is closed")

// inflight knows the contexts of what this worker has in flight, by aggregation.
type inflight struct {
	mu      sync.Mutex
	cancels map[string]map[*context.CancelCauseFunc]struct{}
}

func newInflight() *inflight {
	return &inflight{cancels: make(map[string]map[*context.CancelCauseFunc]struct{})}
}

// enter returns a context that ends when the aggregation is closed, and a function
// to call when the work under it is done.
func (f *inflight) enter(ctx context.Context, id string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	key := &cancel
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancels[id] == nil {
		f.cancels[id] = make(map[*context.CancelCauseFunc]struct{})
	}
	f.cancels[id][key] = struct{}{}
	return ctx, func() {
		cancel(nil)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.cancels[id], key)
		if len(f.cancels[id]) == 0 {
			delete(f.cancels, id)
		}
	}
}

// close aborts what is in flight of the aggregation.
func (f *inflight) close(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for cancel := range f.cancels[id] {
		(*cancel)(errClosed)
	}
}
