package tasks

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"gather"
)

// What a test waits before it does something, while the hook may hold a call.
const aMoment = 300 * time.Millisecond

// noScript is what Redis answers to EVALSHA before it has seen the script.
type noScript struct{}

func (noScript) Error() string { return "NOSCRIPT No matching script. Please use EVAL." }
func (noScript) RedisError()   {}

// poller calls Redis as asynq does, through the hook, in the time of a test's bubble.
type poller struct {
	*wakeup
	ctx context.Context
}

func newPoller(ctx context.Context) *poller { return &poller{newWakeup(len(queueWeights)), ctx} }

// call sends cmd, which comes to err, and returns how long it was held.
func (p *poller) call(cmd redis.Cmder, err error) time.Duration {
	start := time.Now()
	// As in go-redis, cmd doesn't know of err before the hooks are done with it.
	_ = p.ProcessHook(func(context.Context, redis.Cmder) error { return err })(p.ctx, cmd)
	return time.Since(start)
}

// dequeue asks one queue for a task, in vain where err is redis.Nil.
func (p *poller) dequeue(err error) time.Duration {
	return p.call(redis.NewCmd(p.ctx, "evalsha", "3f2a", 4,
		"asynq:{fetch-low}:pending", "asynq:{fetch-low}:paused", "asynq:{fetch-low}:active", "asynq:{fetch-low}:lease"), err)
}

// forward puts so many tasks that are due into their queue.
func (p *poller) forward(moved int64) time.Duration {
	cmd := redis.NewCmd(p.ctx, "evalsha", "9b1c", 2, "asynq:{fetch-low}:retry", "asynq:{fetch-low}:pending")
	cmd.SetVal(moved)
	return p.call(cmd, nil)
}

// emptyRound asks every queue in vain, and returns how long that was held.
func (p *poller) emptyRound() time.Duration {
	var held time.Duration
	for range p.queues {
		held += p.dequeue(redis.Nil)
	}
	return held
}

// endSoon ends the context that p calls with.
func (p *poller) endSoon() {
	ctx, end := context.WithCancel(p.ctx)
	p.ctx = ctx
	time.AfterFunc(aMoment, end)
}

func TestWakeup_holdsAfterAnEmptyRound(t *testing.T) {
	cases := map[string]struct {
		prepare func(p *poller)
		want    time.Duration
	}{
		"until a wake-up":                      {func(p *poller) { time.AfterFunc(aMoment, p.wake) }, aMoment},
		"until the worker stops":               {func(p *poller) { time.AfterFunc(aMoment, p.close) }, aMoment},
		"until its context ends":               {func(p *poller) { p.endSoon() }, aMoment},
		"until due tasks are moved":            {func(p *poller) { time.AfterFunc(aMoment, func() { p.forward(2) }) }, aMoment},
		"not if a wake-up came before":         {func(p *poller) { p.wake() }, 0},
		"not once the worker stops":            {func(p *poller) { p.close() }, 0},
		"a while, whatever else":               {func(*poller) {}, longestHold},
		"a while, if nothing due was moved":    {func(p *poller) { time.AfterFunc(aMoment, func() { p.forward(0) }) }, longestHold},
		"a while, whatever other calls answer": {func(p *poller) { time.AfterFunc(aMoment, func() { p.call(redis.NewStatusCmd(p.ctx, "ping"), nil) }) }, longestHold},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPoller(t.Context())
				if held := p.emptyRound(); held != 0 {
					t.Errorf("the first round is held %v, want it at once", held)
				}
				c.prepare(p)
				if held := p.dequeue(redis.Nil); held != c.want {
					t.Errorf("the second round is held %v, want %v", held, c.want)
				}
			})
		})
	}
}

func TestWakeup_asksEveryQueueAfterAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t.Context())
		p.emptyRound()
		for range 3 {
			if held := p.emptyRound(); held != longestHold {
				t.Errorf("an idle round is held %v, want once for %v", held, longestHold)
			}
		}
	})
}

func TestWakeup_manyWakeUpsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t.Context())
		p.emptyRound()
		for range 5 {
			p.wake()
		}
		if held := p.emptyRound(); held != 0 {
			t.Errorf("the round after the wake-ups is held %v, want it at once", held)
		}
		if held := p.emptyRound(); held != longestHold {
			t.Errorf("the round after that is held %v, want %v", held, longestHold)
		}
	})
}

func TestWakeup_neverHoldsWhileThereIsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t.Context())
		for range 10 {
			for range p.queues - 1 {
				if held := p.dequeue(redis.Nil); held != 0 {
					t.Fatalf("an empty queue beside a full one holds %v", held)
				}
			}
			if held := p.dequeue(nil); held != 0 {
				t.Fatalf("the full queue is held %v", held)
			}
		}
	})
}

func TestWakeup_neverHoldsOtherCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t.Context())
		p.emptyRound()
		done := redis.NewCmd(p.ctx, "evalsha", "77", 3, "asynq:{fetch-low}:active", "asynq:{fetch-low}:lease", "asynq:{fetch-low}:t:agg_1:0")
		for _, held := range []time.Duration{p.call(done, nil), p.call(redis.NewIntCmd(p.ctx, "publish", wakeChannel, ""), nil), p.forward(0)} {
			if held != 0 {
				t.Errorf("a call of an idle server is held %v", held)
			}
		}
		pipelined := p.ProcessPipelineHook(func(context.Context, []redis.Cmder) error { return io.EOF })
		if err := pipelined(p.ctx, []redis.Cmder{done}); !errors.Is(err, io.EOF) {
			t.Errorf("a pipeline answers %v, want it passed on", err)
		}
	})
}

func TestWakeup_pausesAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t.Context())
		if held := p.dequeue(io.EOF); held != 0 {
			t.Errorf("the call that fails is held %v", held)
		}
		time.AfterFunc(aMoment, p.wake)
		if held := p.dequeue(io.EOF); held != errorPause {
			t.Errorf("the call after it is held %v, want %v whatever wakes", held, errorPause)
		}
		if held := p.dequeue(redis.Nil); held != errorPause {
			t.Errorf("the call that is answered again is held %v, want %v", held, errorPause)
		}
		if held := p.dequeue(redis.Nil); held != 0 {
			t.Errorf("the call after an answer is held %v", held)
		}
		p.dequeue(io.EOF)
		time.AfterFunc(aMoment, p.close)
		if held := p.dequeue(io.EOF); held != aMoment {
			t.Errorf("the pause of a worker that stops lasts %v, want %v", held, aMoment)
		}
	})
}

func TestWakeup_takesNoScriptForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t.Context())
		for range 2 * p.queues {
			if held := p.dequeue(noScript{}); held != 0 {
				t.Fatalf("asynq is held %v before it may send its script", held)
			}
		}
		if held := p.emptyRound(); held != 0 {
			t.Errorf("the round after it is held %v: it counted as empty", held)
		}
	})
}

// go-redis tells a hook by its return value only that no connection could be made.
func TestWakeup_knowsThatRedisIsOutOfReach(t *testing.T) {
	w := newWakeup(len(queueWeights))
	rdb := redis.NewClient(&redis.Options{
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe },
		MaxRetries: -1, DialerRetries: 1,
	})
	defer func() { _ = rdb.Close() }()
	rdb.AddHook(w)
	if err := rdb.EvalSha(t.Context(), "3f2a", []string{"asynq:{q}:pending", "asynq:{q}:paused"}).Err(); err == nil {
		t.Fatal("a call without a connection is answered")
	}
	if !w.failed {
		t.Error("the next call would follow without a pause")
	}
}

func TestScript(t *testing.T) {
	cases := map[string]struct {
		args []any
		want scriptKind
	}{
		"dequeue":                       {[]any{"evalsha", "1", 4, "asynq:{q}:pending", "asynq:{q}:paused", "asynq:{q}:active", "asynq:{q}:lease"}, dequeueScript},
		"dequeue, with the script":      {[]any{"eval", "return 1", 4, "asynq:{q}:pending", "asynq:{q}:paused", "asynq:{q}:active"}, dequeueScript},
		"forward what is to be retried": {[]any{"evalsha", "1", 2, "asynq:{q}:retry", "asynq:{q}:pending", 1}, forwardScript},
		"forward what was scheduled":    {[]any{"evalsha", "1", 2, "asynq:{q}:scheduled", "asynq:{q}:pending", 1}, forwardScript},
		"enqueue":                       {[]any{"evalsha", "1", 2, "asynq:{q}:t:agg_1:0", "asynq:{q}:pending", "msg"}, otherScript},
		"requeue":                       {[]any{"evalsha", "1", 4, "asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:pending"}, otherScript},
		"keys that are not text":        {[]any{"evalsha", "1", 2, 1, 2}, otherScript},
		"a script with one key":         {[]any{"evalsha", "1", 1, "asynq:{q}:pending"}, otherScript},
		"no script":                     {[]any{"del", "1", "2", "asynq:{q}:pending", "asynq:{q}:paused"}, otherScript},
		"next to nothing":               {[]any{"ping"}, otherScript},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := script(redis.NewCmd(t.Context(), c.args...)); got != c.want {
				t.Errorf("script = %d, want %d", got, c.want)
			}
		})
	}
}

// scriptSpy is a hook that tells of every call that the wake-up hook would know.
type scriptSpy struct {
	*wakeup
	seen func(scriptKind)
}

func (s scriptSpy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.seen(script(cmd))
		return next(ctx, cmd)
	}
}

// TestScript_knowsThisAsynq holds what the hook knows of asynq against the asynq
// that is built in: another version may name its keys otherwise, and every idle
// worker would poll a thousand times a second.
func TestScript_knowsThisAsynq(t *testing.T) {
	dequeued, forwarded := make(chan struct{}, 1), make(chan struct{}, 1)
	note := func(c chan<- struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	rdb := mustRedis(t)
	rdb.AddHook(scriptSpy{newWakeup(len(queueWeights)), func(kind scriptKind) {
		switch kind {
		case dequeueScript:
			note(dequeued)
		case forwardScript:
			note(forwarded)
		}
	}})
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 1, Queues: queueWeights, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: time.Millisecond, DelayedTaskCheckInterval: time.Millisecond,
	})
	if err := server.Start(asynq.NewServeMux()); err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	<-dequeued
	<-forwarded
}

func TestWakeup_listen(t *testing.T) {
	rdb := mustRedis(t)
	w := newWakeup(len(queueWeights))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.listen(ctx, rdb); close(ended) }()

	<-w.woken // by the subscription itself: a wake-up may have been missed before it
	q := NewQueue(rdb)
	for name, hand := range map[string]func() error{
		"a run":     func() error { return q.Run(ctx, &gather.Aggregation{ID: "agg_1"}) },
		"a subtask": func() error { return q.fetch(ctx, "agg_1", gather.PriorityLow, []gather.Subtask{{Start: 1}}) },
	} {
		if err := hand(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		<-w.woken
	}
	stop()
	<-ended
}
