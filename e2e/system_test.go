package e2e

import (
	"net/http"
	"testing"

	"gather/internal/redistest"
)

// loopback opens the addresses of the tests' upstreams to fetches.
const loopback = "127.0.0.1/32"

// mode is a way to run Gather.
type mode struct {
	name  string
	start func(tb testing.TB, flags ...string) *system
}

var modes = []mode{
	{"embedded", startEmbedded},
	{"separate", startSeparate},
}

// system is a Gather under test. Its client talks to its first API.
type system struct {
	*client
	redis   *redistest.Set // nil in embedded mode
	apis    []*process
	workers []*process
	env     []string // of all processes
}

// startEmbedded runs one process without a Redis. The flags are the worker's.
func startEmbedded(tb testing.TB, flags ...string) *system {
	tb.Helper()
	ownRedis(tb)
	s := &system{}
	s.addAPI(tb, append([]string{"--allow-net", "127.0.0.0/8"}, flags...)...)
	s.ready(tb, 1)
	return s
}

// startSeparate runs a Redis, an API and two workers. The flags are the workers'.
func startSeparate(tb testing.TB, flags ...string) *system {
	tb.Helper()
	s := startBare(tb)
	s.addWorker(tb, flags...)
	s.addWorker(tb, flags...)
	s.ready(tb, 2)
	return s
}

// startBare runs a Redis and an API without workers.
func startBare(tb testing.TB) *system {
	tb.Helper()
	s := &system{redis: launchRedis(tb)}
	s.addAPI(tb, "--redis-url", s.redis.URL, "--demo")
	return s
}

// addAPI starts one more API. The first of them becomes the system's client.
func (s *system) addAPI(tb testing.TB, flags ...string) *process {
	tb.Helper()
	args := append([]string{"--listen", "127.0.0.1:0", "--log-level", "debug"}, flags...)
	p := start(tb, "api", s.env, args...)
	s.apis = append(s.apis, p)
	if s.client == nil {
		s.client = newClient(tb, p.address(tb))
	}
	return p
}

// addWorker starts one more worker on the system's Redis.
func (s *system) addWorker(tb testing.TB, flags ...string) *process {
	tb.Helper()
	args := append([]string{"--redis-url", s.redis.URL, "--allow-net", loopback, "--log-level", "debug"}, flags...)
	p := start(tb, "worker", s.env, args...)
	s.workers = append(s.workers, p)
	p.works(tb)
	return p
}

// processes are all of the system that were started.
func (s *system) processes() []*process {
	return append(append([]*process{}, s.apis...), s.workers...)
}

// ready waits until the API sees so many workers.
func (c *client) ready(tb testing.TB, workers int) {
	tb.Helper()
	eventually(tb, "readyz is 200 with all workers", func() bool {
		a, err := c.try(http.MethodGet, "/readyz", nil)
		return err == nil && a.status == http.StatusOK && decode[struct{ Workers int }](tb, a).Workers == workers
	})
}
