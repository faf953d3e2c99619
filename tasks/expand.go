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
	room := gather.Room{Items: s.room(payload.Items), Holder: rand.Text()}
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

// mostHere is how many of an aggregation's items a worker fetches with the run task, where
// there are others that could fetch them, too.
const mostHere = 16

// room takes slots for what is fetched here of so many items, and returns how many. It
// leaves the other workers their share, leaves enough slots for those that wait in the queues
// of small aggregations already, and takes none where a batch of theirs was taken and waits, for a
// large one, or where the worker stops.
func (s *Server) room(items int) int {
	if s.intake.isClosed() || gather.LaneOf(gather.PriorityDefault, items).Bulk() {
		return 0
	}
	share := mostHere
	if workers := int(s.watchdog.workers.Load()); workers > 0 {
		share = max(share, (items+workers-1)/workers)
	}
	others, held := s.intake.waitingSmall()
	if held {
		return 0
	}
	return s.slots.tryAcquireBeyond(others, min(items, share))
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
