package tasks

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"gather"
)

func TestIntake_holdsWhileThereIsNothing(t *testing.T) {
	cases := map[string]struct {
		prepare func(p *poller)
		want    time.Duration
	}{
		"until a wake-up":                  {func(p *poller) { time.AfterFunc(aMoment, func() { p.expect("fetch-low", 1) }) }, aMoment},
		"until the worker stops":           {func(p *poller) { time.AfterFunc(aMoment, func() { p.close(p.ctx) }) }, aMoment + closedPause},
		"until its context ends":           {func(p *poller) { p.endSoon() }, aMoment},
		"until due tasks are moved":        {func(p *poller) { p.redis.delayed = 2; time.AfterFunc(aMoment, p.forward) }, aMoment},
		"not if a wake-up came before":     {func(p *poller) { p.expect("fetch-low", 1) }, 0},
		"not once the worker stops":        {func(p *poller) { p.close(p.ctx) }, closedPause},
		"a while, whatever else":           {func(*poller) {}, longestHold},
		"a while, if nothing was due":      {func(p *poller) { time.AfterFunc(aMoment, p.forward) }, longestHold},
		"a while, whatever ends elsewhere": {func(p *poller) { time.AfterFunc(aMoment, p.bulkReady) }, longestHold},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := settled(t, 8)
				c.prepare(p)
				start := time.Now()
				_ = p.poll("fetch-low")
				if held := time.Since(start); held != c.want {
					t.Errorf("held %v, want %v", held, c.want)
				}
				synctest.Wait()
			})
		})
	}
}

// endSoon ends the context that p calls with.
func (p *poller) endSoon() {
	ctx, end := context.WithCancel(p.ctx)
	p.ctx = ctx
	time.AfterFunc(aMoment, end)
}

func TestIntake_asksRedisOnlyWhereThereMayBeATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		for range 10 {
			_, _ = p.round()
		}
		synctest.Wait()
		if p.redis.dequeues > 0 {
			t.Errorf("%d dequeue calls while all queues are empty", p.redis.dequeues)
		}
		p.redis.put("fetch-low", 1)
		p.expect("fetch-low", 1)
		queue, took := p.next()
		synctest.Wait()
		if queue != "fetch-low" || took != 0 || p.redis.dequeues != 1 {
			t.Errorf("a task of %q after %v and %d calls", queue, took, p.redis.dequeues)
		}
	})
}

func TestIntake_looksByItselfOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		start := time.Now()
		for time.Since(start) < 10*longestHold {
			_, _ = p.round()
		}
		synctest.Wait()
		if p.redis.exists > 1+int(time.Since(start)/longestHold) || p.redis.dequeues > 0 {
			t.Errorf("idle for %v: %d looks, %d dequeues", time.Since(start), p.redis.exists, p.redis.dequeues)
		}
		p.redis.put("fetch-high-bulk", 1) // and the wake-up got lost
		if queue, took := p.next(); queue != "fetch-high-bulk" || took > longestHold {
			t.Errorf("a task of %q after %v", queue, took)
		}
	})
}

func TestIntake_takesSeveralAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 100)
		p.redis.late = time.Millisecond
		p.redis.put("fetch-default", 10)
		p.expect("fetch-default", 10)
		for i := range 10 {
			if queue, _ := p.next(); queue != "fetch-default" {
				t.Fatalf("task %d is of %q", i, queue)
			}
		}
		synctest.Wait()
		if p.redis.roundTrips != 1 || p.redis.dequeues != 10 {
			t.Errorf("%d round trips with %d calls", p.redis.roundTrips, p.redis.dequeues)
		}
	})
}

func TestIntake_findsMoreThanItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t, 100) // what was there before it started
		p.redis.put("fetch-default", 60)
		for range 60 {
			p.next()
		}
		synctest.Wait()
		if p.redis.roundTrips > 20 {
			t.Errorf("%d round trips", p.redis.roundTrips)
		}
	})
}

func TestIntake_takesNoMoreThanThereAreSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 3)
		p.redis.put("fetch-default", 5)
		p.expect("fetch-default", 5)
		for range 3 {
			p.next()
		}
		time.AfterFunc(aMoment, func() { p.slots.release(1) })
		if _, took := p.next(); took != aMoment {
			t.Errorf("the fourth came after %v, want it with a slot after %v", took, aMoment)
		}
		p.redis.put(runQueue, 1)
		p.expect(runQueue, 1)
		if queue, took := p.next(); queue != runQueue || took != 0 {
			t.Errorf("a task of %q after %v, want one that needs no slot", queue, took)
		}
		p.slots.release(1)
		p.next()
		synctest.Wait()
		if n := p.redis.pending["fetch-default"]; n != 0 {
			t.Errorf("%d tasks are left", n)
		}
	})
}

func TestIntake_releasesTheSlotsOfEmptyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.expect("fetch-default", 6) // another worker has had them
		_ = p.poll("fetch-default")
		synctest.Wait()
		if got := p.slots.tryAcquire(9); got != 8 {
			t.Errorf("%d slots are free, want all 8", got)
		}
		if p.anyReady() {
			t.Error("it would ask again")
		}
	})
}

func TestIntake_losesNoWakeUpDuringAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.redis.late = aMoment
		p.expect("fetch-default", 1)
		_ = p.poll("fetch-default") // in vain: it finds the queue empty
		time.Sleep(aMoment / 2)
		p.expect("fetch-default", 1)
		time.Sleep(aMoment)
		p.redis.put("fetch-default", 1)
		if queue, took := p.next(); queue != "fetch-default" || took != aMoment {
			t.Errorf("a task of %q after %v, want it in one round trip", queue, took)
		}
	})
}

func TestIntake_takesBatchesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.redis.put("fetch-low-bulk", 2)
		p.redis.put("fetch-high-bulk", 1)
		p.expect("fetch-low-bulk", 2)
		p.expect("fetch-high-bulk", 1)
		for range 2 {
			p.next()
			time.AfterFunc(aMoment, p.bulkReady)
			p.redis.put("fetch-low", 1)
			p.expect("fetch-low", 1)
			if queue, took := p.next(); queue != "fetch-low" || took != 0 {
				t.Errorf("a task of %q after %v, want a single one beside the batch", queue, took)
			}
			time.Sleep(aMoment)
		}
		if _, took := p.next(); took != 0 {
			t.Errorf("the last batch came after %v", took)
		}
	})
}

func TestIntake_takesNothingSmallWhileASmallBatchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.holdSmall()
		p.redis.put("fetch-high", 1)
		p.expect("fetch-high", 1)
		p.redis.put("aggregations", 1)
		p.expect("aggregations", 1)
		if queue, took := p.next(); queue != "aggregations" || took != 0 {
			t.Errorf("a task of %q after %v, want one that needs no slot", queue, took)
		}
		time.AfterFunc(aMoment, p.smallReady)
		if queue, took := p.next(); queue != "fetch-high" || took != aMoment {
			t.Errorf("a task of %q after %v, want one once the batch has its slots", queue, took)
		}
	})
}

func TestIntake_pausesAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.redis.fail(io.EOF)
		p.expect("fetch-low", 1)
		start, reported := time.Now(), 0
		for time.Since(start) < 20*errorPause {
			p.expect("fetch-low", 1) // whatever wakes
			switch _, err := p.round(); {
			case errors.Is(err, io.EOF):
				reported++
			case err == nil:
				t.Fatal("a task while Redis is away")
			}
			synctest.Wait()
		}
		if most := 21 * len(queueWeights); reported == 0 || p.redis.dequeues > 0 || reported > most {
			t.Errorf("%d errors in %v, want some and at most %d", reported, time.Since(start), most)
		}
		p.redis.fail(nil)
		p.redis.put("fetch-low", 1)
		start = time.Now()
		for queue := ""; queue == ""; {
			if found, err := p.round(); err == nil {
				queue = found
			}
		}
		if took := time.Since(start); took > 2*errorPause {
			t.Errorf("after the outage a task came after %v", took)
		}
		synctest.Wait()
		if got := p.slots.tryAcquire(9); got != 7 {
			t.Errorf("%d slots are free, want all but one", got)
		}
	})
}

func TestIntake_hasAsynqSendItsScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.redis.fail(noScript{})
		p.redis.put("fetch-low", 1)
		p.expect("fetch-low", 1)
		_ = p.poll("fetch-low")
		synctest.Wait()
		start := time.Now()
		if err := p.poll("fetch-low"); !redis.HasErrorPrefix(err, "NOSCRIPT") || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		p.redis.fail(nil)
		if _, took := p.next(); took > 0 {
			t.Errorf("the task came after %v", took)
		}
	})
}

func TestIntake_passesOtherScriptsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.redis.fail(io.EOF)
		start := time.Now()
		for name, keys := range map[string][]string{
			"done":           {"asynq:{fetch-low}:active", "asynq:{fetch-low}:lease", "asynq:{fetch-low}:t:agg_1:0"},
			"enqueue":        {"asynq:{fetch-low}:t:agg_1:0", "asynq:{fetch-low}:pending"},
			"requeue":        {"asynq:{fetch-low}:active", "asynq:{fetch-low}:lease", "asynq:{fetch-low}:pending"},
			"one of one key": {"asynq:{fetch-low}:pending"},
		} {
			if err := p.EvalSha(p.ctx, "77", keys).Err(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", name, err)
			}
			if err := p.Eval(p.ctx, "return 1", keys).Err(); !errors.Is(err, io.EOF) {
				t.Errorf("%s with its script: %v", name, err)
			}
		}
		if held := time.Since(start); held > 0 {
			t.Errorf("they were held %v", held)
		}
	})
}

func TestIntake_forwardsOnlyWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		for range 5 {
			time.Sleep(forwardInterval)
			p.forward()
		}
		if p.redis.forwards != 0 || p.redis.exists != 5 {
			t.Errorf("%d calls and %d questions while nothing waits", p.redis.forwards, p.redis.exists)
		}
		p.redis.delayed = 1
		time.Sleep(forwardInterval)
		p.forward()
		if p.redis.forwards != len(queueWeights) {
			t.Errorf("%d calls once something waits", p.redis.forwards)
		}
		p.redis.fail(io.EOF)
		time.Sleep(forwardInterval)
		if err := p.EvalSha(p.ctx, "9b1c", []string{"asynq:{fetch-low}:scheduled", "asynq:{fetch-low}:pending"}).Err(); !errors.Is(err, io.EOF) {
			t.Errorf("%v while Redis is away", err)
		}
	})
}

func TestIntake_closeHandsOutWhatIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settled(t, 8)
		p.redis.late = aMoment
		p.redis.put("fetch-low", 3)
		p.expect("fetch-low", 3)
		_ = p.poll("fetch-low")
		closed := make(chan struct{})
		go func() { p.close(p.ctx); close(closed) }()
		for range 3 {
			p.next()
		}
		<-closed
		p.redis.put("fetch-low", 1)
		p.expectAny()
		if queue, err := p.round(); err != redis.Nil { //nolint:errorlint // asynq compares it so
			t.Errorf("a closed intake took a task of %q, %v", queue, err)
		}
	})
}

// TestIntake_losesNothing has tasks, wake-ups and slots come in any order.
func TestIntake_losesNothing(t *testing.T) {
	names := []string{runQueue, "fetch-high", "fetch-low", "fetch-low-bulk"}
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 5).Draw(rt, "slots")
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			p := newPoller(t, slots)
			put, got, held, bulk := 0, 0, 0, 0
			take := func() {
				for _, queue := range names {
					if p.anyReady() && p.poll(queue) == nil {
						got++
						if isFetch(queue) {
							held++
						}
						if isBulk(queue) {
							bulk++
						}
					}
					synctest.Wait()
				}
				if held > slots || bulk > 1 {
					t.Fatalf("%d fetches with %d slots, %d batches at once", held, slots, bulk)
				}
			}
			for _, step := range steps {
				switch {
				case step < 4:
					p.redis.put(names[step], 1+step)
					p.expect(names[step], 1+step)
					put += 1 + step
				case step < 5 && held > 0:
					held--
					p.slots.release(1)
				case step < 6 && bulk > 0:
					bulk--
					p.bulkReady()
				default:
					take()
				}
			}
			for range 40 * len(steps) {
				if held > 0 {
					held--
					p.slots.release(1)
				}
				if bulk > 0 {
					bulk--
					p.bulkReady()
				}
				take()
			}
			if got != put {
				t.Fatalf("%d of %d tasks came", got, put)
			}
		})
	})
}

// TestIntake_knowsThisAsynq holds what the intake knows of asynq against the asynq
// that is built in: another version may name its keys otherwise, and every idle
// worker would poll without a pause.
func TestIntake_knowsThisAsynq(t *testing.T) {
	rdb := mustRedis(t)
	in := newIntake(rdb, newSlots(4))
	server := asynq.NewServerFromRedisClient(in, asynq.Config{
		Concurrency: 1, Queues: queueWeights, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: checkInterval, DelayedTaskCheckInterval: time.Millisecond,
	})
	done := make(chan string, 3)
	handler := func(_ context.Context, task *asynq.Task) error {
		done <- task.Type()
		in.slots.release(1)
		return nil
	}
	if err := server.Start(asynq.HandlerFunc(handler)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	listening := make(chan struct{})
	go func() { in.listen(ctx); close(listening) }()
	q := NewQueue(rdb)
	for _, subtask := range []gather.Subtask{{Index: 1, Start: 1}, {Index: 2, Start: 1}} {
		if err := q.fetch(ctx, "agg_1", "low", []gather.Subtask{subtask}); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	if err := q.fetchLater(ctx, "agg_1", "low", gather.Subtask{Index: 3, Start: 1}, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	<-done
	in.close(ctx)
	server.Shutdown()
	stop()
	<-listening
	if got := in.slots.tryAcquire(4); got != 4 {
		t.Errorf("%d slots are free, want all 4", got)
	}
}
