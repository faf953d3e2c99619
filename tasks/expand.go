package tasks

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hibiken/asynq"
)

// expand takes up an aggregation: it enqueues the first of its subtasks. Run
// twice, it enqueues the same.
func (s *Server) expand(ctx context.Context, task *asynq.Task) error {
	var payload runPayload
	if err := json.Unmarshal(task.Payload(), &payload); err != nil {
		return fmt.Errorf("payload of %s: %w: %w", task.Type(), err, asynq.RevokeTask)
	}
	return s.begin(ctx, payload.Aggregation)
}

func (s *Server) begin(ctx context.Context, id string) error {
	plan, err := s.store.Begin(ctx, id)
	if err != nil || plan == nil {
		return err
	}
	s.watchdog.lookAfter(plan.DeadlineIn)
	return s.queue.fetch(ctx, id, plan.Lane, plan.Subtasks)
}
