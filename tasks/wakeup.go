package tasks

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	wakeChannel = "gather:wake"
	// longestHold is how long an idle server waits before it looks for tasks without
	// a wake-up: what a lost wake-up costs at most.
	longestHold = time.Second
	// checkInterval is asynq's own pause after an empty round; the hold makes it long.
	checkInterval = time.Millisecond
	// errorPause keeps a server from trying without a pause while Redis is away.
	errorPause = 500 * time.Millisecond
)

// wakeup is a hook on the Redis client of one asynq server. asynq polls: it runs
// its dequeue script on each queue in turn, and again after a pause when all were
// empty. The hook knows these calls by their keys. Before the first call after an
// empty round it waits for a wake-up, so that an idle server costs next to nothing
// and a busy one never waits.
type wakeup struct {
	queues int // a round is so many empty dequeues in a row

	mu     sync.Mutex
	empty  int           // empty dequeues in a row
	failed bool          // the last dequeue came to no answer
	woken  chan struct{} // holds one wake-up
	closed chan struct{}
	once   sync.Once
}

func newWakeup(queues int) *wakeup {
	return &wakeup{queues: queues, woken: make(chan struct{}, 1), closed: make(chan struct{})}
}

// wake ends the hold, or the next one if there is none now.
func (w *wakeup) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// close ends every hold for good.
func (w *wakeup) close() { w.once.Do(func() { close(w.closed) }) }

// listen passes wake-ups on until ctx ends.
func (w *wakeup) listen(ctx context.Context, rdb redis.UniversalClient) {
	pubsub := rdb.Subscribe(ctx, wakeChannel)
	defer func() { _ = pubsub.Close() }()
	// A new subscription counts as a wake-up too: one may have been missed before it.
	received := pubsub.ChannelWithSubscriptions()
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-received:
			if !open {
				return
			}
			w.wake()
		}
	}
}

// DialHook implements [redis.Hook].
func (w *wakeup) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessPipelineHook implements [redis.Hook].
func (w *wakeup) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}

// ProcessHook implements [redis.Hook].
func (w *wakeup) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch script(cmd) {
		case dequeueScript:
			w.hold(ctx)
			err := next(ctx, cmd)
			w.dequeued(err) // cmd does not have it yet where no connection could be made
			return err
		case forwardScript:
			err := next(ctx, cmd)
			if moved, _ := cmd.(*redis.Cmd).Int(); moved > 0 {
				w.wake() // what was due for a retry is in the queue now
			}
			return err
		}
		return next(ctx, cmd)
	}
}

// hold waits where the last round was empty or failed.
func (w *wakeup) hold(ctx context.Context) {
	w.mu.Lock()
	idle, failed := w.empty >= w.queues, w.failed
	w.mu.Unlock()
	longest, woken := longestHold, w.woken
	switch {
	case failed:
		longest, woken = errorPause, nil
	case !idle:
		return
	}
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
	case <-w.closed:
	case <-ctx.Done():
	}
	w.mu.Lock()
	w.empty = 0
	w.mu.Unlock()
}

func (w *wakeup) dequeued(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.empty, w.failed = 0, false
	case err == redis.Nil: //nolint:errorlint // go-redis returns it as it is
		w.empty, w.failed = w.empty+1, false
	case !redis.HasErrorPrefix(err, "NOSCRIPT"): // asynq sends the script itself next
		w.failed = true
	}
}

// scriptKind tells asynq's scripts apart.
type scriptKind int

const (
	otherScript scriptKind = iota
	dequeueScript
	forwardScript
)

// script knows asynq's scripts by their keys, since their text is asynq's own:
// EVALSHA sha numkeys key…
func script(cmd redis.Cmder) scriptKind {
	args := cmd.Args()
	if name := cmd.Name(); (name != "evalsha" && name != "eval") || len(args) < 5 {
		return otherScript
	}
	first, _ := args[3].(string)
	second, _ := args[4].(string)
	switch {
	case strings.HasSuffix(first, ":pending") && strings.HasSuffix(second, ":paused"):
		return dequeueScript
	case strings.HasSuffix(second, ":pending") && (strings.HasSuffix(first, ":retry") || strings.HasSuffix(first, ":scheduled")):
		return forwardScript
	}
	return otherScript
}
