package tasks

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
)

// off is how much the store's clock shows more than the worker's.
const off = 30 * time.Second

// setOff has the worker believe that its clock is wrong. Its own shows the right time, so what
// it does has to be off by as much.
func setOff(c *clock, by time.Duration) {
	now := time.Now()
	c.hear(now.Add(by), now, now)
}

func TestClock_hear(t *testing.T) {
	at := time.Now()
	var c clock
	for _, reading := range []struct {
		store    time.Duration // on its clock, since at
		from, to time.Duration // on ours
		want     time.Duration
	}{
		{10 * time.Millisecond, 0, 20 * time.Millisecond, 0},                    // may well be the same
		{30 * time.Second, 0, 20 * time.Millisecond, off - 10*time.Millisecond}, // is not
		{off, 0, 15 * time.Millisecond, off - 10*time.Millisecond},              // no news
		{off + time.Second, 0, 3 * time.Second, off - 10*time.Millisecond},      // nor is an answer that took long
		{-off, 0, 0, -off}, // it was set
	} {
		c.hear(at.Add(reading.store), at.Add(reading.from), at.Add(reading.to))
		if c.ahead != reading.want {
			t.Errorf("after %+v the store's clock is %v ahead", reading, c.ahead)
		}
	}
}

func TestClock_seconds(t *testing.T) {
	for ahead, want := range map[time.Duration]int64{
		0: 0, time.Millisecond: 0, -time.Millisecond: 0, clockTolerance: 0, clockTolerance + 1: 1,
		off: 30, off + clockTolerance: 30, off + 300*time.Millisecond: 31,
		-off: -30, -off - 300*time.Millisecond: -30, -off + 300*time.Millisecond: -29,
	} {
		c := &clock{ahead: ahead}
		if got := c.seconds(); got != want {
			t.Errorf("%v ahead is %d s, want %d", ahead, got, want)
		}
	}
}

func TestClock_correct_leavesTheArguments(t *testing.T) {
	c := &clock{ahead: off}
	args := []any{"id", "message", int64(100), int64(200)}
	keys := []string{"asynq:{q}:t:id", "asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:retry"}
	if got := c.correct(keys, args); got[2] != int64(130) || got[3] != int64(200) {
		t.Errorf("corrected to %v", got)
	}
	if args[2] != int64(100) {
		t.Error("a second call would be corrected twice")
	}
	for _, other := range [][]string{{"asynq:{q}:t:id", "asynq:{q}:pending"}, {"gather:{all}:schedule"}, {}} {
		if got := c.correct(other, args); got[2] != int64(100) {
			t.Errorf("the call with %v was corrected to %v", other, got)
		}
	}
}

// TestServer_goesByTheStoresClock has all that asynq writes and compares be in the store's
// time: leases, when a later attempt is due, and what is due now.
func TestServer_goesByTheStoresClock(t *testing.T) {
	const later = 5 * time.Second
	m := newMemory(2, gather.Subtask{Index: 0, Start: 2}, gather.Subtask{Index: 1, Start: 1, Batch: 1, Items: "1"})
	m.ahead = off
	var mu sync.Mutex
	attempts := make(map[int]int)
	sent, answer := make(chan int, 4), make(chan struct{})
	s, q := mustServe(t, m, func(_ context.Context, index int) *gather.Response {
		mu.Lock()
		attempts[index]++
		first := attempts[index] == 1
		mu.Unlock()
		if !first {
			return &gather.Response{HTTPStatus: 200}
		}
		sent <- index
		<-answer
		return &gather.Response{HTTPStatus: 503, RetryAfter: later}
	})
	setOff(s.clock, off)
	began := time.Now()
	if err := q.Run(t.Context(), &gather.Aggregation{ID: "agg_1"}); err != nil {
		t.Fatal(err)
	}
	scores := func(set string) (list []time.Duration) {
		members, err := q.rdb.ZRangeWithScores(t.Context(), "asynq:{fetch-default-bulk}:"+set, 0, -1).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range members {
			list = append(list, time.Unix(int64(z.Score), 0).Sub(began))
		}
		return list
	}
	<-sent
	<-sent
	const lease = 30 * time.Second // asynq's
	for _, ends := range scores("lease") {
		if ends < off+lease-time.Second || ends > off+lease+time.Minute/2 {
			t.Errorf("a lease ends after %v by the store's clock, want %v and some", ends, off+lease)
		}
	}
	close(answer)
	for _, set := range []string{"retry", "scheduled"} {
		var due []time.Duration
		for len(due) == 0 {
			due = scores(set)
		}
		if due[0] < off+later || due[0] > off+later+time.Minute/2 {
			t.Errorf("the %s task is due after %v by the store's clock, want %v and some", set, due[0], off+later)
		}
		// By the store's clock it is due at once, by ours not for long.
		members := q.rdb.ZRange(t.Context(), "asynq:{fetch-default-bulk}:"+set, 0, 0).Val()
		q.rdb.ZIncrBy(t.Context(), "asynq:{fetch-default-bulk}:"+set, -later.Seconds(), members[0])
	}
	<-m.ended
	if took := time.Since(began); took > off-5*time.Second {
		t.Errorf("the next attempts came after %v: what is due is told by the worker's clock", took)
	}
}

func TestPipelined_ZAddXX_extendsLeasesByTheStoresClock(t *testing.T) {
	rdb := redis.NewClient(mustOptions(t))
	t.Cleanup(func() { _ = rdb.Close() })
	p := newPipelined(rdb)
	p.clock = &clock{ahead: off}
	for key, want := range map[string]float64{"asynq:{q}:lease": 230, "asynq:{q}:other": 200} {
		if err := rdb.ZAdd(t.Context(), key, redis.Z{Member: "id", Score: 100}).Err(); err != nil {
			t.Fatal(err)
		}
		given := []redis.Z{{Member: "id", Score: 200}}
		if err := p.ZAddXX(t.Context(), key, given...).Err(); err != nil || given[0].Score != 200 {
			t.Errorf("%s: %v, %v", key, err, given)
		}
		if got := rdb.ZScore(t.Context(), key, "id").Val(); got != want {
			t.Errorf("%s is at %v, want %v", key, got, want)
		}
	}
}

func mustOptions(t *testing.T) *redis.Options {
	t.Helper()
	options, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	return options
}
