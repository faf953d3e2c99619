package tasks

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// noScript is what Redis answers to EVALSHA before it has seen the script.
type noScript struct{}

func (noScript) Error() string { return "NOSCRIPT No matching script. Please use EVAL." }
func (noScript) RedisError()   {}

// fakeRedis stands for the Redis behind an intake: it is a hook that answers every
// command itself.
type fakeRedis struct {
	mu         sync.Mutex
	pending    map[string]int // tasks, by queue
	delayed    int            // tasks whose time is yet to come, and that are due when asked
	err        error          // what every call comes to, where it is not nil
	late       time.Duration  // how long a round trip takes
	dequeues   int            // dequeue calls that came here
	roundTrips int            // round trips of dequeue calls
	exists     int
	forwards   int
}

func (f *fakeRedis) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f *fakeRedis) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { return f.answer(cmd) }
}

func (f *fakeRedis) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error { return f.answer(cmds...) }
}

func (f *fakeRedis) answer(cmds ...redis.Cmder) error {
	time.Sleep(f.late)
	f.mu.Lock()
	defer f.mu.Unlock()
	var first error
	dequeued := false
	for _, cmd := range cmds {
		err := f.err
		switch cmd := cmd.(type) {
		case *redis.IntCmd:
			f.exists++
			cmd.SetVal(int64(f.delayed))
			for _, n := range f.pending {
				cmd.SetVal(cmd.Val() + int64(n))
			}
		case *redis.Cmd:
			key := cmd.Args()[3].(string)
			queue, _, _ := strings.Cut(strings.TrimPrefix(key, "asynq:{"), "}")
			switch {
			case err != nil:
			case strings.HasSuffix(key, ":retry"):
				f.forwards++
				f.pending[queue] += f.delayed
				cmd.SetVal(int64(f.delayed))
				f.delayed = 0
			case strings.HasSuffix(key, ":pending"):
				f.dequeues++
				dequeued = true
				if f.pending[queue] == 0 {
					err = redis.Nil
				} else {
					f.pending[queue]--
					cmd.SetVal("a task")
				}
			}
		}
		if err != nil {
			cmd.SetErr(err)
			if first == nil {
				first = err
			}
		}
	}
	if dequeued {
		f.roundTrips++
	}
	return first
}

func (f *fakeRedis) put(queue string, tasks int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending[queue] += tasks
}

func (f *fakeRedis) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// poller calls Redis as asynq does, through an intake.
type poller struct {
	*intake
	redis *fakeRedis
	ctx   context.Context
}

func newPoller(t *testing.T, fetches int) *poller {
	fake := &fakeRedis{pending: make(map[string]int)}
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	rdb.AddHook(fake)
	t.Cleanup(func() { _ = rdb.Close() })
	return &poller{newIntake(rdb, newSlots(fetches)), fake, t.Context()}
}

// poll asks one queue for a task.
func (p *poller) poll(queue string) error {
	key := "asynq:{" + queue + "}:"
	return p.EvalSha(p.ctx, "3f2a", []string{key + "pending", key + "paused", key + "active", key + "lease"}, 30, key+"t:").Err()
}

// round asks each queue, until one has a task, as asynq does. It returns that queue,
// or "", and why.
func (p *poller) round() (string, error) {
	err := error(redis.Nil)
	for queue := range queueWeights {
		if err = p.poll(queue); err != redis.Nil { //nolint:errorlint // asynq compares it so
			return queue, err
		}
	}
	return "", err
}

// next is the queue of the next task, and how long it took to come.
func (p *poller) next() (string, time.Duration) {
	start := time.Now()
	for {
		if queue, err := p.round(); err == nil {
			return queue, time.Since(start)
		}
	}
}

// forward has what is due moved, for each queue in turn.
func (p *poller) forward() {
	for queue := range queueWeights {
		p.EvalSha(p.ctx, "9b1c", []string{"asynq:{" + queue + "}:retry", "asynq:{" + queue + "}:pending"}, 1)
	}
}

// settled is a poller that knows that there is nothing.
func settled(t *testing.T, fetches int) *poller {
	p := newPoller(t, fetches)
	for p.anyReady() {
		_, _ = p.round()
		synctest.Wait()
	}
	p.redis.dequeues, p.redis.roundTrips, p.redis.exists = 0, 0, 0
	return p
}
