package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"gather/internal/redistest"
)

const (
	// gone is how long a master may be silent in these tests before another one takes over.
	gone = 2 * time.Second
	// survival is how long what is under way may take then, on a busy machine, too.
	survival = 3 * time.Minute
	// The work that is under way when a master fails.
	aggregationsUnderWay = 50
	itemsUnderWay        = 50
	// Those who do it.
	workers, concurrency = 2, 20
)

// TestSentinel_Failover loses the master in the midst of everything.
func TestSentinel_Failover(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.LaunchSentinel(t, gone)
			testFailover(t, &s.Set, func() { fail(s.Master()) })
		})
	}
}

// TestCluster_Failover loses one of the masters in the midst of everything.
func TestCluster_Failover(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	for what, key := range map[string]string{
		"the queue of fetches":      "asynq:{fetch-default}:pending",
		"the queue of aggregations": "asynq:{aggregations}:pending",
		"the schedule":              "gather:{all}:schedule",
	} {
		for name, fail := range failures {
			t.Run("that of "+what+", "+name, func(t *testing.T) {
				t.Parallel()
				c := redistest.LaunchCluster(t, gone)
				testFailover(t, &c.Set, func() { fail(c.Master(key)) })
			})
		}
	}
}

// failures are the ways in which a master fails.
var failures = map[string]func(*redistest.Server){
	"with its process": (*redistest.Server).Kill,
	"with its machine": (*redistest.Server).Pause, // nobody tells its clients
}

// testFailover has fifty aggregations of fifty items run when the master fails, and clients
// that wait and follow. All that was accepted and replicated must come to its end.
func testFailover(t *testing.T, set *redistest.Set, fail func()) {
	s := &system{redis: set}
	s.addAPI(t, "--redis-url", set.URL)
	for range workers {
		s.addWorker(t, "--concurrency", strconv.Itoa(concurrency))
	}
	s.ready(t, workers)
	u := newUpstream(t)
	var urls [aggregationsUnderWay][]string
	for i := range urls {
		urls[i] = u.numbered(fmt.Sprintf("/%d-", i), itemsUnderWay)
		for _, p := range pathsOf(u, urls[i]) {
			u.on(p, u.slow(50*time.Millisecond))
		}
	}
	var ids [aggregationsUnderWay]string
	for i := range urls {
		ids[i] = s.create(t, object{"urls": urls[i], "deadline": "5m"}).ID
	}
	clients := s.waitAndFollow(t, ids[:])
	set.Settle()
	small := newUpstream(t)
	creator := s.keepCreating(t, small.urls("/small"))
	u.sees(t, "", aggregationsUnderWay*itemsUnderWay/5)

	fail()
	failed := time.Now()
	for i, id := range ids {
		wantPaths(t, s.finishedWithin(t, survival, id), pathsOf(u, urls[i])...)
	}
	sum := &line{recovery: time.Since(failed)}
	t.Logf("all that was under way has ended %v after the failure", sum.recovery)
	clients.Wait()
	// Results that no replica had are lost, and their requests sent again.
	t.Logf("%d requests were sent for %d items", u.count(""), len(u.counts()))
	creator.stop(t, failed)
	sum.lost = s.wantAllEnded(t, creator)
	for _, id := range ids {
		twice, _ := s.recordedTwice(t, id)
		sum.twice += twice
	}
	sum.accepted = len(ids) + len(creator.accepted)
	sum.finished, sum.items = sum.accepted-sum.lost, len(ids)*itemsUnderWay+len(creator.accepted)
	sum.sent, sum.requests = u.count("")+small.count(""), len(creator.accepted)+creator.refused
	sum.also("503 until %.1f s after it; lost are accepted ones that no replica had", max(0, creator.lastRefused.Sub(failed).Seconds()))
	sum.print(t, "7. `"+t.Name()+"`")
}

// creator posts small aggregations one after the other, whatever happens.
type creator struct {
	done    chan struct{}
	posting sync.WaitGroup

	mu          sync.Mutex
	accepted    []string  // ids
	last        time.Time // when the last of them was posted
	refused     int
	lastRefused time.Time
	slowest     time.Duration // of the refusals
}

func (c *client) keepCreating(t *testing.T, urls []string) *creator {
	k := &creator{done: make(chan struct{})}
	k.posting.Go(func() {
		for {
			select {
			case <-k.done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			began := time.Now()
			a, err := c.try(http.MethodPost, aggregations, object{"urls": urls})
			if err != nil {
				t.Errorf("a create: %v", err)
				return
			}
			k.note(t, a, began)
		}
	})
	return k
}

func (k *creator) note(t *testing.T, a *answer, began time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch a.status {
	case http.StatusAccepted:
		k.accepted, k.last = append(k.accepted, a.aggregation(t).ID), began
	case http.StatusServiceUnavailable:
		k.refused, k.lastRefused = k.refused+1, time.Now()
		k.slowest = max(k.slowest, time.Since(began))
	default:
		t.Errorf("a create was answered %d: %s", a.status, a.body)
	}
}

// refusal is how long a refusal may take: two seconds, and some for a busy machine.
const refusal = 2*time.Second + 4*time.Second

// stop ends it, once work is accepted again.
func (k *creator) stop(t *testing.T, failed time.Time) {
	t.Helper()
	within(t, survival, "work is accepted again", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.last.After(failed) && k.last.After(k.lastRefused)
	})
	close(k.done)
	k.posting.Wait()
	t.Logf("%d small ones were accepted, and %d refused until %v after the failure, the slowest after %v",
		len(k.accepted), k.refused, max(0, k.lastRefused.Sub(failed)), k.slowest)
	if k.slowest > refusal {
		t.Errorf("a refusal took %v", k.slowest)
	}
}

// wantAllEnded wants each accepted aggregation to end and to be listed, but for those that the
// failed master took with it: nothing is left of them, and nothing waits for them for ever.
func (c *client) wantAllEnded(t *testing.T, k *creator) (lost int) {
	t.Helper()
	there := make(map[string]bool)
	for _, id := range k.accepted {
		within(t, survival, id+" has ended or is lost", func() bool {
			a, err := c.try(http.MethodGet, path(id, "?wait=20s"), nil)
			there[id] = err == nil && a.status == http.StatusOK
			return err == nil && (a.status == http.StatusNotFound || there[id] && a.aggregation(t).finished())
		})
		if !there[id] {
			delete(there, id)
		}
	}
	t.Logf("%d of them are lost", len(k.accepted)-len(there))
	eventually(t, "all others are listed", func() bool {
		listed := c.listAll(t)
		for id := range there {
			if !listed[id] {
				return false
			}
		}
		return true
	})
	return len(k.accepted) - len(there)
}

// listAll are the ids of all aggregations.
func (c *client) listAll(t *testing.T) map[string]bool {
	t.Helper()
	ids := make(map[string]bool)
	for cursor := ""; ; {
		p, _ := c.list(t, "?limit=200&cursor="+cursor)
		for i := range p.Items {
			ids[p.Items[i].ID] = true
		}
		if cursor = p.NextCursor; cursor == "" {
			return ids
		}
	}
}

// waitAndFollow has clients wait for some of the aggregations, and others follow some, each to
// its end.
func (c *client) waitAndFollow(t *testing.T, ids []string) *sync.WaitGroup {
	var clients sync.WaitGroup
	for _, id := range ids[len(ids)-10:] {
		events := c.follow(t, id, "")
		clients.Go(func() {
			results, last := events.results(-1)
			seen := make(map[int]bool)
			for _, e := range results {
				seen[parseResult(t, []byte(e.data)).Index] = true
			}
			if last != "done" || len(seen) != itemsUnderWay {
				t.Errorf("a follower of %s got %d items in %d results, and at last %q", id, len(seen), len(results), last)
			}
		})
		clients.Go(func() {
			a, err := c.try(http.MethodGet, path(id, "?wait=60s"), nil)
			if err != nil || a.status != http.StatusOK || !a.aggregation(t).finished() {
				t.Errorf("a client that waits for %s is answered %+v, %v", id, a, err)
			}
		})
	}
	return &clients
}
