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
	outage  *outage
	store   *store.Store
	fetcher *fetch.Client
	server  *tasks.Server

	telemetry *telemetry
	shared    bool        // the telemetry is that of the API in the same process
	side      *sideServer // nil without --metrics-listen
	log       *slog.Logger
}

// NewWorker builds a worker and makes sure that Redis answers; Start sets it to work.
func NewWorker(ctx context.Context, o *WorkerOptions, log *slog.Logger) (*Worker, error) {
	t, err := newTelemetry(ctx, "gather-worker", log)
	if err != nil {
		return nil, err
	}
	w, err := newWorker(ctx, o, log, t)
	if err != nil {
		t.Close()
		return nil, err
	}
	w.shared = false
	return w, nil
}

// newWorker builds a worker that shares what it shows with others in the process.
func newWorker(ctx context.Context, o *WorkerOptions, log *slog.Logger, t *telemetry) (*Worker, error) {
	connect, err := newConnector(o.RedisURL)
	if err != nil {
		return nil, err
	}
	connect = connect.with(t.redis)
	work := t.work()
	fetcher, err := fetch.New(fetch.Options{
		AllowNet: o.AllowNet, MaxBody: int64(o.MaxBody), Concurrency: o.Concurrency,
		Observe: work.fetched, Traceparent: t.traceparent(),
	})
	if err != nil {
		return nil, err
	}
	rdb := connect()
	if err := ping(ctx, rdb, o.RedisURL, log); err != nil {
		_ = rdb.Close()
		return nil, err
	}
	st, err := openStore(ctx, rdb, o.SecretKey)
	if err != nil {
		_ = rdb.Close()
		return nil, err
	}
	st.Observe(t.endings())
	warn(ctx, st, log)
	w := &Worker{rdb: rdb, store: st, fetcher: fetcher, telemetry: t, shared: true, log: log}
	connect, w.outage = watchRedis(connect, log)
	rdb.AddHook(w.outage)
	log = w.outage.calmed(log)
	w.server = tasks.NewServer(tasks.Options{
		Worker:      workerName(),
		Store:       w.store,
		Fetcher:     fetcher,
		Concurrency: o.Concurrency,
		StopTimeout: o.StopTimeout,
		NewClient:   connect,
		Logger:      log,
		Observer:    work,
		Tracer:      t.taskTracer(),
	})
	t.watchLoad(w.server)
	if w.side, err = newSideServer(ctx, "--metrics-listen", o.MetricsListen, w.status(), log); err != nil {
		w.Stop()
		return nil, err
	}
	return w, nil
}

// MetricsURL is where the worker's metrics and probes are, without a path; "" if nowhere.
func (w *Worker) MetricsURL() string { return w.side.url() }

// Start sets the worker to work and returns.
func (w *Worker) Start() error { return w.server.Start() }

// Stop ends or hands back what the worker holds. It may be called twice.
func (w *Worker) Stop() {
	w.outage.close()
	w.server.Stop()
	w.side.Close()
	w.store.Close()
	w.fetcher.Close()
	_ = w.rdb.Close()
	if !w.shared {
		w.telemetry.Close()
	}
}

// workerName is unique: two workers of one host, or two hosts of one name, differ.
func workerName() string {
	return fmt.Sprintf("%s%d:%s", workersHere(), os.Getpid(), rand.Text()[:8])
}

// workersHere is what the names of all workers of this host begin with.
func workersHere() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return host + ":"
}
