package e2e

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestChaos_WorkerKilled kills one of three workers at random, twenty times, each time amid ten
// new aggregations. What it has left behind has to run again in time.
func TestChaos_WorkerKilled(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	l := newLoad(t, s, newCounter(t, 200*time.Millisecond), chaosItems)
	for range 20 {
		l.run(10, 10)
		l.up.sees(t, 1+rand.IntN(10*chaosItems-100))
		s.killAWorker(t, l)
		l.clients.Wait()
	}
	sum := l.sum(s)
	sum.hold(t)
	if sum.recovery > chaosRecovery {
		t.Errorf("an item ran again after %v, want within %v", sum.recovery, chaosRecovery)
	}
	if sum.sent == sum.items {
		t.Error("no kill hit a request in flight")
	}
	sum.also("of an item with a timeout of %v: until it runs elsewhere", chaosTimeout)
	sum.print(t, "1a. `kill -9` of a worker, 20 times")
}

// TestChaos_WorkersKilled has twenty clients go on while worker after worker is killed, sooner
// than what they leave behind can recover. An item may be hit several times.
func TestChaos_WorkersKilled(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	l := newLoad(t, s, newCounter(t, 50*time.Millisecond), chaosItems)
	began := time.Now()
	l.run(20, 200)
	for i := range 20 {
		within(t, patience, "more aggregations have ended", func() bool { return l.ended() >= 9*i })
		s.killAWorker(t, l)
	}
	took := time.Since(began)
	l.clients.Wait()
	sum := l.sum(s)
	sum.hold(t)
	sum.also("all within %.0f s; of items that several kills hit", took.Seconds())
	sum.print(t, "1b. the same, sooner than anything recovers")
}

// killAWorker kills one at random, and starts another.
func (s *system) killAWorker(t *testing.T, l *load) {
	t.Helper()
	victim := rand.IntN(len(s.workers))
	s.workers[victim].kill()
	l.fault()
	s.workers = slices.Delete(s.workers, victim, victim+1)
	s.chaosWorker(t, s.redis.URL)
}

// TestChaos_APIKilled kills the APIs in turn while clients wait.
func TestChaos_APIKilled(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	l := newLoad(t, s, newCounter(t, 50*time.Millisecond), chaosItems)
	l.run(20, 0)
	const kills = 10
	var longest time.Duration
	for i := range kills {
		l.up.sees(t, 10*chaosItems)
		victim := i % len(l.bases)
		s.apis[0].kill()
		killed, before := time.Now(), l.ended()
		s.apis = s.apis[1:]
		within(t, patience, "clients get their answers from the other", func() bool { return l.ended() >= before+20 })
		longest = max(longest, time.Since(killed))
		s.chaosAPI(t, set.URL, l.bases[victim][len("http://"):])
	}
	l.finish()
	s.repeatPosts(t, l)
	sum := l.sum(s)
	sum.hold(t)
	if sum.recovery > 0 {
		t.Errorf("an item was sent again after %v, and no worker was lost", sum.recovery)
	}
	sum.recovery = longest
	sum.also("recovery: until all 20 clients had an answer from the other")
	sum.print(t, "2. `kill -9` of an API, 10 times, 20 clients waiting")
}

// repeatPosts sends every POST once more: none may make a second aggregation.
func (s *system) repeatPosts(t *testing.T, l *load) {
	t.Helper()
	c := l.newCaller(0)
	for _, o := range l.orders {
		a := c.ask(c.plain, http.MethodPost, aggregations, l.spec(o), "Idempotency-Key: "+o.prefix)
		if a == nil || decode[aggregation](t, a).ID != o.id {
			t.Errorf("%s, repeated, is answered %+v, want %s", o.prefix, a, o.id)
		}
	}
}

// TestChaos_RollingRestart replaces all workers one after the other, as an update does, three
// times under load.
func TestChaos_RollingRestart(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	l := newLoad(t, s, newCounter(t, 50*time.Millisecond), chaosItems)
	l.run(20, 0)
	const rounds = 3
	var slowest time.Duration
	for range rounds * len(s.workers) {
		l.up.sees(t, 10*chaosItems)
		old := s.workers[0]
		s.workers = s.workers[1:]
		var stopping sync.WaitGroup
		began := time.Now()
		stopping.Go(func() { old.stop(t) })
		s.chaosWorker(t, set.URL)
		stopping.Wait()
		slowest = max(slowest, time.Since(began))
	}
	sum := l.sum(s)
	sum.hold(t)
	sum.also("every worker replaced %d times, the slowest within %.1f s; %d requests sent twice", rounds, slowest.Seconds(), sum.sent-sum.items)
	sum.print(t, "6. rolling restart of the workers (SIGTERM)")
}
