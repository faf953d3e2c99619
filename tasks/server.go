package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/panics"
)

const (
	// runsAtOnce is how many run tasks a worker has beside its fetches, and those that go with them.
	runsAtOnce = 16
	// waitingAtOnce is how many tasks may wait for slots after they were taken: as many batches
	// as come in a round trip, for each of the small aggregations' queues.
	waitingAtOnce = 3 * mostAtOnce
	// besideFetches is how many tasks a worker has at most beside one for each fetch.
	besideFetches = runsAtOnce + waitingAtOnce
	// checkInterval is asynq's pause after an empty round; the intake makes it long.
	checkInterval = 2 * time.Nanosecond
	// forwardInterval is how often tasks that are due are moved to their queues.
	forwardInterval = time.Second
	// janitorInterval is how often asynq looks for completed tasks, of which Gather keeps none.
	janitorInterval = time.Minute
	// drainTimeout bounds the time until asynq has found the tasks that were taken.
	drainTimeout = time.Second
)

// Store is what running an aggregation needs of the store.
type Store interface {
	Begin(ctx context.Context, id string, room gather.Room) (*gather.Plan, error)
	Claim(ctx context.Context, id string, wanted []gather.Claim) ([]gather.Claim, error)
	Keep(ctx context.Context, id string, items []gather.Subtask) (int, error)
	Release(ctx context.Context, id string, c *gather.Claim, delay time.Duration) error
	Record(ctx context.Context, id string, results []gather.Result) (*gather.Recorded, error)
	Restart(ctx context.Context, id string, t gather.Subtask) ([]gather.Subtask, error)
	Tick(ctx context.Context, w gather.Worker) (*gather.Round, error)
	Visit(ctx context.Context, round *gather.Round, id string) (*gather.Visit, error)
	Leave(ctx context.Context, w gather.Worker) error
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
	// Observer is told what the worker does; nil means nobody.
	Observer Observer
	// Tracer follows what it does; nil means that nobody does, which costs nothing.
	Tracer Tracer
}

// Server is a worker: it takes tasks from the queues and runs them.
type Server struct {
	store    Store
	fetcher  Fetcher
	queue    *Queue
	slots    *slots
	claims   *together[gather.Claim, *gather.Claim]
	results  *together[outcome, struct{}]
	inflight *inflight
	watchdog *watchdog
	intake   *intake
	clock    *clock
	asynq    *asynq.Server
	rdb      redis.UniversalClient
	log      *slog.Logger
	observer Observer
	tracer   Tracer       // nil where nothing is traced
	reported sync.Map     // messages of requests that could not be read
	finished atomic.Int64 // items, for the watchdog to tell
	sending  atomic.Int64 // requests in flight
	handling atomic.Int64 // tasks that are at their handlers

	stopTimeout    time.Duration
	running        sync.RWMutex       // every handler holds it for reading
	handlers       context.Context    // what all handlers run under
	handBack       context.CancelFunc // aborts the handlers, which hand their tasks back
	background     sync.WaitGroup     // the watchdog and the listeners
	stopBackground context.CancelFunc
	stopOnce       sync.Once
}

// NewServer returns a worker that Start sets to work.
func NewServer(o Options) *Server {
	rdb, storeClock := o.NewClient(), new(clock)
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	s := &Server{
		store:       o.Store,
		fetcher:     o.Fetcher,
		queue:       newQueue(rdb, storeClock),
		clock:       storeClock,
		slots:       newSlots(o.Concurrency),
		inflight:    newInflight(),
		rdb:         rdb,
		log:         o.Logger,
		observer:    o.Observer,
		tracer:      o.Tracer,
		stopTimeout: o.StopTimeout,

		stopBackground: func() {},
	}
	s.claims, s.results = newTogether(s.claimAll), newTogether(s.recordAll)
	s.intake = newIntake(rdb, s.slots)
	s.intake.clock, s.intake.observer = storeClock, o.Observer
	s.claims.others = s.intake.others
	s.intake.name, s.queue.name, s.queue.onWake = o.Worker, o.Worker, s.intake.expect
	s.watchdog = &watchdog{
		worker: gather.Worker{Name: o.Worker, Concurrency: o.Concurrency}, store: o.Store, queue: s.queue, begin: s.handOut,
		log: o.Logger, observer: o.Observer, finished: &s.finished,
		inspector: asynq.NewInspectorFromRedisClient(rdb), clock: storeClock, woken: make(chan struct{}, 1),
	}
	s.handlers, s.handBack = context.WithCancel(context.Background())
	s.asynq = asynq.NewServerFromRedisClient(s.intake, asynq.Config{
		Concurrency:              o.Concurrency + besideFetches,
		Queues:                   queueWeights,
		BaseContext:              func() context.Context { return s.handlers },
		TaskCheckInterval:        checkInterval,
		DelayedTaskCheckInterval: forwardInterval,
		JanitorInterval:          janitorInterval,
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
	s.askTime()
	if err := s.asynq.Start(asynq.HandlerFunc(s.process)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stopBackground = stop
	s.background.Go(func() { s.announce(ctx) })
	s.background.Go(func() { s.intake.listen(ctx) })
	s.background.Go(func() { s.store.WatchClosed(ctx, s.inflight.close) })
	s.background.Go(func() { s.watchdog.run(ctx) })
	return nil
}

// askTime asks for the store's time before asynq writes any; later the watchdog hears of it.
func (s *Server) askTime() {
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	defer cancel()
	from := time.Now()
	if now, err := s.rdb.Time(ctx).Result(); err == nil {
		s.clock.hear(now, from, time.Now())
	}
}

// announce has asynq's dashboard show the queues before their first task, too.
func (s *Server) announce(ctx context.Context) {
	var names []any
	for name := range queueWeights {
		names = append(names, name)
	}
	_ = persist(ctx, claimTimeout, func(ctx context.Context) error {
		if err := s.rdb.SAdd(ctx, "asynq:queues", names...).Err(); err != nil {
			return fmt.Errorf("%w: %w", gather.ErrUnavailable, err)
		}
		return nil
	})
}

// Stop takes no more tasks, lets those in flight end for the stop timeout, and
// hands back what is left. It may be called twice.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		s.intake.close(ctx)
		cancel()
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

// process runs one task. It is known as running beyond what asynq waits for. asynq
// would keep the value of a panic with the task.
func (s *Server) process(ctx context.Context, task *asynq.Task) error {
	growStack()
	s.running.RLock()
	defer s.running.RUnlock()
	s.intake.arrived()
	s.handling.Add(1)
	defer s.handling.Add(-1)
	ctx, end := s.traceTask(ctx, task)
	queue, _ := asynq.GetQueueName(ctx)
	err := guarded(func() error { return s.handle(ctx, queue, task) })
	end(err)
	if p := (*panics.Error)(nil); errors.As(err, &p) {
		s.log.ErrorContext(ctx, "a task panicked", "type", task.Type(), "error", p)
	}
	return err
}

// guarded turns a panic into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.New(v)
		}
	}()
	return do()
}

func (s *Server) handle(ctx context.Context, queue string, task *asynq.Task) error {
	switch task.Type() {
	case TypeRun:
		return s.expand(ctx, task)
	case TypeFetch:
		return s.fetch(ctx, queue, task)
	}
	if isFetch(queue) {
		s.slots.release(1)
		if isBulk(queue) {
			s.intake.bulkReady()
		}
	}
	return fmt.Errorf("task of unknown type %q: %w", task.Type(), asynq.RevokeTask)
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
