package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"gather/internal/redistest"
)

// outage is a time without Redis in the midst of twenty clients' work: what each API says then,
// and how soon all goes on afterwards.
type outage struct {
	*load
	system  *system
	refusal time.Duration // the slowest answer of all
	resumed time.Duration // the longest time until work was accepted and done again
}

func newOutage(t *testing.T, s *system) *outage {
	o := &outage{load: newLoad(t, s, newCounter(t, 50*time.Millisecond), chaosItems), system: s}
	o.run(20, 0)
	o.up.sees(t, 10*chaosItems)
	return o
}

// refused wants every API to answer 503 in time, to whatever it is asked.
func (o *outage) refused() {
	o.t.Helper()
	var asking sync.WaitGroup
	var mu sync.Mutex
	for _, base := range o.bases {
		c := newClient(o.t, base)
		c.http.Timeout = plainBound
		ask := func(method, path string, body any, headers ...string) {
			asking.Go(func() {
				began := time.Now()
				a, err := c.try(method, path, body, headers...)
				took := time.Since(began)
				o.note(a, err, took)
				mu.Lock()
				defer mu.Unlock()
				o.refusal = max(o.refusal, took)
				if err != nil || a.status != http.StatusServiceUnavailable || took > chaosRefusal {
					o.t.Errorf("%s %s without Redis: %+v, %v after %v; want 503 within %v", method, path, a, err, took, chaosRefusal)
				}
			})
		}
		spec := object{"urls": []string{o.up.URL + "/never"}}
		ask(http.MethodPost, aggregations, spec)
		ask(http.MethodPost, aggregations, spec, "Prefer: wait=10")
		ask(http.MethodGet, aggregations, nil)
		ask(http.MethodGet, path(o.accepted()), nil)
		ask(http.MethodGet, "/readyz", nil)
	}
	asking.Wait()
}

// goesOn wants new aggregations to be accepted and to end by themselves.
func (o *outage) goesOn() {
	o.t.Helper()
	began := time.Now()
	before := o.ended()
	within(o.t, patience, "work is accepted and done again", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, made := range o.orders {
			if made.end != nil && made.accepted.After(began) {
				return true
			}
		}
		return false
	})
	o.resumed = max(o.resumed, time.Since(began))
	within(o.t, patience, "all clients go on", func() bool { return o.ended() >= before+20 })
}

func (o *outage) sum() *line {
	o.t.Helper()
	sum := o.load.sum(o.system)
	sum.recovery = o.resumed
	if n := o.up.visits("/never"); len(n) > 0 {
		o.t.Error("what was refused was sent")
	}
	if o.refusal > 0 {
		sum.also("503 after at most %.1f s", o.refusal.Seconds())
	}
	return sum
}

// TestChaos_RedisRestarted kills Redis three times, with both ways of writing its AOF. Since
// what it has written is the kernel's then, nothing is lost either way.
func TestChaos_RedisRestarted(t *testing.T) {
	chaos(t)
	for i, fsync := range []string{"always", "everysec"} {
		t.Run(fsync, func(t *testing.T) {
			set := launchRedis(t, "appendonly yes", "appendfsync "+fsync)
			o := newOutage(t, launchChaos(t, set, set.URL))
			for range 3 {
				o.up.sees(t, 5*chaosItems)
				set.Kill()
				o.refused()
				set.Restart()
				o.goesOn()
			}
			sum := o.sum()
			sum.hold(t)
			sum.print(t, fmt.Sprintf("3%c. `kill -9` of Redis, 3 times, `appendfsync %s`", 'a'+i, fsync))
		})
	}
}

// TestChaos_MachineOfRedisLost has Redis restart with nothing of the last second before its
// end, as when its machine fails under appendfsync everysec. What was accepted then may be
// gone; all else comes to its end.
func TestChaos_MachineOfRedisLost(t *testing.T) {
	chaos(t)
	const unsynced = time.Second
	set := launchRedis(t, "appendonly yes", "appendfsync everysec")
	o := newOutage(t, launchChaos(t, set, set.URL))
	dir := setting(t, o.system, "dir")
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the AOF is %v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	synced := time.Now()
	within(t, patience, "a second has passed", func() bool { return time.Since(synced) >= unsynced })
	set.Kill()
	killed := time.Now()
	if err := os.Truncate(files[0], info.Size()); err != nil {
		t.Fatal(err)
	}
	set.Restart()
	o.goesOn()
	sum := o.sum()
	gone := 0
	for _, made := range o.orders {
		switch {
		case made.gone && made.accepted.Before(synced.Add(-100*time.Millisecond)):
			t.Errorf("%s is gone, and was accepted %v before the end", made.id, killed.Sub(made.accepted))
		case made.gone:
			gone++
		case made.end == nil || made.end.Counts.Succeeded != made.items:
			t.Errorf("%s is there, and came to %+v", made.id, made.end)
		}
	}
	if sum.lost != gone*chaosItems || sum.twice != 0 || sum.hung != 0 {
		t.Errorf("lost %d items with %d aggregations, recorded %d twice, %d requests hung", sum.lost, gone, sum.twice, sum.hung)
	}
	sum.also("lost are the %d aggregations that were accepted in the last second; the others ended whole", gone)
	sum.print(t, "3c. Redis' machine lost, `appendfsync everysec`")
}

// setting reads a setting of the system's Redis.
func setting(t *testing.T, s *system, name string) string {
	t.Helper()
	settings, err := s.connect(t).ConfigGet(t.Context(), name).Result()
	if err != nil {
		t.Fatal(err)
	}
	return settings[name]
}

// TestChaos_RedisStopped has Redis stand still for five seconds: connections stay.
func TestChaos_RedisStopped(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	o := newOutage(t, launchChaos(t, set, set.URL))
	set.Pause()
	stopped := time.Now()
	t.Cleanup(func() {
		if t.Failed() {
			set.Resume()
		}
	})
	o.refused()
	within(t, patience, "five seconds have passed", func() bool { return time.Since(stopped) >= 5*time.Second })
	o.refused()
	set.Resume()
	o.goesOn()
	sum := o.sum()
	sum.hold(t)
	sum.print(t, "3d. `SIGSTOP` of Redis for 5 s")
}

// link is a way to a server, such as Redis, which can be cut and slowed.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
	url   string
}

func newLink(t *testing.T, server *redistest.Server) *link {
	t.Helper()
	l := newLinkTo(t, server.Addr())
	l.url = "redis://" + l.proxy.Listen
	return l
}

func newLinkTo(t *testing.T, address string) *link {
	t.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{t: t, proxy: toxiproxy.NewProxy(api, "link", "127.0.0.1:0", address)}
	l.mend()
	t.Cleanup(l.cut)
	return l
}

// cut ends all connections, and takes no new ones.
func (l *link) cut() { l.proxy.Stop() }

func (l *link) mend() {
	l.t.Helper()
	if err := l.proxy.Start(); err != nil {
		l.t.Fatal(err)
	}
}

// withoutAnswers lets requests pass and ends connections in place of the answers, until the
// returned function is called.
func (l *link) withoutAnswers() (without func()) {
	l.t.Helper()
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(`{"name": "deaf", "type": "limit_data", "stream": "downstream", "attributes": {"bytes": 0}}`)); err != nil {
		l.t.Fatal(err)
	}
	return func() { l.proxy.Toxics.ResetToxics(context.Background()) }
}

// with puts something in the way, in both directions, until the returned function is called.
func (l *link) with(toxic, attributes string) (without func()) {
	l.t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, stream, toxic, stream, attributes))); err != nil {
			l.t.Fatal(err)
		}
	}
	return func() { l.proxy.Toxics.ResetToxics(context.Background()) }
}

// TestChaos_Link has the way to Redis cut, silent and slow, for all processes.
func TestChaos_Link(t *testing.T) {
	chaos(t)
	server := redistest.LaunchTCP(t, "appendonly yes")
	l := newLink(t, server)
	o := newOutage(t, launchChaos(t, redistest.Alone(server), l.url))
	for range 3 {
		l.cut()
		o.refused()
		l.mend()
		o.goesOn()
	}
	mend := l.with("timeout", `{"timeout": 0}`) // what is sent arrives nowhere
	o.refused()
	mend()
	o.goesOn()
	mend = l.with("latency", `{"latency": 100, "jitter": 50}`)
	o.goesOn()
	slow := o.resumed
	mend()
	mend = l.with("bandwidth", `{"rate": 200}`) // KB/s
	o.goesOn()
	mend()
	o.goesOn()
	sum := o.sum()
	sum.hold(t)
	sum.also("with 200 ms a round trip, 50 items took %.1f s", slow.Seconds())
	sum.print(t, "3e. connections to Redis cut 3 times, silent, slow")
}

// TestChaos_LinkOfOne has one worker of three lose its way to Redis for longer than its items
// have, and come back with their results.
func TestChaos_LinkOfOne(t *testing.T) {
	chaos(t)
	server := redistest.LaunchTCP(t, "appendonly yes")
	set := redistest.Alone(server)
	s := launchChaos(t, set, set.URL)
	l := newLink(t, server)
	s.chaosWorker(t, l.url)
	s.ready(t, 4)
	load := newLoad(t, s, newCounter(t, 200*time.Millisecond), chaosItems)
	load.run(20, 0)
	for range 2 {
		load.up.sees(t, 10*chaosItems)
		mend := l.with("timeout", `{"timeout": 0}`)
		load.fault()
		cut := time.Now()
		within(t, patience, "what it had ends without it", func() bool { return load.endedAll(cut) })
		mend()
		before := load.ended()
		within(t, patience, "all clients go on with it", func() bool { return load.ended() >= before+40 })
	}
	sum := load.sum(s)
	sum.hold(t)
	if sum.recovery > chaosRecovery {
		t.Errorf("an item ran again after %v, want within %v", sum.recovery, chaosRecovery)
	}
	sum.also("%d requests sent twice", sum.sent-sum.items)
	sum.print(t, "3f. one worker without Redis, twice")
}

// TestChaos_NoHotLoop measures what waiting for Redis costs: with a Redis that is gone, and with
// one that stands still, while clients wait and follow, and items are in flight.
func TestChaos_NoHotLoop(t *testing.T) {
	chaos(t)
	const most, during = 0.10, 5 * time.Second
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	u := newCounter(t, 30*time.Second)
	l := newLoad(t, s, u, chaosItems)
	for range 10 {
		id := s.create(t, object{"urls": u.numbered("/", chaosItems), "deadline": "20s"}).ID
		s.follow(t, id, "")
		c := newClient(t, l.bases[1])
		l.clients.Go(func() { _, _ = c.try(http.MethodGet, path(id, "?wait=50s"), nil) })
	}
	u.saw(t, 10*chaosItems)
	sum := &line{recovery: 0}
	measure := func(what string) {
		t.Helper()
		share := busiest(t, s.processes(), during)
		sum.also("%s: %.1f %% of a core", what, 100*share)
		if share > most {
			t.Errorf("%s, a process takes %.1f %% of a core", what, 100*share)
		}
	}
	set.Pause()
	measure("stands still")
	set.Resume()
	set.Kill()
	measure("is gone")
	set.Restart()
	l.finish()
	sum.accepted = 10
	for id := range s.listAll(t) {
		if agg := s.finished(t, id); agg.Reason == "deadline_exceeded" {
			sum.finished, sum.items = sum.finished+1, sum.items+len(agg.Results)
		}
	}
	sum.sent = u.sent()
	sum.hold(t)
	sum.print(t, "3g. processor time while Redis is away")
}

// TestChaos_RedisFull has Redis refuse to write while aggregations run.
func TestChaos_RedisFull(t *testing.T) {
	chaos(t)
	set := launchDurable(t)
	s := launchChaos(t, set, set.URL)
	silent := newCounter(t, time.Minute)
	o := newOutage(t, s)
	ended := s.create(t, object{"urls": silent.numbered("/", 3), "deadline": "3s"}).ID
	silent.saw(t, 3)
	rdb := s.connect(t)
	full := func(maxmemory string) {
		onEachMaster(t, rdb, func(ctx context.Context, master *redis.Client) error {
			return master.ConfigSet(ctx, "maxmemory", maxmemory).Err()
		})
	}
	full("1")
	filled := time.Now()
	refusals := func() {
		t.Helper()
		for _, base := range o.bases {
			c := newClient(t, base)
			began := time.Now()
			c.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, object{"urls": []string{o.up.URL + "/never"}})
			o.refusal = max(o.refusal, time.Since(began))
			c.get(t, http.StatusOK, path(ended)) // what is there can be read
			c.get(t, http.StatusOK, aggregations)
		}
	}
	refusals()
	within(t, patience, "the deadline is over", func() bool { return time.Since(filled) > 5*time.Second })
	refusals()
	if o.refusal > chaosRefusal {
		t.Errorf("a POST was refused after %v", o.refusal)
	}
	sent := o.up.sent()
	within(t, patience, "five seconds have passed", func() bool { return time.Since(filled) > 10*time.Second })
	again := o.up.sent() - sent
	full("0")
	o.goesOn()
	if agg := s.finished(t, ended); agg.Reason != "deadline_exceeded" || agg.Counts.Failed != 3 {
		t.Errorf("what was over meanwhile ended as %+v", agg)
	}
	o.finish()
	s.do(t, http.StatusNoContent, http.MethodDelete, path(ended), nil) // it is none of the load's
	sum := o.sum()
	sum.hold(t)
	sum.also("%d requests sent within 5 s of it", again)
	sum.print(t, "4. Redis full for 10 s (`maxmemory`, `noeviction`)")
}
