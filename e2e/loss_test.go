package e2e

import (
	"net/http"
	"testing"
	"time"
)

// TestWorker_Killed measures how soon a killed worker's items run elsewhere.
func TestWorker_Killed(t *testing.T) {
	t.Parallel()
	const timeout, bound = 2 * time.Second, 7 * time.Second
	s := startLone(t)
	u := newUpstream(t)
	urls := u.numbered("/", 4)
	requests := make([]object, len(urls))
	for i, p := range pathsOf(u, urls) {
		u.on(p, first(1, u.never, ok))
		requests[i] = object{"url": urls[i], "timeout": timeout.String()}
	}
	id := s.create(t, object{"requests": requests}).ID
	u.sees(t, "", len(urls))
	s.workers[0].kill()
	killed := time.Now()
	s.addWorker(t)
	agg := s.finished(t, id)
	wantPaths(t, agg, pathsOf(u, urls)...)
	for _, p := range pathsOf(u, urls) {
		seen := u.requests(p)
		if len(seen) != 2 {
			t.Fatalf("%s was fetched %d times, want twice", p, len(seen))
		}
		took := seen[1].arrived.Sub(killed)
		if took > bound {
			t.Errorf("%s ran again %v after its worker was killed, want within %v", p, took, bound)
		}
		t.Logf("%s ran again after %v", p, took)
	}
	for i := range agg.Results {
		if n := agg.Results[i].Attempts; n != 2 {
			t.Errorf("item %d counts %d attempts, and 2 requests were sent", i, n)
		}
	}
}

// TestWorker_Terminated has a worker hand back what it can't end in time.
func TestWorker_Terminated(t *testing.T) {
	t.Parallel()
	s := startLone(t, "--stop-timeout", "200ms")
	u := newUpstream(t)
	urls := u.numbered("/", 4)
	for _, p := range pathsOf(u, urls) {
		u.on(p, first(1, u.never, ok))
	}
	id := s.create(t, object{"urls": urls}).ID
	u.sees(t, "", len(urls))
	s.addWorker(t)
	s.ready(t, 2)
	began := time.Now()
	s.workers[0].stop(t)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to stop, with a stop timeout of 200ms", took)
	}
	wantPaths(t, s.finished(t, id), pathsOf(u, urls)...)
	for p, n := range u.counts() {
		if n != 2 {
			t.Errorf("%s was fetched %d times, want once by each worker", p, n)
		}
	}
	// The items' timeout is 10 s: had they been lost and not handed back, it would take longer.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the items ran elsewhere only after %v", took)
	}
}

// TestAPI_Terminated has clients of an API wait for something while it is stopped.
func TestAPI_Terminated(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{{"embedded", startEmbedded}, {"separate", startLone}} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := m.start(t, "--stop-timeout", "500ms")
			u := newUpstream(t)
			u.on("/never", u.never)
			spec := object{"urls": u.urls("/never")}
			id := s.create(t, spec).ID
			u.sees(t, "/never", 1)

			events := s.follow(t, id, "")
			statuses := make(chan int, 2)
			ask := func(method, path string, body any) {
				a, err := s.try(method, path, body, "Prefer: wait=50")
				if err != nil {
					t.Error(err)
					a = &answer{}
				}
				statuses <- a.status
			}
			go ask(http.MethodPost, aggregations, spec)
			go ask(http.MethodGet, path(id), nil)
			u.sees(t, "/never", 2) // the POST waits; of the GET nobody knows

			began := time.Now()
			s.apis[0].stop(t)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v to stop, with a stop timeout of 500ms", took)
			}
			got := map[int]int{<-statuses: 1}
			got[<-statuses]++
			if got[http.StatusAccepted] != 1 || got[http.StatusOK] != 1 {
				t.Errorf("the waiting clients got %v, want a 202 and a 200", got)
			}
			if _, last := events.results(-1); last == "done" {
				t.Error("the events ended with done, though nothing was")
			}
		})
	}
}

// TestAPI_Killed has another API answer for what a killed one has accepted.
func TestAPI_Killed(t *testing.T) {
	t.Parallel()
	s := startLone(t)
	other := newClient(t, s.addAPI(t, "--redis-url", s.redis.URL).address(t))
	u := newUpstream(t)
	open := u.gate("/held")
	id := s.create(t, object{"urls": u.urls("/held", "/a")}).ID
	u.sees(t, "/held", 1)
	s.apis[0].kill()
	open()
	wantPaths(t, other.finished(t, id), "/held", "/a")
	events, last := other.follow(t, id, "").results(-1)
	wantAllResults(t, events, 2)
	if last != "done" {
		t.Errorf("the last event is %q", last)
	}
}
