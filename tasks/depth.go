package tasks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// Depth is what is in a queue.
type Depth struct {
	Queue string
	// Pending tasks wait for a worker, Active ones are at one, Delayed ones wait for their time.
	Pending, Active, Delayed int
	// Oldest is how long the first of the pending ones has waited; 0 where there is none.
	Oldest time.Duration
}

// Queues are the names of all queues.
func Queues() []string {
	names := make([]string, 0, len(queueWeights))
	for name := range queueWeights {
		names = append(names, name)
	}
	return names
}

// Depths tells what is in all queues, in two round trips of cheap commands. asynq's own
// Inspector measures memory, too, and makes Redis stand still for it.
func (q *Queue) Depths(ctx context.Context) ([]Depth, error) {
	depths := make([]Depth, 0, len(queueWeights))
	replies := make([]depthReplies, 0, len(queueWeights))
	cmds, _ := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, name := range Queues() {
			key := "asynq:{" + name + "}:"
			depths = append(depths, Depth{Queue: name})
			replies = append(replies, depthReplies{
				pending: p.LLen(ctx, key+"pending"), active: p.LLen(ctx, key+"active"),
				retry: p.ZCard(ctx, key+"retry"), scheduled: p.ZCard(ctx, key+"scheduled"),
				oldest: p.LIndex(ctx, key+"pending", -1),
			})
		}
		return nil
	})
	if err := firstFailure(cmds); err != nil {
		return nil, fmt.Errorf("%w: look at the queues: %w", gather.ErrUnavailable, err)
	}
	for i := range depths {
		replies[i].fill(&depths[i])
	}
	return depths, q.ages(ctx, depths, replies)
}

// firstFailure is the first error that is more than the lack of a value: on a cluster a
// server may fail alone.
func firstFailure(cmds []redis.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// depthReplies are what Redis says of one queue.
type depthReplies struct {
	pending, active, retry, scheduled *redis.IntCmd
	oldest                            *redis.StringCmd
}

func (r *depthReplies) fill(d *Depth) {
	d.Pending, d.Active = int(r.pending.Val()), int(r.active.Val())
	d.Delayed = int(r.retry.Val() + r.scheduled.Val())
}

// ages asks since when the first tasks wait. One that was taken meanwhile has no age.
func (q *Queue) ages(ctx context.Context, depths []Depth, replies []depthReplies) error {
	since := make(map[int]*redis.StringCmd)
	cmds, _ := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range replies {
			if task := replies[i].oldest.Val(); task != "" {
				since[i] = p.HGet(ctx, "asynq:{"+depths[i].Queue+"}:t:"+task, "pending_since")
			}
		}
		return nil
	})
	if err := firstFailure(cmds); err != nil {
		return fmt.Errorf("%w: look at the oldest tasks: %w", gather.ErrUnavailable, err)
	}
	for i, reply := range since {
		if ns, err := strconv.ParseInt(reply.Val(), 10, 64); err == nil {
			depths[i].Oldest = max(0, time.Since(time.Unix(0, ns)))
		}
	}
	return nil
}
