package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The upstream of the composition answers after a tenth of a second, and a worker's
// concurrency is so low that it alone decides how fast an aggregation is.
const (
	composeDelay       = 100 * time.Millisecond
	composeConcurrency = 10
	// composeTolerance is how far from half the time twice the workers may be.
	composeTolerance = 0.15
	// composeMostBytes bounds the image.
	composeMostBytes = 60 << 20
)

// TestCompose builds the image, starts docker-compose.yml, scales and breaks it. It takes
// minutes, and runs with make compose-test alone.
func TestCompose(t *testing.T) {
	if os.Getenv("GATHER_COMPOSE") == "" {
		t.Skip("takes minutes and a Docker engine; runs with make compose-test")
	}
	began := time.Now()
	if made := makeStandIns(t); len(made) > 0 {
		tell("made images of this machine's own in the place of %s, after %v", strings.Join(made, ", "), since(began))
	}
	c := newComposition(t, "GATHER_CONCURRENCY="+strconv.Itoa(composeConcurrency))
	c.up(t, 1, "--build")
	tell("built and up after %v", since(began))
	for _, step := range []struct {
		name string
		run  func(*testing.T, *composition)
	}{
		{"the image is small, and runs as nobody", testComposeImage},
		{"the main job", testComposeMainJob},
		{"twice the workers take half the time", testComposeScale},
		{"a worker is killed", testComposeKill},
		{"the API restarts while a client waits", testComposeRestart},
		{"a worker's network is cut and healed", testComposeCut},
		{"down and up", testComposeDownUp},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, c) }) {
			return // what comes next would only fail, too
		}
	}
	tell("all of it took %v", since(began))
}

// tell prints what was measured at once: a build machine shows it, too.
func tell(format string, args ...any) { fmt.Printf("compose-test: "+format+"\n", args...) }

func since(began time.Time) time.Duration { return time.Since(began).Round(100 * time.Millisecond) }

func testComposeImage(t *testing.T, c *composition) {
	size, err := strconv.Atoi(docker(t, "image", "inspect", "--format", "{{.Size}}", c.image))
	if err != nil || size > composeMostBytes {
		t.Errorf("the image has %d bytes, %v, want at most %d", size, err, composeMostBytes)
	}
	tell("the image has %.1f MB", float64(size)/1e6)
	for _, service := range []string{"api", "worker", "upstream"} {
		id := c.containers(t, service)[0]
		eventually(t, service+" is healthy", func() bool {
			return docker(t, "inspect", "--format", "{{.State.Health.Status}}", id) == "healthy"
		})
		if got := docker(t, "inspect", "--format", "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}", id); got != "65532:65532 true" {
			t.Errorf("%s runs as user and with a read-only root %q", service, got)
		}
		if _, err := tryDocker("exec", id, "sh", "-c", "true"); err == nil {
			t.Errorf("%s has a shell", service)
		}
	}
	if out, err := tryDocker("exec", c.containers(t, "worker")[0], "api", "--healthcheck"); err == nil {
		t.Errorf("the check of an API that is not there says %q", out)
	}
}

// testComposeMainJob asks for what everybody asks for first.
func testComposeMainJob(t *testing.T, c *composition) {
	began := time.Now()
	demo := decode[struct {
		Responses []struct {
			TaskID string `json:"task_id"`
		}
		Elapsed float64
	}](t, c.get(t, http.StatusOK, "/api/aggregated/"))
	tell("ten fetches of a second each took %v", since(began))
	if len(demo.Responses) != 10 || demo.Elapsed > 2 {
		t.Errorf("%d responses after %.2f s, want 10 within 2 s", len(demo.Responses), demo.Elapsed)
	}
	for i, r := range demo.Responses {
		if r.TaskID != strconv.Itoa(i) {
			t.Errorf("response %d is that of %q", i, r.TaskID)
		}
	}
	closed := c.run(t, object{"urls": []string{"http://redis:6379/", "http://api:8080/v1/aggregations"}})
	for i := range closed.Results {
		if code := closed.Results[i].code(); code != "destination_ip_prohibited" {
			t.Errorf("%s: %q, want it to be out of reach", closed.Results[i].URL, code)
		}
	}
	c.get(t, http.StatusOK, "/monitor")
}

// testComposeScale runs the same aggregation with 1, 2 and 4 workers.
func testComposeScale(t *testing.T, c *composition) {
	const items = 1280
	last := 0.0
	for _, workers := range []int{1, 2, 4} {
		c.up(t, workers, "--no-recreate")
		c.run(t, hellos(composeConcurrency*workers)) // connections are made
		agg := c.run(t, hellos(items))
		wantHellos(t, agg, items)
		took := agg.ElapsedMS / 1000
		ideal := composeDelay.Seconds() * items / float64(composeConcurrency*workers)
		tell("%d items of %v with %d workers: %.2f s, ideally %.2f s", items, composeDelay, workers, took, ideal)
		if half := last / 2; last > 0 && (took < half*(1-composeTolerance) || took > half*(1+composeTolerance)) {
			t.Errorf("%d workers took %.2f s, and half as many %.2f s; want half of that, within %.0f %%", workers, took, last, 100*composeTolerance)
		}
		last = took
	}
}

// testComposeKill kills a worker's container while it has work in flight.
func testComposeKill(t *testing.T, c *composition) {
	const items = 800
	id := c.create(t, hellos(items)).ID
	c.progresses(t, id, items/4)
	victim := c.containers(t, "worker")[0]
	docker(t, "kill", victim)
	c.wantWhole(t, id, items, "one of 4 workers killed")
	c.up(t, 4)
}

// testComposeRestart restarts the API. A client that waits repeats its request until it has
// the answer.
func testComposeRestart(t *testing.T, c *composition) {
	const items = 3200
	id := c.create(t, hellos(items)).ID
	c.progresses(t, id, 1)
	restarted := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := execute(c.env, append(c.command[:len(c.command):len(c.command)], "restart", "api")...)
		restarted <- err
	}()
	requests, failed := 0, 0
	var longest time.Duration
	for lost := began; ; requests++ {
		a, err := c.try(http.MethodGet, path(id, "?wait=20s"), nil)
		if err != nil || a.status != http.StatusOK {
			failed++
			longest = max(longest, time.Since(lost))
			time.Sleep(50 * time.Millisecond) // as a client does that is to come again
			continue
		}
		lost = time.Now()
		if agg := a.aggregation(t); agg.finished() {
			wantHellos(t, agg, items)
			break
		}
	}
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if requests == 0 {
		t.Error("the wait was over before the API went")
	}
	tell("the API restarted: the client had its answer after %v and %d more requests, of which %d failed within %v",
		since(began), requests, failed, longest.Round(10*time.Millisecond))
}

// testComposeCut takes a worker from Redis' network and brings it back.
func testComposeCut(t *testing.T, c *composition) {
	const items = 800
	network, worker := c.project+"_store", c.containers(t, "worker")[0]
	id := c.create(t, hellos(items)).ID
	c.progresses(t, id, items/4)
	docker(t, "network", "disconnect", network, worker)
	c.wantWhole(t, id, items, "one of 4 workers without Redis")
	if _, err := tryDocker("exec", worker, "worker", "--healthcheck"); err == nil {
		t.Error("the worker without Redis says that it is well")
	}
	began := time.Now()
	docker(t, "network", "connect", network, worker)
	eventually(t, "the worker is well again", func() bool {
		_, err := tryDocker("exec", worker, "worker", "--healthcheck")
		return err == nil
	})
	c.ready(t, 4)
	tell("the worker was back %v after its network", since(began))
}

// testComposeDownUp takes everything down but the volume, with something finished and
// something that was only accepted.
func testComposeDownUp(t *testing.T, c *composition) {
	const items = 100
	ended := c.run(t, hellos(items)).ID
	c.compose(t, "stop", "worker")
	waiting := c.create(t, hellos(items)).ID
	began := time.Now()
	c.compose(t, "down")
	if left := c.containers(t, "redis"); len(left) > 0 {
		t.Fatalf("Redis still runs: %q", left)
	}
	c.up(t, 2)
	wantHellos(t, c.finished(t, ended), items)
	wantHellos(t, c.finished(t, waiting), items)
	tell("down and up took %v, and kept %d results and %d items that waited", since(began), items, items)
}

// hellos asks for so many answers of the upstream, each with a number of its own.
func hellos(items int) object {
	requests := make([]object, items)
	for i := range requests {
		requests[i] = object{
			"url":     fmt.Sprintf("http://upstream:8080/api/?task_id=%d&delay_ms=%d", i, composeDelay.Milliseconds()),
			"timeout": "2s",
		}
	}
	return object{"requests": requests}
}

// wantHellos wants every answer in its place.
func wantHellos(t *testing.T, agg *aggregation, items int) {
	t.Helper()
	if agg.Status != "succeeded" || len(agg.Results) != items {
		t.Fatalf("%s is %s with %+v, want succeeded with %d", agg.ID, agg.Status, agg.Counts, items)
	}
	for i := range agg.Results {
		if want := fmt.Sprintf(`{"message":"Hello World","task_id":"%d"}`, i); string(agg.Results[i].Body) != want {
			t.Errorf("body of result %d = %s, want %s", i, agg.Results[i].Body, want)
		}
	}
}

// progresses waits until so many items have ended, and wants that not all have.
func (c *composition) progresses(t *testing.T, id string, items int) {
	t.Helper()
	var agg *aggregation
	eventually(t, "items end", func() bool {
		agg = c.get(t, http.StatusOK, path(id, "?results=false")).aggregation(t)
		return agg.Counts.Total-agg.Counts.Pending >= items
	})
	if agg.finished() {
		t.Fatalf("%s was over before anything was broken", id)
	}
}

// wantWhole waits for the end after a fault, and wants each item once.
func (c *composition) wantWhole(t *testing.T, id string, items int, fault string) {
	t.Helper()
	agg := c.finished(t, id)
	wantHellos(t, agg, items)
	twice, gone := c.recordedTwice(t, id)
	if twice != 0 || gone {
		t.Errorf("%d results were recorded twice, gone: %v", twice, gone)
	}
	again := 0
	for i := range agg.Results {
		again += agg.Results[i].Attempts - 1
	}
	slowest := slices.MaxFunc(agg.Results, func(a, b result) int { return int(a.ElapsedMS - b.ElapsedMS) })
	tell("%s: %d items in %.2f s, 0 lost, %d sent again, the slowest in %.2f s", fault, items, agg.ElapsedMS/1000, again, slowest.ElapsedMS/1000)
}
