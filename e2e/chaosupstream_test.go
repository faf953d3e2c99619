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
		ok(w, r)
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
	wanted := c.sent() + more
	within(tb, patience, fmt.Sprintf("the upstream sees %d more requests", more), func() bool { return c.sent() >= wanted })
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
