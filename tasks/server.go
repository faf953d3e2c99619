package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"gather"
)

// Store is what running an aggregation needs of the store.
type Store interface {
	Begin(ctx context.Context, id string) (*gather.Plan, error)
	Claim(ctx context.Context, id string, wanted []gather.Claim) ([]gather.Claim, error)
	Release(ctx context.Context, id string, c *gather.Claim, delay time.Duration) error
	Record(ctx context.Context, id string, results []gather.Result) (*gather.Recorded, error)
	Restart(ctx context.Context, id string, t gather.Subtask) (gather.Subtask, bool, error)
	Tick(ctx context.Context, worker string) (*gather.Round, error)
	Visit(ctx context.Context, round *gather.Round, id string) (*gather.Visit, error)
	Leave(ctx context.Context, worker string) error
	WatchClosed(ctx context.Context, closed func(id string))
}

// Options are what a worker is made of.
type Options struct {
	// Worker names the worker among all; unique.
	Worker string
	Store  Store
	// Fetcher sends the requests.
	Fetcher Fetcher
	// Concurrency is how many fetches are in flight at once.
	Concurrency int
	// StopTimeout is how long Stop lets requests in flight end before it hands them back.
	StopTimeout time.Duration
	// NewClient makes a Redis client of its own for the server, which hooks into it.
	NewClient func() redis.UniversalClient
	Logger    *slog.Logger
}

// Server is a worker: it takes tasks from the queues and runs them.
type Server struct {
	store    Store
	fetcher  Fetcher
	queue    *Queue
	inflight *inflight
	watchdog *watchdog
	wakeup   *wakeup
	asynq    *asynq.Server
	rdb      redis.UniversalClient

	stopTimeout    time.Duration
	running        sync.RWMutex       // every handler holds it for reading
	handBack       context.CancelFunc // aborts the handlers, which hand their tasks back
	background     sync.WaitGroup     // the watchdog and the listeners
	stopBackground context.CancelFunc
	stopOnce       sync.Once
}

// NewServer returns a worker that Start sets to work.
func NewServer(o Options) *Server {
	rdb := o.NewClient()
	s := &Server{
		store:       o.Store,
		fetcher:     o.Fetcher,
		queue:       NewQueue(rdb),
		inflight:    newInflight(),
		wakeup:      newWakeup(len(queueWeights)),
		rdb:         rdb,
		stopTimeout: o.StopTimeout,

		stopBackground: func() {},
	}
	s.watchdog = &watchdog{
		worker: o.Worker, store: o.Store, queue: s.queue, begin: s.begin, log: o.Logger,
		inspector: asynq.NewInspectorFromRedisClient(rdb), woken: make(chan struct{}, 1),
	}
	handlers, handBack := context.WithCancel(context.Background())
	s.handBack = handBack
	rdb.AddHook(s.wakeup)
	s.asynq = asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency:              o.Concurrency,
		Queues:                   queueWeights,
		BaseContext:              func() context.Context { return handlers },
		TaskCheckInterval:        checkInterval,
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           retryDelay,
		IsFailure:                isFailure,
		ShutdownTimeout:          o.StopTimeout + recordTimeout,
		Logger:                   &asynqLogger{o.Logger},
		LogLevel:                 asynq.WarnLevel,
	})
	return s
}

// Start sets the worker to work. It returns at once.
func (s *Server) Start() error {
	mux := asynq.NewServeMux()
	mux.Use(s.track)
	mux.HandleFunc(TypeRun, s.expand)
	mux.HandleFunc(TypeFetch, s.fetch)
	if err := s.asynq.Start(mux); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stopBackground = stop
	s.background.Go(func() { s.wakeup.listen(ctx, s.rdb) })
	s.background.Go(func() { s.store.WatchClosed(ctx, s.inflight.close) })
	s.background.Go(func() { s.watchdog.run(ctx) })
	return nil
}

// Stop takes no more tasks, lets those in flight end for the stop timeout, and
// hands back what is left. It may be called twice.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		s.wakeup.close()
		timeout := time.AfterFunc(s.stopTimeout, s.handBack)
		s.asynq.Shutdown() // waits for the tasks, but not for handlers that were aborted
		timeout.Stop()
		s.handBack()
		s.running.Lock()
		s.running.Unlock() //nolint:staticcheck // to wait until the last handler is out
		s.stopBackground()
		s.background.Wait()
		_ = s.rdb.Close()
	})
}

// track knows the handlers that run, beyond what asynq waits for.
func (s *Server) track(next asynq.Handler) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		s.running.RLock()
		defer s.running.RUnlock()
		return next.ProcessTask(ctx, task)
	})
}

// retryDelay is how long a task stays with the queue before it is delivered again.
func retryDelay(retried int, err error, _ *asynq.Task) time.Duration {
	var later *retryLater
	switch {
	case errors.As(err, &later):
		return ceilSecond(time.Now(), later.delay)
	case errors.Is(err, errHandedBack), errors.Is(err, context.Canceled):
		return 0
	}
	return time.Second << min(retried, 5)
}

// isFailure tells asynq what counts in its statistics and against the task.
func isFailure(err error) bool {
	return !errors.Is(err, errHandedBack) && !errors.Is(err, context.Canceled)
}

// asynqLogger passes asynq's log on.
type asynqLogger struct{ log *slog.Logger }

func (l *asynqLogger) Debug(args ...any) { l.log.Debug(fmt.Sprint(args...), "from", "asynq") }
func (l *asynqLogger) Info(args ...any)  { l.log.Info(fmt.Sprint(args...), "from", "asynq") }
func (l *asynqLogger) Warn(args ...any)  { l.log.Warn(fmt.Sprint(args...), "from", "asynq") }
func (l *asynqLogger) Error(args ...any) { l.log.Error(fmt.Sprint(args...), "from", "asynq") }
func (l *asynqLogger) Fatal(args ...any) { l.log.Error(fmt.Sprint(args...), "from", "asynq") }
