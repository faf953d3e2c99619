package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"gather"
)

// mostInConvoy bounds the tasks that are enqueued in one round trip.
const mostInConvoy = 128

// Queue puts tasks into Redis and wakes the workers. A task that is there already
// is a success.
type Queue struct {
	rdb    redis.UniversalClient
	client *asynq.Client
	// name is the worker's, "" where there is none; onWake tells it what it has enqueued itself.
	name   string
	onWake func(queue string, tasks int)
	// headers are what a run task carries.
	headers func(ctx context.Context) map[string]string
}

// NewQueue returns a queue on rdb, which the caller closes.
func NewQueue(rdb redis.UniversalClient) *Queue { return newQueue(rdb, nil) }

// newQueue returns a queue whose due times are those of the clock.
func newQueue(rdb redis.UniversalClient, c *clock) *Queue {
	p := newPipelined(rdb)
	p.clock = c
	return &Queue{rdb: rdb, client: asynq.NewClientFromRedisClient(p), onWake: func(string, int) {}, headers: headersOf}
}

// Trace has run tasks carry the span of who enqueues them. It is called before the queue is used.
func (q *Queue) Trace(t Tracer) { q.headers = t.Headers }

// Run enqueues the task that takes up the aggregation.
func (q *Queue) Run(ctx context.Context, agg *gather.Aggregation) error {
	task, err := newRunTask(agg, q.headers(ctx))
	if err != nil {
		return err
	}
	if err := q.enqueueAll(ctx, runQueue, []*asynq.Task{task}); err != nil {
		return fmt.Errorf("enqueue run of %s: %w", agg.ID, err)
	}
	return nil
}

// fetch enqueues the subtasks.
func (q *Queue) fetch(ctx context.Context, id string, lane gather.Lane, list []gather.Subtask) error {
	for part := range slices.Chunk(list, mostInConvoy) {
		made := make([]*asynq.Task, len(part))
		for i, t := range part {
			var err error
			if made[i], err = newFetchTask(id, lane, t, headersOf(ctx)); err != nil {
				return err
			}
		}
		if err := q.enqueueAll(ctx, fetchQueue(lane), made); err != nil {
			return fmt.Errorf("enqueue items of %s: %w", id, err)
		}
	}
	return nil
}

// enqueueAll enqueues tasks of one queue and wakes the workers, all in one round trip
// where Redis is one server.
func (q *Queue) enqueueAll(ctx context.Context, queue string, list []*asynq.Task) error {
	woken := errNotWoken
	contexts := newConvoy(ctx, len(list), func(calls []scriptCall) (replies []*redis.Cmd) {
		replies, woken = q.leave(context.WithoutCancel(ctx), queue, calls)
		return replies
	})
	var group errgroup.Group
	for i, task := range list {
		group.Go(func() error {
			defer seatOf(contexts[i]).giveUp()
			return q.enqueue(contexts[i], task)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%w: %w", gather.ErrUnavailable, err)
	}
	if woken != nil {
		if err := q.wake(ctx, q.rdb, queue, len(list)).Err(); err != nil {
			return fmt.Errorf("wake workers: %w: %w", gather.ErrUnavailable, err)
		}
	}
	q.onWake(queue, len(list))
	return nil
}

// errNotWoken tells that the workers have still to be woken.
var errNotWoken = errors.New("not woken")

// leave makes the calls and wakes the workers in one round trip. On a cluster, where the
// wake-up could overtake the tasks, it is left to the caller, as it is where Redis
// does not know the script of any of them.
func (q *Queue) leave(ctx context.Context, queue string, calls []scriptCall) (replies []*redis.Cmd, woken error) {
	if len(calls) == 0 { // every seat was given up: the context had ended before asynq's calls
		return nil, errNotWoken
	}
	replies = make([]*redis.Cmd, len(calls))
	woken = errNotWoken
	_, cluster := q.rdb.(*redis.ClusterClient)
	var wake *redis.IntCmd
	_, _ = q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, call := range calls {
			replies[i] = call(p)
		}
		if !cluster {
			wake = q.wake(ctx, p, queue, len(calls))
		}
		return nil
	})
	again := slices.ContainsFunc(replies, func(reply *redis.Cmd) bool { return redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") })
	if wake != nil && !again {
		woken = wake.Err()
	}
	return replies, woken
}

// fetchOne enqueues a subtask, to be delivered after a delay where the options say so.
func (q *Queue) fetchOne(ctx context.Context, id string, lane gather.Lane, t gather.Subtask, opts ...asynq.Option) error {
	task, err := newFetchTask(id, lane, t, headersOf(ctx))
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

// isPaused tells whether an operator has paused the queue.
func (q *Queue) isPaused(ctx context.Context, queue string) (bool, error) {
	n, err := q.rdb.Exists(ctx, "asynq:{"+queue+"}:paused").Result()
	if err != nil {
		return false, fmt.Errorf("%w: see whether %s is paused: %w", gather.ErrUnavailable, queue, err)
	}
	return n > 0, nil
}

// Depth is how many tasks wait in the queues for a worker; a task is one item, some, or a
// whole aggregation that nobody has taken up. It costs one LLEN a queue.
func (q *Queue) Depth(ctx context.Context) (int, error) {
	pipe := q.rdb.Pipeline()
	lengths := make([]*redis.IntCmd, 0, len(queueWeights))
	for queue := range queueWeights {
		lengths = append(lengths, pipe.LLen(ctx, "asynq:{"+queue+"}:pending"))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, fmt.Errorf("%w: count waiting tasks: %w", gather.ErrUnavailable, err)
	}
	depth := 0
	for _, length := range lengths {
		depth += int(length.Val())
	}
	return depth, nil
}

const wakeChannel = "gather:wake"

// wake tells idle workers to look for so many tasks in the queue. It is a hint:
// without it they look after at most a second.
func (q *Queue) wake(ctx context.Context, rdb redis.Cmdable, queue string, tasks int) *redis.IntCmd {
	message := queue + " " + strconv.Itoa(tasks)
	if q.name != "" {
		message += " " + q.name
	}
	return rdb.Publish(ctx, wakeChannel, message)
}

// parseWake reads what wake has written; from is "" where it was no worker.
func parseWake(payload string) (queue string, tasks int, from string) {
	queue, rest, _ := strings.Cut(payload, " ")
	count, from, _ := strings.Cut(rest, " ")
	tasks, err := strconv.Atoi(count)
	if err != nil {
		tasks = 1
	}
	return queue, tasks, from
}
