package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq" //nolint:depguard // what is measured here is asynq itself
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// enqueuers is how many goroutines enqueue the tasks of one run.
const enqueuers = 16

// rawAsynq does the work as one would with asynq alone: a task a request, the
// results in a hash, a message from whoever writes the last one. The worker is a
// process of its own (asynqworker.go).
type rawAsynq struct {
	worker   *process
	redis    *redisServer
	client   *asynq.Client
	upstream string
	listener *redis.PubSub
	batches  atomic.Int64

	mu      sync.Mutex
	waiting map[string]chan struct{} // by batch
}

// asynqTask is the payload of a task.
type asynqTask struct {
	Batch string `json:"batch"`
	Index int    `json:"index"`
	Total int    `json:"total"`
	URL   string `json:"url"`
}

func startAsynq(r *redisServer, upstream string, concurrency int, interval time.Duration) (*rawAsynq, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	worker, _, err := start(command{
		name: "raw asynq worker", path: self, ready: regexp.MustCompile(`^ready`),
		args: []string{asynqWorkerCommand, "-redis", r.address, "-concurrency", strconv.Itoa(concurrency), "-interval", interval.String()},
	})
	if err != nil {
		return nil, err
	}
	a := &rawAsynq{
		worker: worker, redis: r, upstream: upstream, waiting: make(map[string]chan struct{}),
		client:   asynq.NewClientFromRedisClient(r.client),
		listener: r.client.Subscribe(context.Background(), asynqDone),
	}
	if _, err := a.listener.Receive(context.Background()); err != nil {
		_ = a.end()
		return nil, fmt.Errorf("subscribe to %s: %w", asynqDone, err)
	}
	go a.listen()
	return a, nil
}

func (a *rawAsynq) listen() {
	for message := range a.listener.Channel() {
		a.mu.Lock()
		if done := a.waiting[message.Payload]; done != nil {
			close(done)
			delete(a.waiting, message.Payload)
		}
		a.mu.Unlock()
	}
}

func (a *rawAsynq) end() error {
	_ = a.listener.Close()
	return a.worker.end()
}

// run implements [system].
func (a *rawAsynq) run(ctx context.Context, n int, delay time.Duration) (cleanUp, error) {
	batch := strconv.FormatInt(a.batches.Add(1), 10)
	done := make(chan struct{})
	a.mu.Lock()
	a.waiting[batch] = done
	a.mu.Unlock()
	if err := a.enqueue(ctx, batch, n, delay); err != nil {
		return nil, err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, fmt.Errorf("raw asynq: batch %s of %d: %w", batch, n, ctx.Err())
	}
	stored, err := a.redis.client.HGetAll(ctx, asynqResults(batch)).Result()
	if err != nil {
		return nil, err
	}
	replies := make([]reply, n)
	for i := range replies {
		if err := json.Unmarshal([]byte(stored[strconv.Itoa(i)]), &replies[i]); err != nil {
			return nil, fmt.Errorf("raw asynq: result %d: %w", i, err)
		}
	}
	remove := func(ctx context.Context) error { return a.redis.client.Unlink(ctx, asynqResults(batch)).Err() }
	return remove, checkAll(replies)
}

func (a *rawAsynq) enqueue(ctx context.Context, batch string, n int, delay time.Duration) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(n, enqueuers) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				payload, err := json.Marshal(asynqTask{Batch: batch, Index: i, Total: n, URL: itemURL(a.upstream, i, delay)})
				if err != nil {
					return err
				}
				if _, err := a.client.EnqueueContext(ctx, asynq.NewTask(asynqType, payload), asynq.MaxRetry(0)); err != nil {
					return fmt.Errorf("raw asynq: enqueue: %w", err)
				}
			}
		})
	}
	return group.Wait()
}
