package tasks

import (
	"context"
	"errors"
	"sync"

	"gather"
)

// delivery is one delivery of a task that brings several items, which are fetched side by side.
type delivery struct {
	server *Server
	id     string // of the aggregation
	items  sync.WaitGroup

	mu         sync.Mutex
	handedBack error // the last reason why an item has to be delivered again
}

// start starts one item in a slot of its own. Its result is expected.
func (d *delivery) start(ctx context.Context, claim *gather.Claim) {
	d.items.Go(func() {
		growStack()
		d.fetch(ctx, claim)
	})
}

// wait waits for all that were started. It returns why the task has to be delivered again, if it has.
func (d *delivery) wait() error {
	d.items.Wait()
	return d.handedBack
}

// fetch runs one item. A later attempt is a task of its own.
func (d *delivery) fetch(ctx context.Context, claim *gather.Claim) {
	defer d.server.slots.release(1)
	err := guarded(func() error { return d.server.fetchItem(ctx, d.id, claim) })
	var later *retryLater
	if errors.As(err, &later) {
		ctx := context.WithoutCancel(ctx)
		err = persist(ctx, claimTimeout, func(ctx context.Context) error {
			return d.server.queue.fetchLater(ctx, d.id, claim.Lane, claim.Subtask, later.delay)
		})
	}
	if err != nil {
		d.mu.Lock()
		d.handedBack = err
		d.mu.Unlock()
	}
}
