package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// recovery is how long others may take to bring to its end what a crashed process
// has left behind.
const recovery = 15 * time.Second

// aboutAggregation counts commands that name an aggregation or an idempotency key:
// the others change nothing of one.
func aboutAggregation(command []byte) bool {
	return bytes.Contains(command, []byte("agg_")) || bytes.Contains(command, []byte("gather:key:"))
}

// everyCut runs the test once without a cut, to see how many commands there are, and
// then once for each of them, cut after it.
func everyCut(t *testing.T, test func(t *testing.T, last int) (commands int)) {
	n := 0
	t.Run("never", func(t *testing.T) { n = test(t, 0) })
	if n == 0 && !t.Failed() {
		t.Fatal("no command was counted")
	}
	for last := 1; last <= n; last++ {
		t.Run(fmt.Sprintf("after command %d of %d", last, n), func(t *testing.T) {
			t.Parallel()
			test(t, last)
		})
	}
}

// crashSpec is a small aggregation whose third item waits for one of the others.
func crashSpec(u *upstream) (spec object, urls []string) {
	urls = u.numbered("/", 3)
	requests := make([]object, len(urls))
	for i := range urls {
		requests[i] = object{"url": urls[i], "timeout": "1s"}
	}
	return object{"requests": requests, "concurrency": 2}, urls
}

// TestCrash_Worker kills a worker between any two of its writes. Another one has to
// bring the aggregation to its end.
func TestCrash_Worker(t *testing.T) {
	t.Parallel()
	everyCut(t, func(t *testing.T, last int) (commands int) {
		u := newUpstream(t)
		u.on("/1", first(1, retryAfter("2", http.StatusServiceUnavailable), ok))
		s := startBare(t)
		p := newProxy(t, s.redis, last, aboutAggregation)
		doomed := start(t, "worker", nil, "--redis-url", p.URL, "--allow-net", loopback)
		s.ready(t, 1)
		spec, urls := crashSpec(u)
		id := s.create(t, spec).ID
		if s.runsUntilCut(t, p, id) {
			doomed.kill()
			s.addWorker(t)
			began := time.Now()
			within(t, recovery, "another worker brings it to its end", func() bool { return s.isFinished(t, id) })
			t.Logf("recovered within %v", time.Since(began))
		} else {
			t.Log("was never cut off")
			doomed.stop(t)
		}
		wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
		for p, needed := range map[string]int{"/0": 1, "/1": 2, "/2": 1} {
			// A request whose answer was lost is sent once more.
			if n := u.count(p); n < needed || n > needed+1 {
				t.Errorf("%s was fetched %d times, want %d or one more", p, n, needed)
			}
		}
		return p.counted()
	})
}

// runsUntilCut waits until the process behind the proxy is cut off, or else has
// brought the aggregation to its end.
func (c *client) runsUntilCut(tb testing.TB, p *proxy, id string) (cut bool) {
	tb.Helper()
	eventually(tb, "the process is cut off or done", func() bool {
		cut = p.isCut()
		return cut || c.isFinished(tb, id)
	})
	return cut
}

func (c *client) isFinished(tb testing.TB, id string) bool {
	tb.Helper()
	return c.get(tb, http.StatusOK, path(id, "?results=false")).aggregation(tb).finished()
}

// TestCrash_API kills an API between any two writes of a create. What it has made
// is brought to its end, and what it has not made is not there.
func TestCrash_API(t *testing.T) {
	t.Parallel()
	t.Run("without an idempotency key", func(t *testing.T) {
		t.Parallel()
		everyCut(t, func(t *testing.T, last int) int {
			c := newCreation(t, last)
			accepted, commands := c.attempt(t)
			p, _ := c.other.list(t, "")
			if len(p.Items) > 1 || accepted != "" && (len(p.Items) != 1 || p.Items[0].ID != accepted) {
				t.Fatalf("the client was told of %q, and listed are %+v", accepted, p.Items)
			}
			for _, agg := range p.Items {
				c.wantDone(t, agg.ID)
			}
			return commands
		})
	})
	t.Run("with an idempotency key", func(t *testing.T) {
		t.Parallel()
		everyCut(t, func(t *testing.T, last int) int {
			c := newCreation(t, last)
			const key = "Idempotency-Key: the same"
			accepted, commands := c.attempt(t, key)
			a, err := c.other.try(http.MethodPost, aggregations, c.spec, key)
			if err != nil {
				t.Fatal(err)
			}
			id := a.aggregation(t).ID
			if a.status != http.StatusAccepted || accepted != "" && accepted != id {
				t.Errorf("repeated, it answered %d with %s, and %q before", a.status, id, accepted)
			}
			c.wantDone(t, id)
			if p, _ := c.other.list(t, ""); len(p.Items) != 1 {
				t.Errorf("%d aggregations are listed, want one", len(p.Items))
			}
			return commands
		})
	})
}

// creation is a system whose API can be cut off, beside another API and a worker
// that are fine.
type creation struct {
	*system
	proxy  *proxy
	doomed *process
	other  *client
	u      *upstream
	spec   object
	urls   []string
}

func newCreation(t *testing.T, last int) *creation {
	t.Helper()
	c := &creation{system: startLone(t), u: newUpstream(t)}
	c.other = c.client
	c.proxy = newProxy(t, c.redis, last, aboutAggregation)
	c.doomed = start(t, "api", nil, "--redis-url", c.proxy.URL, "--listen", "127.0.0.1:0")
	c.client = newClient(t, c.doomed.address(t))
	c.spec, c.urls = crashSpec(c.u)
	return c
}

// attempt creates through the API that is killed as soon as it is cut off. It
// returns the id that the client was told, "" for none, and the number of commands.
func (c *creation) attempt(t *testing.T, headers ...string) (id string, commands int) {
	t.Helper()
	told := make(chan string, 1)
	go func() {
		id := ""
		if a, err := c.try(http.MethodPost, aggregations, c.spec, headers...); err == nil && a.status == http.StatusAccepted {
			id = decode[aggregation](t, a).ID
		}
		told <- id
	}()
	select {
	case id = <-told:
	case <-c.proxy.cut:
		c.doomed.kill()
		id = <-told
	}
	if c.proxy.isCut() {
		c.doomed.kill()
	} else {
		t.Log("was never cut off")
		c.doomed.stop(t)
	}
	return id, c.proxy.counted()
}

func (c *creation) wantDone(t *testing.T, id string) {
	t.Helper()
	within(t, recovery, "what was made is brought to its end", func() bool { return c.other.isFinished(t, id) })
	wantPaths(t, c.other.finished(t, id), pathsOf(c.u, c.urls)...)
	wantEachOnce(t, c.u, len(c.urls))
}
