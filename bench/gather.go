package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// gatherClients is how many connections the client of the API keeps.
const gatherClients = 64

// gatherSystem is Gather as a user runs it: one API process, workers, Redis.
type gatherSystem struct {
	binaries string
	redis    *redisServer
	upstream string
	api      *process
	workers  []*process
	base     string // URL of the API
	client   *http.Client
}

var (
	apiReady    = regexp.MustCompile(`listens on (http://\S+)`)
	workerReady = regexp.MustCompile(`worker started`)
)

// build builds the binaries as a user would.
func build(ctx context.Context, dir string) error {
	// The packages are the program's own, and dir is a fresh temporary one.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", dir+string(filepath.Separator), "gather/cmd/api", "gather/cmd/worker") //nolint:gosec
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binaries: %w\n%s", err, out)
	}
	return nil
}

// startGather starts an API and one worker; 0 is the worker's own default concurrency.
func startGather(binaries string, r *redisServer, upstream string, concurrency int) (*gatherSystem, error) {
	g := &gatherSystem{binaries: binaries, redis: r, upstream: upstream, client: newHTTPClient(gatherClients)}
	if err := g.addWorker(concurrency); err != nil {
		return nil, err
	}
	var err error
	g.api, g.base, err = start(command{
		name: "api", path: filepath.Join(binaries, "api"), ready: apiReady,
		args: []string{"--redis-url", r.url(), "--listen", "127.0.0.1:0"},
	})
	if err != nil {
		_ = g.end()
		return nil, err
	}
	return g, nil
}

func (g *gatherSystem) addWorker(concurrency int) error {
	args := []string{"--redis-url", g.redis.url(), "--allow-net", g.upstream}
	if concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(concurrency))
	}
	worker, _, err := start(command{
		name: "worker", path: filepath.Join(g.binaries, "worker"), ready: workerReady, args: args,
	})
	if err != nil {
		return err
	}
	g.workers = append(g.workers, worker)
	return nil
}

// end ends every process of it, the ones that take requests first.
func (g *gatherSystem) end() error {
	var first error
	g.client.CloseIdleConnections()
	for _, p := range append([]*process{g.api}, g.workers...) {
		if p == nil {
			continue
		}
		err := p.alive()
		if err == nil {
			err = p.end()
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// run implements [system].
func (g *gatherSystem) run(ctx context.Context, n int, delay time.Duration) (cleanUp, error) {
	agg, err := g.create(ctx, itemURLs(g.upstream, n, delay), "wait=60")
	if err != nil {
		return nil, err
	}
	remove := func(ctx context.Context) error { return g.remove(ctx, agg.ID) }
	return remove, agg.check(n)
}

// logCPU logs where the CPU time went, as a first hint for who makes it faster.
func (g *gatherSystem) logCPU(runs int) {
	var parts []string
	for _, p := range append([]*process{g.api, g.redis.process}, g.workers...) {
		if used, err := p.cpuTime(); err == nil {
			parts = append(parts, fmt.Sprintf("%s %v", p.name, (used/time.Duration(runs)).Round(100*time.Microsecond)))
		}
	}
	log.Print("    gather's CPU time a run: " + strings.Join(parts, ", "))
}
