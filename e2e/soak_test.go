package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	soakRetention = "5s"
	// soakProbe is how long the throughput is measured, at half of which all runs then.
	soakProbe   = 10 * time.Second
	soakClients = 16
	// soakGrowth is how much memory may grow between the second quarter of the time and the
	// last one: nothing, but for what a garbage collector leaves to chance.
	soakGrowth = 1.15
)

// TestSoak runs for a long time at half of the throughput, with items that are tried again, fail
// and are canceled. Memory has to stay flat, and nothing may be left in Redis at the end.
func TestSoak(t *testing.T) {
	if soakLength == "" {
		t.Skip("takes ten minutes; runs with make soak")
	}
	length, err := time.ParseDuration(soakLength)
	if err != nil {
		t.Fatal(err)
	}
	set := launchRedis(t, "appendonly yes")
	s := launchChaos(t, set, set.URL)
	k := newSoak(t, s)
	k.full(soakProbe)
	rate := float64(k.finished) / soakProbe.Seconds() / 2
	k.finished, k.accepted = 0, 0
	k.refuses.Store(true)
	memory := k.half(rate, length)
	sum := &line{
		accepted: k.accepted, finished: k.finished, items: k.accepted * chaosItems, lost: k.lost,
		requests: k.load.requests, hung: k.load.hung, sent: k.load.up.sent(),
	}
	sum.hold(t)
	sum.also("%v at %.1f aggregations of %d items a second", length, rate, chaosItems)
	for _, of := range memory {
		early, late := mean(of.mib[len(of.mib)/4:len(of.mib)/2]), mean(of.mib[len(of.mib)*3/4:])
		sum.also("%s %.0f, then %.0f MiB", of.name, early, late)
		if late > early*soakGrowth+2 {
			t.Errorf("the memory of %s grew from %.0f to %.0f MiB: %.0f", of.name, early, late, of.mib)
		}
	}
	sum.also("nothing left in Redis %.0f s after the last", k.wantNothingLeft(t).Seconds())
	sum.print(t, "8. soak")
}

// soak is a load of many small lives.
type soak struct {
	t      *testing.T
	system *system
	load   *load
	n      int // for paths that differ
	// refuses has some items tried again, and fail: not while the throughput is measured.
	refuses atomic.Bool

	mu                       sync.Mutex
	accepted, finished, lost int
}

func newSoak(t *testing.T, s *system) *soak {
	l := newLoad(t, s, newCounter(t, 0), chaosItems)
	k := &soak{t: t, system: s, load: l}
	l.keyless, l.more = true, object{"retention": soakRetention}
	l.up.answer = func(w http.ResponseWriter, r *http.Request) {
		if k.refuses.Load() && strings.HasSuffix(r.URL.Path, "-7") && rand.IntN(2) == 0 {
			w.Header().Set("Retry-After", "2") // longer than a worker waits itself
			fails(http.StatusServiceUnavailable)(w, r)
			return
		}
		ok(w, r)
	}
	return k
}

// full has clients do what they can.
func (k *soak) full(d time.Duration) {
	deadline := time.Now().Add(d)
	var clients sync.WaitGroup
	for i := range soakClients {
		c := k.load.newCaller(i)
		clients.Go(func() {
			for time.Now().Before(deadline) {
				k.one(c)
			}
		})
	}
	clients.Wait()
}

// half makes so many aggregations a second, and measures memory meanwhile.
func (k *soak) half(rate float64, d time.Duration) []*series {
	began := time.Now()
	idle := make(chan *caller, 20*soakClients)
	for i := range cap(idle) {
		idle <- k.load.newCaller(i)
	}
	memory := k.memory()
	var clients sync.WaitGroup
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	measured := began
	for range tick.C {
		c := <-idle
		clients.Go(func() {
			k.one(c)
			idle <- c
		})
		if time.Since(measured) >= time.Second {
			measured = time.Now()
			for _, of := range memory {
				of.mib = append(of.mib, of.measure())
			}
		}
		if time.Since(began) > d {
			break
		}
	}
	clients.Wait()
	return memory
}

// one makes an aggregation, cancels some, and waits for its end.
func (k *soak) one(c *caller) {
	k.mu.Lock()
	k.n++
	o := &order{prefix: "/" + strconv.Itoa(k.n) + "-", items: chaosItems, cancel: k.n%20 == 0}
	k.mu.Unlock()
	c.complete(o)
	k.mu.Lock()
	defer k.mu.Unlock()
	if o.id != "" {
		k.accepted++
	}
	if o.end == nil {
		k.lost += o.items
		return
	}
	k.finished++
	if got := o.end.Counts; got.Succeeded+got.Failed+got.Canceled != o.items || got.Failed > 1 {
		k.lost += o.items - got.Succeeded
	}
}

// series is the memory of a process in the course of time.
type series struct {
	name    string
	measure func() float64
	mib     []float64
}

func (k *soak) memory() []*series {
	var list []*series
	rdb := k.system.connect(k.t)
	list = append(list, &series{name: "Redis", measure: func() float64 { return usedMemory(k.t, rdb) }})
	for i, p := range k.system.processes() {
		list = append(list, &series{name: fmt.Sprintf("%s %d", p.name, i+1), measure: func() float64 { return p.memory(k.t) }})
	}
	return list
}

var (
	vmRSS         = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)
	usedMemoryNow = regexp.MustCompile(`(?m)^used_memory:(\d+)`)
)

// memory is what a process has now, in MiB.
func (p *process) memory(t *testing.T) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return number(t, vmRSS, string(status)) / 1024
}

func usedMemory(t *testing.T, rdb redis.UniversalClient) float64 {
	t.Helper()
	info, err := rdb.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	return number(t, usedMemoryNow, info) / (1 << 20)
}

func number(t *testing.T, pattern *regexp.Regexp, text string) float64 {
	t.Helper()
	found := pattern.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %v in %s", pattern, text)
	}
	n, _ := strconv.ParseFloat(found[1], 64)
	return n
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(max(1, len(list)))
}

// staysInRedis are the keys that do not belong to any aggregation: who works, and asynq's counts
// of a day.
var staysInRedis = regexp.MustCompile(`^(gather:\{all\}:workers|asynq:(queues|servers.*|workers.*)|asynq:\{[a-z-]+\}:(processed|failed)(:[0-9-]+)?)$`)

// wantNothingLeft waits for the end of the retention, after which Redis holds nothing of what
// was: no aggregation, no task, none in asynq's archive. An id that is gone stays on the list for
// a minute from its creation on.
func (k *soak) wantNothingLeft(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	rdb := k.system.connect(t)
	var left []string
	for {
		left = left[:0]
		onEachMaster(t, rdb, func(ctx context.Context, master *redis.Client) error {
			keys, err := master.Keys(ctx, "*").Result()
			left = append(left, slices.DeleteFunc(keys, staysInRedis.MatchString)...)
			return err
		})
		if len(left) == 0 {
			return time.Since(began)
		}
		if time.Since(began) > 2*patience {
			t.Errorf("%d keys are left in Redis, among them %v", len(left), left[:min(10, len(left))])
			return time.Since(began)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
