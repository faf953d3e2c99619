package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// both are clients of two APIs on the system's Redis, with the same flags.
func (s *system) both(tb testing.TB, flags ...string) []*client {
	tb.Helper()
	flags = append([]string{"--redis-url", s.redis.URL}, flags...)
	return []*client{newClient(tb, s.addAPI(tb, flags...).address(tb)), newClient(tb, s.addAPI(tb, flags...).address(tb))}
}

func retryAfterOf(tb testing.TB, a *answer) int {
	tb.Helper()
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		tb.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
	return seconds
}

// TestLimits_Rate shares a burst of five among two processes.
func TestLimits_Rate(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	// At one request in 100 s no more than the burst is granted while the test lasts.
	apis := s.both(t, "--api-keys", allKeys, "--rate-limit", "0.01", "--rate-burst", "5")
	for i := range 5 {
		key := []string{searchOld, searchNew}[i/2%2] // one owner, whichever the key
		a := apis[i%2].with(key).get(t, http.StatusOK, aggregations)
		if policy, limit := a.header.Get("RateLimit-Policy"), a.header.Get("RateLimit"); policy != `"requests";q=5;w=500` || !strings.HasPrefix(limit, fmt.Sprintf(`"requests";r=%d;t=`, 4-i)) {
			t.Errorf("request %d: %q, %q", i+1, policy, limit)
		}
	}
	for _, api := range apis {
		for _, request := range []string{"GET " + aggregations, "POST " + aggregations, "GET " + path("x"), "GET /monitor/api/queues"} {
			method, p, _ := strings.Cut(request, " ")
			a := api.with(searchNew).do(t, http.StatusTooManyRequests, method, p, nil)
			if again := retryAfterOf(t, a); again > 100 || !strings.HasPrefix(a.header.Get("RateLimit"), `"requests";r=0;t=`) {
				t.Errorf("%s: %v", request, a.header)
			}
		}
		api.with(adsKey).get(t, http.StatusOK, aggregations) // another owner
		api.get(t, http.StatusUnauthorized, aggregations)
		for _, p := range []string{"/healthz", "/openapi.json"} {
			if a := api.with(searchNew).get(t, http.StatusOK, p); a.header.Get("RateLimit") != "" {
				t.Errorf("%s is counted: %v", p, a.header)
			}
		}
	}
}

// TestLimits_RateRecovers comes back when Retry-After says so.
func TestLimits_RateRecovers(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	api := s.both(t, "--rate-limit", "1", "--rate-burst", "2")[0] // without keys, all are one
	began, granted := time.Now(), 0
	for granted < 5 {
		a, err := api.try(http.MethodGet, aggregations, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.status == http.StatusOK {
			granted++
			continue
		}
		time.Sleep(time.Duration(retryAfterOf(t, a)) * time.Second)
		if a, err = api.try(http.MethodGet, aggregations, nil); err != nil || a.status != http.StatusOK {
			t.Errorf("refused after Retry-After: %+v, %v", a, err)
		}
		granted++
	}
	if took := time.Since(began); took < 2900*time.Millisecond {
		t.Errorf("5 requests were granted within %v, at 1 a second and 2 at once", took)
	}
}

// TestLimits_Open bounds what an owner has open, over two processes, one of which dies.
func TestLimits_Open(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	s.addWorker(t)
	apis := s.both(t, "--api-keys", allKeys, "--max-open", "2")
	u := newUpstream(t)
	open := u.gate("/held")
	held := object{"requests": []object{{"url": u.URL + "/held", "timeout": "50s"}}}
	search := []*client{apis[0].with(searchOld), apis[1].with(searchNew)}
	ids := []string{search[0].create(t, held).ID, search[1].create(t, held).ID}
	refused := func(c *client) {
		t.Helper()
		a := c.do(t, http.StatusTooManyRequests, http.MethodPost, aggregations, held)
		if p := a.problem(t); p.Type != "urn:gather:problem:too-many-open" || a.header.Get("RateLimit") != `"open";r=0` || a.header.Get("RateLimit-Policy") != `"open";q=2;qu="concurrent-requests"` {
			t.Errorf("%+v, %v", p, a.header)
		}
		retryAfterOf(t, a)
	}
	refused(search[0])
	refused(search[1])
	apis[0].with(adsKey).create(t, held) // another owner
	s.apis[1].kill()                     // the first of both
	refused(search[1])
	search[1].do(t, http.StatusOK, http.MethodPost, path(ids[0], "/cancel"), nil)
	third := search[1].create(t, held).ID
	refused(search[1])
	search[1].do(t, http.StatusTooManyRequests, http.MethodPost, path(ids[0], "/retry"), nil)
	open()
	// Whoever has seen the end of one finds its place free at once.
	for _, id := range []string{ids[1], third} {
		search[1].finished(t, id)
		search[1].run(t, object{"urls": u.urls("/a")})
	}
	search[1].do(t, http.StatusAccepted, http.MethodPost, path(ids[0], "/retry"), nil)
	search[1].finished(t, ids[0])
}

// TestLimits_Off holds that limits that are off ask Redis for nothing.
func TestLimits_Off(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, "--api-keys", allKeys)
	u := newUpstream(t)
	a := s.with(searchOld).get(t, http.StatusOK, aggregations)
	if a.header.Get("RateLimit") != "" || a.header.Get("RateLimit-Policy") != "" {
		t.Errorf("%v", a.header)
	}
	s.with(searchOld).run(t, object{"urls": u.urls("/a")})
	for _, pattern := range []string{"gather:rate:*", "gather:{all}:open:*"} {
		if held := contents(t, s.connect(t), pattern); len(held) > 0 {
			t.Errorf("%v", held)
		}
	}
}
