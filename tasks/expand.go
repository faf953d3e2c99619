package tasks

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"

	"gather"
)

// expand takes up an aggregation: as far as there is room it fetches the first of the
// items itself, and it enqueues the others. Run twice, it enqueues the same.
func (s *Server) expand(ctx context.Context, task *asynq.Task) error {
	var payload runPayload
	if err := json.Unmarshal(task.Payload(), &payload); err != nil {
		return fmt.Errorf("payload of %s: %w: %w", task.Type(), err, asynq.RevokeTask)
	}
	id := payload.Aggregation
	ctx, leave := s.inflight.enter(ctx, id)
	defer leave()
	room := gather.Room{Items: s.room(len(payload.Fetch)), Holder: rand.Text()}
	held := room.Items
	defer func() { s.slots.release(held) }()
	plan, err := s.begin(ctx, id, room)
	if err != nil || plan == nil {
		return err
	}
	here := &delivery{server: s, id: id}
	for range plan.Claims {
		s.results.expect(id)
	}
	for i := range plan.Claims {
		held--
		here.start(ctx, &plan.Claims[i])
	}
	s.slots.release(held)
	held = 0
	err = errors.Join(s.queue.fetch(ctx, id, plan.Lane, plan.Subtasks), here.wait())
	if err == nil && errors.Is(context.Cause(ctx), errClosed) {
		return errHandedBack // the client may have opened it again since
	}
	return err
}

// room takes slots for items that are fetched here, of so many that are known, and
// returns how many. It leaves enough for those that wait in the queues of small
// aggregations already, and takes none where the worker stops.
func (s *Server) room(known int) int {
	if s.intake.isClosed() {
		return 0
	}
	wanted := gather.MostHere
	if known > 0 {
		wanted = min(known, wanted)
	}
	return s.slots.tryAcquireBeyond(s.intake.expectedSmall(), wanted)
}

// begin moves the aggregation to running. It returns nil if there is nothing to run.
func (s *Server) begin(ctx context.Context, id string, room gather.Room) (plan *gather.Plan, err error) {
	err = persist(ctx, claimTimeout, func(ctx context.Context) error {
		plan, err = s.store.Begin(ctx, id, room)
		return err
	})
	if err != nil || plan == nil {
		return nil, err
	}
	if plan.Waited >= 0 {
		s.observer.Started(plan.Waited)
	}
	s.watchdog.lookAfter(plan.DeadlineIn)
	return plan, nil
}

// handOut hands all that waits of the aggregation to the queue.
func (s *Server) handOut(ctx context.Context, id string) error {
	plan, err := s.begin(ctx, id, gather.Room{})
	if err != nil || plan == nil {
		return err
	}
	return s.queue.fetch(ctx, id, plan.Lane, plan.Subtasks)
}
