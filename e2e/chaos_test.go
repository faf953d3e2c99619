package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gather/internal/redistest"
)

// The tests of faults, TestChaos…, take minutes and want the machine for themselves:
// they run with make chaos alone, one after the other. Each ends with a line of the
// table in docs/reliability.md.

// soakLength is not empty in make soak, and inChaos tells that this is it or make chaos.
var (
	soakLength = os.Getenv("GATHER_SOAK")
	inChaos    = os.Getenv("GATHER_CHAOS") != "" || soakLength != ""
)

func chaos(t *testing.T) {
	t.Helper()
	if os.Getenv("GATHER_CHAOS") == "" {
		t.Skip("takes minutes; runs with make chaos")
	}
	ownRedis(t)
}

const (
	chaosTimeout = 2 * time.Second // of an attempt at an item
	chaosItems   = 50              // of an aggregation
	// chaosRecovery is how long an item of a lost worker may take until it runs again.
	chaosRecovery = chaosTimeout + 5*time.Second
	// chaosPatience is how long an aggregation may take that survived something.
	chaosPatience = 3 * time.Minute

	// What a client waits for, and how long it may take to be answered. A request that
	// takes longer counts as hung.
	chaosWait    = 20 * time.Second
	plainBound   = 5 * time.Second
	waitingBound = chaosWait + plainBound
	// chaosRefusal is how soon an API says that Redis is out of reach.
	chaosRefusal = 2 * time.Second
)

// launchChaos runs two APIs and three workers on the Redis under url. They log as they
// would anywhere.
func launchChaos(t *testing.T, set *redistest.Set, url string) *system {
	t.Helper()
	s := &system{redis: set}
	for range 2 {
		s.chaosAPI(t, url, "127.0.0.1:0")
	}
	for range 3 {
		s.chaosWorker(t, url)
	}
	s.ready(t, 3)
	return s
}

func (s *system) chaosAPI(t *testing.T, url, listen string) *process {
	t.Helper()
	p := start(t, "api", nil, "--listen", listen, "--redis-url", url)
	s.apis = append(s.apis, p)
	if base := p.address(t); s.client == nil {
		s.client = newClient(t, base)
	}
	return p
}

func (s *system) chaosWorker(t *testing.T, url string, env ...string) *process {
	t.Helper()
	p := start(t, "worker", env, "--redis-url", url, "--allow-net", loopback)
	s.workers = append(s.workers, p)
	p.works(t)
	return p
}

// load is what clients ask of a system during a fault, and what came of it.
type load struct {
	t     *testing.T
	up    *counter
	bases []string // addresses of the APIs
	sizes []int    // of the aggregations, in turn
	more  object   // what else a spec has
	// keyless sends POSTs without an Idempotency-Key, which Redis would keep for a day.
	keyless bool

	clients sync.WaitGroup
	stop    chan struct{} // closed when no more aggregations are to be made

	mu          sync.Mutex
	wanted      int  // aggregations still to be made
	endless     bool // until finish
	orders      []*order
	requests    int
	hung        int
	refused     int
	slowRefusal time.Duration // the slowest of the refusals
	faults      []time.Time   // when processes were killed
	told        bool          // the story of a late item
}

// order is an aggregation that a client wants.
type order struct {
	prefix   string // of the paths of its items
	items    int
	cancel   bool   // once it was accepted
	id       string // "" until it was accepted
	accepted time.Time
	end      *aggregation // nil until the client has it
	ended    time.Time
	gone     bool // was accepted, and is not there any more
}

func newLoad(t *testing.T, s *system, up *counter, sizes ...int) *load {
	l := &load{t: t, up: up, sizes: sizes, stop: make(chan struct{})}
	for _, p := range s.apis {
		l.bases = append(l.bases, p.address(t))
	}
	return l
}

// run has clients make aggregations one after the other, each until it has the
// answer, until so many were made; with 0, until finish.
func (l *load) run(clients, aggregations int) {
	l.wanted, l.endless = aggregations, aggregations == 0
	for i := range clients {
		c := l.newCaller(i)
		l.clients.Go(func() {
			for o := l.next(); o != nil; o = l.next() {
				c.complete(o)
			}
		})
	}
}

// next is the next aggregation to be made, nil for none.
func (l *load) next() *order {
	select {
	case <-l.stop:
		return nil
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted == 0 && !l.endless {
		return nil
	}
	l.wanted--
	n := len(l.orders)
	o := &order{prefix: "/" + strconv.Itoa(n) + "-", items: l.sizes[n%len(l.sizes)]}
	l.orders = append(l.orders, o)
	return o
}

// finish waits for the clients. Where they would go on for ever, they make no more
// aggregations.
func (l *load) finish() {
	if l.endless {
		l.endless = false
		close(l.stop)
	}
	l.clients.Wait()
}

// accepted is the id of an aggregation that was.
func (l *load) accepted() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.orders {
		if o.id != "" {
			return o.id
		}
	}
	return ""
}

// fault notes that something has gone.
func (l *load) fault() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, time.Now())
}

// endedAll tells whether all aggregations have ended that were accepted before.
func (l *load) endedAll(before time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.orders {
		if o.id != "" && o.accepted.Before(before) && o.end == nil {
			return false
		}
	}
	return true
}

// ended counts the aggregations whose end a client has seen.
func (l *load) ended() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.orders {
		if o.end != nil {
			n++
		}
	}
	return n
}

// caller is a client that goes to another API where one does not answer.
type caller struct {
	load           *load
	plain, waiting []*client
	at             int
}

func (l *load) newCaller(first int) *caller {
	c := &caller{load: l, at: first}
	for _, base := range l.bases {
		plain, waiting := newClient(l.t, base), newClient(l.t, base)
		plain.http.Timeout, waiting.http.Timeout = plainBound, waitingBound
		c.plain, c.waiting = append(c.plain, plain), append(c.waiting, waiting)
	}
	return c
}

// ask sends a request to the API that answered last. It returns nil where there was no
// answer, or that Redis is out of reach; then the next one is asked the next time.
func (c *caller) ask(clients []*client, method, path string, body any, headers ...string) *answer {
	began := time.Now()
	a, err := clients[c.at%len(clients)].try(method, path, body, headers...)
	c.load.note(a, err, time.Since(began))
	if err == nil && a.status != http.StatusServiceUnavailable {
		return a
	}
	c.at++
	time.Sleep(100 * time.Millisecond) // as a client does that is told to come again
	return nil
}

// note counts a request.
func (l *load) note(a *answer, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	switch {
	case err != nil && isTimeout(err):
		l.hung++
	case err == nil && a.status == http.StatusServiceUnavailable:
		l.refused++
		l.slowRefusal = max(l.slowRefusal, took)
	}
}

func isTimeout(err error) bool {
	timeout, is := err.(interface{ Timeout() bool })
	return is && timeout.Timeout()
}

// spec is what the client posts.
func (l *load) spec(o *order) object {
	requests := make([]object, o.items)
	for i, url := range l.up.numbered(o.prefix, o.items) {
		requests[i] = object{"url": url, "timeout": chaosTimeout.String()}
	}
	spec := object{"requests": requests}
	for name, value := range l.more {
		spec[name] = value
	}
	return spec
}

// complete makes one aggregation, repeating the POST with its key until it is answered,
// and waits for its end, or gives up after chaosPatience.
func (c *caller) complete(o *order) {
	l := c.load
	deadline := time.Now().Add(chaosPatience)
	var key []string
	if !l.keyless {
		key = append(key, "Idempotency-Key: "+o.prefix)
	}
	for o.id == "" && time.Now().Before(deadline) {
		a := c.ask(c.plain, http.MethodPost, aggregations, l.spec(o), key...)
		if a == nil {
			continue
		}
		if a.status != http.StatusAccepted && a.status != http.StatusOK {
			l.t.Errorf("a POST was answered %d: %.500s", a.status, a.body)
			return
		}
		l.mu.Lock()
		o.id, o.accepted = decode[aggregation](l.t, a).ID, time.Now()
		l.mu.Unlock()
	}
	if o.cancel {
		c.ask(c.plain, http.MethodPost, path(o.id, "/cancel"), nil) // 409 where it has ended before
	}
	c.await(o, deadline)
}

// await waits for the end of what was accepted.
func (c *caller) await(o *order, deadline time.Time) {
	l := c.load
	for time.Now().Before(deadline) {
		a := c.ask(c.waiting, http.MethodGet, path(o.id, fmt.Sprintf("?wait=%v", chaosWait)), nil)
		if a == nil {
			continue
		}
		if a.status == http.StatusNotFound {
			o.gone = true
			return
		}
		if agg := decode[aggregation](l.t, a); agg.finished() {
			agg.Results = nil // the counts tell enough, for less memory
			l.mu.Lock()
			o.end, o.ended = &agg, time.Now()
			l.mu.Unlock()
			return
		}
	}
}

// sum waits for the clients, and counts what came of their aggregations.
func (l *load) sum(s *system) *line {
	l.t.Helper()
	l.finish()
	sum := &line{requests: l.requests, hung: l.hung}
	gone := 0
	for _, o := range l.orders {
		if o.id == "" {
			l.t.Errorf("%s was never accepted", o.prefix)
			continue
		}
		sum.accepted++
		sum.items += o.items
		twice := 0
		if o.end != nil {
			twice, o.gone = s.recordedTwice(l.t, o.id)
		}
		if o.gone {
			gone++
		}
		if o.gone || o.end == nil {
			sum.lost += o.items
			continue
		}
		sum.finished++
		sum.lost += o.items - o.end.Counts.Succeeded
		sum.twice += twice
		sum.recovery = max(sum.recovery, l.recovery(o))
	}
	if listed := len(s.listAll(l.t)); listed != sum.accepted-gone {
		l.t.Errorf("%d aggregations are listed, and %d were accepted, of which %d are gone", listed, sum.accepted, gone)
	}
	sum.sent = l.up.sent()
	return sum
}

// recordedTwice counts the results that an aggregation has beyond one an item, in the
// order in which they were recorded. It may be gone by now.
func (c *client) recordedTwice(t *testing.T, id string) (n int, gone bool) {
	t.Helper()
	a, err := c.try(http.MethodGet, path(id, "/results?follow=true"), nil, ndjson)
	if err == nil && a.status == http.StatusNotFound {
		return 0, true
	}
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("the results of %s: %+v, %v", id, a, err)
	}
	seen := make(map[int]bool)
	lines := bytes.Split(bytes.TrimSpace(a.body), []byte("\n"))
	for _, line := range lines[:len(lines)-1] { // the last one is the summary
		index := parseResult(t, line).Index
		if seen[index] {
			n++
		}
		seen[index] = true
	}
	return n, false
}

// recovery is the longest time in which an item of the aggregation waited for others to
// take it up: from the end of a request that came to nothing to the next one, and for those
// of which the upstream had not heard yet, from the first fault after their acceptance.
func (l *load) recovery(o *order) (longest time.Duration) {
	for _, p := range numberedPaths(o.prefix, o.items) {
		visits := l.up.visits(p)
		waited := time.Duration(0)
		for i := 1; i < len(visits); i++ {
			waited = max(waited, visits[i].arrived.Sub(visits[i-1].ended))
		}
		for _, at := range l.faults {
			if len(visits) > 0 && at.After(o.accepted) && at.Before(visits[0].arrived) {
				waited = max(waited, visits[0].arrived.Sub(at))
				break
			}
		}
		if waited > chaosRecovery && !l.told {
			l.told = true // one says enough
			l.t.Logf("%s%s waited %v: %s", o.id, p, waited, l.story(o, visits))
		}
		longest = max(longest, waited)
	}
	return longest
}

// story tells when what happened to an item, since its acceptance.
func (l *load) story(o *order, visits []visit) string {
	var text strings.Builder
	for _, v := range visits {
		fmt.Fprintf(&text, "sent at %v, over at %v (served: %v); ", v.arrived.Sub(o.accepted), v.ended.Sub(o.accepted), v.served)
	}
	text.WriteString("faults at")
	for _, at := range l.faults {
		if at.After(o.accepted) && at.Before(o.ended) {
			fmt.Fprintf(&text, " %v", at.Sub(o.accepted))
		}
	}
	return text.String()
}

// cpu is the processor time that a process has had.
func (p *process) cpu(tb testing.TB) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	// After the name, which may hold anything, come state and numbers: utime and stime
	// are the 14th and 15th field of all, in ticks of 10 ms.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	user, _ := strconv.Atoi(string(fields[11]))
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * 10 * time.Millisecond
}

// busiest measures for a while how much of a core the processes take, and returns that of
// the busiest.
func busiest(tb testing.TB, processes []*process, during time.Duration) float64 {
	tb.Helper()
	before := make([]time.Duration, len(processes))
	for i, p := range processes {
		before[i] = p.cpu(tb)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), during)
	defer cancel()
	<-ctx.Done() // what is measured is that nothing happens
	most := 0.0
	for i, p := range processes {
		most = max(most, float64(p.cpu(tb)-before[i])/float64(time.Since(began)))
	}
	return most
}
