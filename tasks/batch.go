package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

// keepInterval is how often a worker says that it has the items of a batch that wait
// for a slot. They are suspect without that after store.Timing's SuspectAfter.
const keepInterval = time.Second

// fetchBatch fetches the items of a batch side by side, each as soon as there is a
// slot for it, and claimed only then: what is left of the batch when this worker is
// lost, or too busy, another can have. It owns one slot from the start, and calls
// ready when it has all.
func (s *Server) fetchBatch(ctx context.Context, id string, batch gather.Subtask, ready func()) error {
	b := &batchRun{delivery: delivery{server: s, id: id}, holder: longHolder(), ready: ready}
	err := b.startAll(ctx, batch)
	ready()
	return errors.Join(err, b.wait())
}

// longHolder names a holder of many claims. A name this long keeps Redis from storing where
// the items stand as a listpack, which is searched from its start for each of them: it does
// that with up to 512 fields of up to 64 bytes (hash-max-listpack-value).
func longHolder() string { return rand.Text() + rand.Text() }

// batchRun is one delivery of a batch.
type batchRun struct {
	delivery

	holder string
	ready  func()    // lets the next batch in
	kept   time.Time // when its items last began to wait, or were last kept
	// handedOut is when the items were handed to the queue, as far as the first claim tells:
	// what is kept says less.
	handedOut time.Time
}

// startAll starts the items of a batch one after the other.
func (b *batchRun) startAll(ctx context.Context, batch gather.Subtask) error {
	held := 1
	defer func() { b.server.slots.release(held) }()
	items, err := batch.Each()
	if err != nil {
		return fmt.Errorf("%w: %w", err, asynq.RevokeTask)
	}
	for len(items) > 0 {
		if held == 0 {
			if err := b.acquire(ctx, items); err != nil {
				return b.stopped(ctx)
			}
			held = 1
		}
		if more := len(items) - held; more > 0 {
			held += b.server.slots.tryAcquire(more)
		}
		if held >= len(items) {
			b.ready()
		}
		next := items[:min(held, len(items))]
		claims, err := b.claim(next)
		if err != nil {
			return err
		}
		items = items[len(next):]
		for _, claim := range claims {
			if claim != nil {
				held--
				b.observe(claim)
				b.start(ctx, claim)
			}
		}
	}
	return nil
}

// acquire waits for one slot. Meanwhile it keeps the watchdog from giving the items to
// others, as it does with those of a lost worker.
func (b *batchRun) acquire(ctx context.Context, items []gather.Subtask) error {
	for {
		if time.Since(b.kept) >= keepInterval {
			// A failure only has others start the items, too: one of them gets the claim.
			_, _ = b.server.store.Keep(ctx, b.id, items)
			b.kept = time.Now()
		}
		wait, cancel := context.WithDeadline(ctx, b.kept.Add(keepInterval))
		err := b.server.slots.acquire(wait, b.server.intake.closed)
		cancel()
		if err == nil || ctx.Err() != nil || errors.Is(err, errStopping) {
			return err
		}
	}
}

// observe tells how long the item has waited, for this worker's slots too.
func (b *batchRun) observe(claim *gather.Claim) {
	if claim.Waited < 0 {
		return
	}
	if b.handedOut.IsZero() {
		b.handedOut = time.Now().Add(-claim.Waited)
		if claim.Waited > 0 { // else it may not be known, and they are kept at once
			b.kept = b.handedOut
		}
	}
	b.server.observer.Claimed(fetchQueue(claim.Lane), max(claim.Waited, time.Since(b.handedOut)))
}

// stopped is why a batch is not started to its end.
func (b *batchRun) stopped(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errClosed) {
		return nil
	}
	return errHandedBack
}

func (b *batchRun) claim(items []gather.Subtask) ([]*gather.Claim, error) {
	wanted := make([]gather.Claim, len(items))
	for i := range items {
		wanted[i] = gather.Claim{Subtask: items[i], Holder: b.holder}
	}
	return b.server.claimAll(b.id, wanted)
}
