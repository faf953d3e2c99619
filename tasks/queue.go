package tasks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"gather"
)

// enqueueAtOnce bounds the enqueues under way at the same time: each is a round
// trip to Redis.
const enqueueAtOnce = 64

// Queue puts tasks into Redis and wakes the workers. A task that is there already
// is a success.
type Queue struct {
	rdb    redis.UniversalClient
	client *asynq.Client
}

// NewQueue returns a queue on rdb, which the caller closes.
func NewQueue(rdb redis.UniversalClient) *Queue {
	return &Queue{rdb: rdb, client: asynq.NewClientFromRedisClient(newPipelined(rdb))}
}

// Run enqueues the task that takes up the aggregation.
func (q *Queue) Run(ctx context.Context, agg *gather.Aggregation) error {
	task, err := newRunTask(agg.ID, agg.Retries)
	if err != nil {
		return err
	}
	if err := q.enqueue(ctx, task); err != nil {
		return fmt.Errorf("enqueue run of %s: %w", agg.ID, err)
	}
	return q.wake(ctx, runQueue, 1)
}

// fetch enqueues the subtasks.
func (q *Queue) fetch(ctx context.Context, id string, lane gather.Lane, list []gather.Subtask) error {
	if len(list) == 0 {
		return nil
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(enqueueAtOnce)
	for _, t := range list {
		group.Go(func() error { return q.fetchOne(groupCtx, id, lane, t) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return q.wake(ctx, fetchQueue(lane), len(list))
}

// fetchOne enqueues a subtask, to be delivered after a delay where the options say so.
func (q *Queue) fetchOne(ctx context.Context, id string, lane gather.Lane, t gather.Subtask, opts ...asynq.Option) error {
	task, err := newFetchTask(id, lane, t)
	if err != nil {
		return err
	}
	if err := q.enqueue(ctx, task, opts...); err != nil {
		return fmt.Errorf("enqueue %s/%d: %w: %w", id, t.Index, gather.ErrUnavailable, err)
	}
	return nil
}

// fetchLater enqueues a subtask that is delivered after the delay, in whole seconds.
func (q *Queue) fetchLater(ctx context.Context, id string, lane gather.Lane, t gather.Subtask, delay time.Duration) error {
	return q.fetchOne(ctx, id, lane, t, asynq.ProcessIn(ceilSecond(time.Now(), delay)))
}

func (q *Queue) enqueue(ctx context.Context, task *asynq.Task, opts ...asynq.Option) error {
	_, err := q.client.EnqueueContext(ctx, task, opts...)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

const wakeChannel = "gather:wake"

// wake tells idle workers to look for so many tasks in the queue. It is a hint:
// without it they look after at most a second.
func (q *Queue) wake(ctx context.Context, queue string, tasks int) error {
	if err := q.rdb.Publish(ctx, wakeChannel, queue+" "+strconv.Itoa(tasks)).Err(); err != nil {
		return fmt.Errorf("wake workers: %w: %w", gather.ErrUnavailable, err)
	}
	return nil
}

// parseWake reads what wake has written.
func parseWake(payload string) (queue string, tasks int) {
	queue, count, _ := strings.Cut(payload, " ")
	tasks, err := strconv.Atoi(count)
	if err != nil {
		tasks = 1
	}
	return queue, tasks
}
