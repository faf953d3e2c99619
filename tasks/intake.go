package tasks

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/internal/hints"
)

const (
	// longestHold is how long an idle server waits before it looks for tasks without
	// a wake-up: what a lost wake-up costs at most.
	longestHold = time.Second
	// errorPause keeps a server from trying without a pause while Redis is away.
	errorPause = 500 * time.Millisecond
	// closedPause is how long a worker that stops holds a call.
	closedPause = 10 * time.Millisecond
	// mostAtOnce is how many tasks are taken from a queue in one round trip.
	mostAtOnce = 16
)

// intake is the Redis client of one asynq server: what it dequeues comes in here.
//
// asynq polls: it runs its dequeue script on each queue in turn, one task a round
// trip, and again after a pause when all were empty. The intake knows these calls by
// their keys, and answers most of them itself:
//   - it asks Redis only for queues that may hold a task, by what wake-ups said and
//     the last answer was, and holds the call while there are none;
//   - it takes several tasks at once where there are several, while asynq goes on, and
//     has asynq find them one by one;
//   - it takes a fetch task only with a slot for it, which the task's handler releases.
type intake struct {
	*pipelined
	slots *slots
	// name is that of the worker, whose own wake-ups need no way through Redis.
	name     string
	observer Observer

	mu        sync.Mutex
	queues    map[string]*intakeQueue
	failed    bool // the last dequeue came to no answer
	bulkHeld  bool // a batch of a bulk queue is still waiting for its slots
	smallHeld int  // batches of other queues that are
	lookedAt  time.Time
	delayed   bool // tasks wait for their time, or may
	checkedAt time.Time
	// asked is when asynq last called for a task.
	asked time.Time

	// coming counts the tasks that were taken and have not come to their handlers yet;
	// here is closed when they have, and nil while nobody asks.
	coming int
	here   chan struct{}

	changed chan struct{} // holds one sign that hold should look again
	closed  chan struct{}
	once    sync.Once
}

// intakeQueue is what the intake knows of a queue.
type intakeQueue struct {
	// expected is how many tasks it holds, by what wake-ups said and what was taken.
	expected int
	// unsure tells that it may hold more than that.
	unsure bool
	// heard is how many tasks it was told of since the round trip under way began, and
	// doubted whether it may hold more since: the answer need not know of them.
	heard   int
	doubted bool
	// taking tells that a round trip for its tasks is under way.
	taking bool
	// taken are answers that asynq has not asked for yet: tasks, or an error.
	taken []*redis.Cmd
}

func newIntake(rdb redis.UniversalClient, s *slots) *intake {
	in := &intake{
		pipelined: newPipelined(rdb), slots: s, queues: make(map[string]*intakeQueue),
		observer: unobserved{}, lookedAt: time.Now(), asked: time.Now(), changed: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	for name := range queueWeights {
		in.queues[name] = &intakeQueue{expected: 1, unsure: true}
	}
	s.onRelease = in.signal
	return in
}

// signal has hold look again.
func (in *intake) signal() {
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// expect notes that the queue may hold so many more tasks.
func (in *intake) expect(queue string, tasks int) {
	in.mu.Lock()
	if q := in.queues[queue]; q != nil {
		q.expected += tasks
		q.heard += tasks
	}
	in.mu.Unlock()
	in.signal()
}

// expectAny notes that any queue may hold a task.
func (in *intake) expectAny() {
	in.mu.Lock()
	for _, q := range in.queues {
		q.expected, q.unsure, q.doubted = max(q.expected, 1), true, true
	}
	in.mu.Unlock()
	in.signal()
}

// bulkReady lets the next batch in: the last one has its slots.
func (in *intake) bulkReady() {
	in.mu.Lock()
	in.bulkHeld = false
	in.mu.Unlock()
	in.signal()
}

// holdSmall keeps small aggregations' tasks from being taken while a batch of theirs waits for
// its slots: those that wait already come first, and a task that has no slot yet holds a handler.
func (in *intake) holdSmall() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.smallHeld++
}

// smallReady ends what holdSmall began: the batch has its slots.
func (in *intake) smallReady() {
	in.mu.Lock()
	in.smallHeld--
	in.mu.Unlock()
	in.signal()
}

// close ends every hold for good, and takes no more tasks. It waits until asynq has
// found those that were taken.
func (in *intake) close(ctx context.Context) {
	in.once.Do(func() { close(in.closed) })
	for in.holdsTasks() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// arrived notes that a task has come to its handler.
func (in *intake) arrived() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.coming = max(0, in.coming-1)
	if in.coming == 0 && in.here != nil {
		close(in.here)
		in.here = nil
	}
}

// others is closed when all that were taken have come to their handlers; nil if they have.
func (in *intake) others() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.coming == 0 {
		return nil
	}
	if in.here == nil {
		in.here = make(chan struct{})
	}
	return in.here
}

func (in *intake) holdsTasks() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.holdsAny()
}

// waitingSmall is how many fetch tasks of small aggregations wait for slots in the queues, as far
// as is known here, and whether a batch of theirs does that was taken.
func (in *intake) waitingSmall() (expected int, held bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for name, q := range in.queues {
		if isFetch(name) && !isBulk(name) {
			expected += q.expected
		}
	}
	return expected, in.smallHeld > 0
}

// holdsAny is holdsTasks for who holds in.mu.
func (in *intake) holdsAny() bool {
	for _, q := range in.queues {
		if q.taking || len(q.taken) > 0 {
			return true
		}
	}
	return false
}

// askedAt is when asynq last called for a task.
func (in *intake) askedAt() time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.asked
}

func (in *intake) isClosed() bool {
	select {
	case <-in.closed:
		return true
	default:
		return false
	}
}

// listen passes wake-ups on until ctx ends. After a new subscription something may have been
// missed before it.
func (in *intake) listen(ctx context.Context) {
	hints.Listen(ctx, in.UniversalClient, wakeChannel, in.expectAny, func(payload string) {
		in.observer.Woken()
		if queue, tasks, from := parseWake(payload); from != in.name {
			in.expect(queue, tasks)
		}
	})
}

// EvalSha implements [redis.UniversalClient].
func (in *intake) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	args = in.clock.correct(keys, args)
	return in.answer(ctx, keys, func(rdb redis.Cmdable) *redis.Cmd { return rdb.EvalSha(ctx, sha, keys, args...) })
}

// Eval implements [redis.UniversalClient].
func (in *intake) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	args = in.clock.correct(keys, args)
	return in.answer(ctx, keys, func(rdb redis.Cmdable) *redis.Cmd { return rdb.Eval(ctx, script, keys, args...) })
}

// answer answers the call of one of asynq's scripts, knowing it by its keys, since the
// text is asynq's own.
func (in *intake) answer(ctx context.Context, keys []string, call scriptCall) *redis.Cmd {
	if len(keys) < 2 {
		return in.script(ctx, call)
	}
	queue, _, _ := strings.Cut(strings.TrimPrefix(keys[0], "asynq:{"), "}")
	switch {
	case strings.HasSuffix(keys[0], ":pending") && strings.HasSuffix(keys[1], ":paused"):
		return in.dequeue(ctx, queue, call)
	case strings.HasSuffix(keys[1], ":pending") && (strings.HasSuffix(keys[0], ":retry") || strings.HasSuffix(keys[0], ":scheduled")):
		return in.forward(ctx, queue, call)
	}
	return in.script(ctx, call)
}

// dequeue answers one dequeue call of asynq with what was taken, or has more taken.
func (in *intake) dequeue(ctx context.Context, queue string, call scriptCall) *redis.Cmd {
	in.hold(ctx)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.asked = time.Now()
	q := in.queues[queue]
	if len(q.taken) > 0 {
		cmd := q.taken[0]
		q.taken = q.taken[1:]
		return cmd
	}
	if !in.ready(queue, q) {
		return noTask(ctx)
	}
	wanted := min(q.expected, mostAtOnce)
	if isBulk(queue) {
		wanted = 1
	}
	if isFetch(queue) {
		wanted = in.slots.tryAcquire(wanted)
	}
	if wanted > 0 {
		q.taking, q.heard, q.doubted = true, 0, false
		in.bulkHeld = in.bulkHeld || isBulk(queue)
		// What is taken stays taken, whatever becomes of this call.
		go in.take(context.WithoutCancel(ctx), queue, slices.Repeat([]scriptCall{call}, wanted))
	}
	return noTask(ctx)
}

// take makes the calls and keeps what comes of them. It releases the slots of those
// that bring no task.
func (in *intake) take(ctx context.Context, queue string, calls []scriptCall) {
	replies := in.pipeline(ctx, calls)
	in.mu.Lock()
	q := in.queues[queue]
	var failure *redis.Cmd
	tasks, empty := 0, false
	q.taking = false
	if !in.holdsAny() {
		in.coming = 0 // whatever became of the last ones
	}
	for _, reply := range replies {
		switch reply.Err() {
		case nil:
			q.taken = append(q.taken, reply)
			tasks++
		case redis.Nil: //nolint:errorlint // go-redis returns it as it is
			empty = true
		default:
			failure = reply
		}
	}
	in.coming += tasks
	switch {
	case failure != nil:
		q.taken = append(q.taken, failure) // asynq reports it, or sends the script itself
		in.failed = !redis.HasErrorPrefix(failure.Err(), "NOSCRIPT")
	case !empty:
		q.expected = max(q.expected-tasks, 0)
		if q.unsure {
			q.expected = max(q.expected, 2*tasks)
		}
	default: // it held no more than was heard of since
		q.expected, q.unsure = q.heard, q.doubted
		if q.doubted {
			q.expected = max(q.expected, 1)
		}
	}
	if isBulk(queue) && tasks == 0 {
		in.bulkHeld = false
	}
	in.mu.Unlock()
	if isFetch(queue) && tasks < len(calls) {
		in.slots.release(len(calls) - tasks)
	}
	in.signal()
}

// ready tells whether a dequeue of the queue may bring a task now. The caller holds in.mu.
func (in *intake) ready(queue string, q *intakeQueue) bool {
	switch {
	case len(q.taken) > 0:
		return true
	case q.expected == 0 || q.taking || in.isClosed():
		return false
	case isBulk(queue) && in.bulkHeld, isFetch(queue) && !isBulk(queue) && in.smallHeld > 0:
		return false
	case isFetch(queue):
		return in.slots.free()
	}
	return true
}

func (in *intake) anyReady() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for name, q := range in.queues {
		if in.ready(name, q) {
			return true
		}
	}
	return false
}

// hold waits until a dequeue may bring a task. A busy server looks, too: a lost
// wake-up may be of another queue than those that keep it busy.
func (in *intake) hold(ctx context.Context) {
	in.mu.Lock()
	failed, left := in.failed, longestHold-time.Since(in.lookedAt)
	in.failed = false
	in.mu.Unlock()
	if failed {
		in.pause(ctx)
		in.expectAny()
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	for left > 0 && !in.anyReady() {
		closed := in.closed
		if in.isClosed() {
			if !in.holdsTasks() {
				time.Sleep(closedPause) // asynq goes on asking until it is told to stop
				return
			}
			closed = nil // what is under way is still to be handed out
		}
		select {
		case <-in.changed:
		case <-timer.C:
			left = 0
		case <-closed:
		case <-ctx.Done():
			return
		}
	}
	if left <= 0 && !in.isClosed() {
		in.look(ctx)
	}
}

// pause waits after an error, whatever wakes.
func (in *intake) pause(ctx context.Context) {
	timer := time.NewTimer(errorPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-in.closed:
	case <-ctx.Done():
	}
}

// look finds out, without a wake-up, whether any queue holds a task.
func (in *intake) look(ctx context.Context) {
	in.observer.Looked()
	var pending []string
	for name := range queueWeights {
		pending = append(pending, "asynq:{"+name+"}:pending")
	}
	n, err := exist(ctx, in.UniversalClient, pending)
	in.mu.Lock()
	in.lookedAt = time.Now()
	in.mu.Unlock()
	if err != nil || n > 0 {
		in.expectAny() // asynq reports the error of its own call
	}
}

// forward answers one call of asynq's forwarder, which moves what is due from a
// delayed set to its queue. It asks Redis only if there is anything in any such set.
func (in *intake) forward(ctx context.Context, queue string, call scriptCall) *redis.Cmd {
	if !in.anyDelayed(ctx) {
		cmd := redis.NewCmd(ctx)
		cmd.SetVal(int64(0))
		return cmd
	}
	cmd := call(in.UniversalClient)
	if moved, err := cmd.Int(); err == nil && moved > 0 {
		in.expect(queue, moved)
	}
	return cmd
}

// anyDelayed asks once for all calls of one round of the forwarder.
func (in *intake) anyDelayed(ctx context.Context) bool {
	in.mu.Lock()
	delayed, fresh := in.delayed, time.Since(in.checkedAt) < forwardInterval/2
	in.mu.Unlock()
	if fresh {
		return delayed
	}
	var sets []string
	for name := range queueWeights {
		sets = append(sets, "asynq:{"+name+"}:retry", "asynq:{"+name+"}:scheduled")
	}
	n, err := exist(ctx, in.UniversalClient, sets)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.delayed, in.checkedAt = err != nil || n > 0, time.Now()
	return in.delayed
}

// exist counts the keys that exist, in one command where they may be in several slots.
func exist(ctx context.Context, rdb redis.UniversalClient, keys []string) (int64, error) {
	if _, cluster := rdb.(*redis.ClusterClient); !cluster {
		return rdb.Exists(ctx, keys...).Result()
	}
	var found int64
	cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Exists(ctx, key)
		}
		return nil
	})
	for _, cmd := range cmds {
		if n, isInt := cmd.(*redis.IntCmd); isInt {
			found += n.Val()
		}
	}
	return found, err
}

// noTask is what Redis answers where a queue is empty.
func noTask(ctx context.Context) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(redis.Nil)
	return cmd
}
