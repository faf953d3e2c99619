package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// counter is an upstream that answers after a while, and counts by path what it served.
type counter struct {
	*httptest.Server
	delay time.Duration
	// refuse answers the first request for each item, if it is not nil.
	refuse http.HandlerFunc
	// answer answers every request instead, and nothing is kept but their number.
	answer http.HandlerFunc

	mu    sync.Mutex
	items map[string][]visit
	total int
}

// visit is one request for an item.
type visit struct {
	arrived, ended time.Time // ended is zero while it is in flight
	served         bool      // its client was still there for the answer
}

func newCounter(tb testing.TB, delay time.Duration) *counter {
	c := &counter{delay: delay, items: make(map[string][]visit)}
	c.Server = httptest.NewServer(c)
	tb.Cleanup(func() {
		c.CloseClientConnections()
		c.Close()
	})
	return c
}

// ServeHTTP implements [http.Handler].
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.answer != nil {
		c.mu.Lock()
		c.total++
		c.mu.Unlock()
		c.answer(w, r)
		return
	}
	p := r.URL.Path
	c.mu.Lock()
	n := len(c.items[p])
	c.items[p] = append(c.items[p], visit{arrived: time.Now()})
	c.total++
	c.mu.Unlock()
	timer := time.NewTimer(c.delay)
	defer timer.Stop()
	served := true
	select {
	case <-timer.C:
		if c.refuse != nil && n == 0 {
			c.refuse(w, r)
		} else {
			ok(w, r)
		}
	case <-r.Context().Done():
		served = false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[p][n].ended, c.items[p][n].served = time.Now(), served
}

// sent counts the requests so far.
func (c *counter) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// sees waits until so many more requests have arrived than now.
func (c *counter) sees(tb testing.TB, more int) {
	tb.Helper()
	c.saw(tb, c.sent()+more)
}

// saw waits until so many requests have arrived in all.
func (c *counter) saw(tb testing.TB, n int) {
	tb.Helper()
	within(tb, patience, fmt.Sprintf("the upstream has seen %d requests", n), func() bool { return c.sent() >= n })
}

// visits are the requests for one path.
func (c *counter) visits(path string) []visit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.items[path])
}

func (c *counter) numbered(prefix string, n int) []string {
	list := numberedPaths(prefix, n)
	for i := range list {
		list[i] = c.URL + list[i]
	}
	return list
}

func numberedPaths(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(prefix, i)
	}
	return list
}
