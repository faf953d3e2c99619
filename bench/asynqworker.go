package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hibiken/asynq" //nolint:depguard // what is measured here is asynq itself
	"github.com/redis/go-redis/v9"
)

// asynqWorkerCommand is the argument that makes the benchmark's binary a worker of raw asynq.
const asynqWorkerCommand = "asynq-worker"

const (
	asynqType = "get"
	asynqDone = "raw:done" // the channel that carries the batches that are done
)

func asynqResults(batch string) string { return "raw:" + batch }

// asynqWorker handles the tasks of raw asynq.
type asynqWorker struct {
	rdb    *redis.Client
	client *http.Client
}

func runAsynqWorker(args []string) error {
	flags := flag.NewFlagSet(asynqWorkerCommand, flag.ContinueOnError)
	address := flags.String("redis", "", "address of Redis")
	concurrency := flags.Int("concurrency", 256, "tasks at once")
	interval := flags.Duration("interval", time.Second, "TaskCheckInterval")
	if err := flags.Parse(args); err != nil {
		return err
	}
	raiseFileLimit()
	w := &asynqWorker{
		rdb:    redis.NewClient(&redis.Options{Addr: *address, PoolTimeout: time.Minute}),
		client: newHTTPClient(*concurrency),
	}
	server := asynq.NewServerFromRedisClient(w.rdb, asynq.Config{
		Concurrency:       *concurrency,
		TaskCheckInterval: *interval,
		LogLevel:          asynq.ErrorLevel,
	})
	if err := server.Start(asynq.HandlerFunc(w.handle)); err != nil {
		return err
	}
	fmt.Println("ready")
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
	server.Shutdown()
	return w.rdb.Close()
}

// handle fetches one item and keeps its answer.
func (w *asynqWorker) handle(ctx context.Context, task *asynq.Task) error {
	var t asynqTask
	if err := json.Unmarshal(task.Payload(), &t); err != nil {
		return err
	}
	body, err := fetch(ctx, w.client, t.URL)
	if err != nil {
		return err
	}
	pipe := w.rdb.Pipeline()
	pipe.HSet(ctx, asynqResults(t.Batch), t.Index, body)
	done := pipe.HLen(ctx, asynqResults(t.Batch))
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	if done.Val() < int64(t.Total) {
		return nil
	}
	return w.rdb.Publish(ctx, asynqDone, t.Batch).Err()
}
