package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"

	"gather/internal/fetch"
	"gather/store"
	"gather/tasks"
)

// Worker runs tasks until Stop.
type Worker struct {
	rdb     redis.UniversalClient
	store   *store.Store
	fetcher *fetch.Client
	server  *tasks.Server
}

// NewWorker builds a worker and makes sure that Redis answers; Start sets it to work.
func NewWorker(ctx context.Context, o *WorkerOptions, log *slog.Logger) (*Worker, error) {
	connect, err := newConnector(o.RedisURL)
	if err != nil {
		return nil, err
	}
	fetcher, err := fetch.New(fetch.Options{AllowNet: o.AllowNet, MaxBody: int64(o.MaxBody), Concurrency: o.Concurrency})
	if err != nil {
		return nil, err
	}
	rdb := connect()
	if err := ping(ctx, rdb, o.RedisURL); err != nil {
		_ = rdb.Close()
		return nil, err
	}
	st, err := openStore(ctx, rdb, o.SecretKey)
	if err != nil {
		_ = rdb.Close()
		return nil, err
	}
	warn(ctx, st, log)
	w := &Worker{rdb: rdb, store: st, fetcher: fetcher}
	w.server = tasks.NewServer(tasks.Options{
		Worker:      workerName(),
		Store:       w.store,
		Fetcher:     fetcher,
		Concurrency: o.Concurrency,
		StopTimeout: o.StopTimeout,
		NewClient:   connect,
		Logger:      log,
	})
	return w, nil
}

// Start sets the worker to work and returns.
func (w *Worker) Start() error { return w.server.Start() }

// Stop ends or hands back what the worker holds. It may be called twice.
func (w *Worker) Stop() {
	w.server.Stop()
	w.store.Close()
	w.fetcher.Close()
	_ = w.rdb.Close()
}

// workerName is unique: two workers of one host, or two hosts of one name, differ.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()[:8])
}
