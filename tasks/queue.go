package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"gather"
)

// enqueueAtOnce bounds the enqueues under way at the same time: each is a round
// trip to Redis.
const enqueueAtOnce = 16

// Queue puts tasks into Redis and wakes the workers. A task that is there already
// is a success.
type Queue struct {
	rdb    redis.UniversalClient
	client *asynq.Client
}

// NewQueue returns a queue on rdb, which the caller closes.
func NewQueue(rdb redis.UniversalClient) *Queue {
	return &Queue{rdb: rdb, client: asynq.NewClientFromRedisClient(rdb)}
}

// Run enqueues the task that takes up the aggregation.
func (q *Queue) Run(ctx context.Context, agg *gather.Aggregation) error {
	task, err := newRunTask(agg.ID, agg.Retries)
	if err != nil {
		return err
	}
	if _, err := q.enqueue(ctx, task); err != nil {
		return fmt.Errorf("enqueue run of %s: %w", agg.ID, err)
	}
	return q.wake(ctx)
}

// fetch enqueues the subtasks.
func (q *Queue) fetch(ctx context.Context, id string, p gather.Priority, list []gather.Subtask) error {
	if len(list) == 0 {
		return nil
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(enqueueAtOnce)
	for _, t := range list {
		group.Go(func() error {
			_, err := q.fetchOne(groupCtx, id, p, t)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return q.wake(ctx)
}

// fetchOne enqueues one subtask and tells whether it was not there before.
func (q *Queue) fetchOne(ctx context.Context, id string, p gather.Priority, t gather.Subtask) (isNew bool, err error) {
	task, err := newFetchTask(id, p, t)
	if err != nil {
		return false, err
	}
	isNew, err = q.enqueue(ctx, task)
	if err != nil {
		return false, fmt.Errorf("enqueue %s/%d: %w: %w", id, t.Index, gather.ErrUnavailable, err)
	}
	return isNew, nil
}

func (q *Queue) enqueue(ctx context.Context, task *asynq.Task) (isNew bool, err error) {
	_, err = q.client.EnqueueContext(ctx, task)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return false, nil
	}
	return err == nil, err
}

// wake tells idle workers to look for tasks. It is a hint: without it they look
// after at most a second.
func (q *Queue) wake(ctx context.Context) error {
	if err := q.rdb.Publish(ctx, wakeChannel, "").Err(); err != nil {
		return fmt.Errorf("wake workers: %w: %w", gather.ErrUnavailable, err)
	}
	return nil
}
