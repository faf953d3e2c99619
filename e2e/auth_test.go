package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gather/internal/redistest"
)

// Keys of two owners, and one that is an owner of its own.
const (
	strongKey = "b8f7c1d4e5a6-strong-key"
	searchOld = "search-old-0123456789"
	searchNew = "search-new-9876543210"
	adsKey    = "ads-0123456789abcdef"
	loneKey   = "lone/key+0123456789=="
)

const allKeys = "search:" + searchOld + ",search:" + searchNew + ",ads:" + adsKey + "," + loneKey

// startGuarded runs a Redis, an API with keys and a worker. The flags are the API's.
func startGuarded(tb testing.TB, flags ...string) *system {
	tb.Helper()
	s := &system{redis: redistest.Alone(redistest.Launch(tb))}
	s.addAPI(tb, append([]string{"--redis-url", s.redis.URL, "--demo"}, flags...)...)
	s.addWorker(tb)
	s.ready(tb, 1)
	return s
}

// everyOperation is every request of the contract that is about an aggregation, by the
// status that its owner gets once it has finished.
func everyOperation(id string) map[string]int {
	return map[string]int{
		"GET " + path(id):                         200,
		"GET " + path(id, "?wait=20s"):            200,
		"GET " + path(id, "?results=false"):       200,
		"GET " + path(id, "/results"):             200,
		"GET " + path(id, "/results?follow=true"): 200,
		"GET " + path(id, "/events"):              200,
		"GET " + path(id, "/pending"):             200,
		"POST " + path(id, "/cancel"):             409,
		"POST " + path(id, "/retry"):              202,
		"DELETE " + path(id):                      204,
	}
}

func TestAuth_WithoutAKey(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, "--api-keys", allKeys)
	id := s.with(searchOld).create(t, object{"urls": newUpstream(t).urls("/a")}).ID
	requests := []string{
		"GET " + aggregations, "POST " + aggregations, "GET /api/", "GET /api/aggregated/", "GET /api/aggregated_sync/",
		"GET /monitor", "GET /monitor/api/queues", "DELETE /monitor/api/queues/fetch-default", "GET /nothing", "GET /v1",
	}
	for request := range everyOperation(id) {
		requests = append(requests, request)
	}
	for _, request := range requests {
		method, p, _ := strings.Cut(request, " ")
		for _, headers := range [][]string{
			nil, {"Authorization: Bearer " + strongKey}, {"Authorization: Bearer " + searchOld[1:]}, {"Authorization: Bearer search:" + searchOld},
			{"Authorization: " + searchOld}, {"X-Api-Key: " + searchOld}, {"Cookie: key=" + searchOld},
		} {
			a := s.do(t, http.StatusUnauthorized, method, p, nil, headers...)
			if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("%s with %q: WWW-Authenticate %q", request, headers, challenge)
			}
		}
	}
	for _, p := range []string{"/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/docs"} {
		s.get(t, http.StatusOK, p)
	}
	s.with(searchOld).finished(t, id)
}

// TestAuth_Owners holds that two owners know nothing of each other.
func TestAuth_Owners(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, "--api-keys", allKeys)
	u := newUpstream(t)
	search, ads, lone := s.with(searchOld), s.with(adsKey), s.with(loneKey)
	same := []string{"Idempotency-Key: the same"}
	id := search.create(t, object{"urls": u.urls("/a")}, same...).ID
	search.finished(t, id)
	t.Run("what one made the other does not find", func(t *testing.T) {
		for _, other := range []*client{ads, lone} {
			for request := range everyOperation(id) {
				method, p, _ := strings.Cut(request, " ")
				began := time.Now()
				other.do(t, http.StatusNotFound, method, p, nil)
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("%s was held for %v", request, took)
				}
			}
		}
		if agg := search.finished(t, id); agg.Status != "succeeded" {
			t.Errorf("it is %s now", agg.Status)
		}
	})
	t.Run("the same idempotency key is another one's", func(t *testing.T) {
		other := ads.create(t, object{"urls": u.urls("/b")}, same...)
		if other.ID == id {
			t.Error("it was replayed")
		}
		if again := search.create(t, object{"urls": u.urls("/a")}, same...); again.ID != id {
			t.Error("it was not replayed")
		}
		search.get(t, http.StatusNotFound, path(other.ID))
	})
	t.Run("lists hold one's own", func(t *testing.T) {
		newest := ads.create(t, object{"urls": u.urls("/c")}).ID
		if p, _ := search.list(t, ""); len(p.Items) != 1 || p.Items[0].ID != id || p.NextCursor != "" {
			t.Errorf("%+v", p)
		}
		if p, _ := lone.list(t, ""); len(p.Items) != 0 {
			t.Errorf("%+v", p)
		}
		// Another's id is as good a cursor as any: it tells an order, and not who is there.
		if p, _ := search.list(t, "?cursor="+newest); len(p.Items) != 1 || p.Items[0].ID != id {
			t.Errorf("%+v", p)
		}
		if p, _ := search.list(t, "?cursor="+id); len(p.Items) != 0 || p.NextCursor != "" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("another key of the owner finds all", func(t *testing.T) {
		rotated := s.with(searchNew)
		for _, request := range []string{"GET ", "GET ?wait=20s", "GET /results", "GET /events", "POST /cancel", "POST /retry", "GET ?wait=20s", "DELETE "} {
			method, below, _ := strings.Cut(request, " ")
			want := everyOperation(id)[method+" "+path(id, below)]
			rotated.do(t, want, method, path(id, below), nil)
		}
	})
	t.Run("no key is in Redis, nor in a log", func(t *testing.T) {
		for key, held := range contents(t, s.connect(t), "*") {
			for _, secret := range []string{searchOld, searchNew, adsKey, loneKey} {
				if strings.Contains(key+held, secret) {
					t.Errorf("%s holds a key", key)
				}
			}
		}
		for _, p := range s.processes() {
			if log := p.stdout.String() + p.stderr.String(); strings.Contains(log, searchOld) || strings.Contains(log, adsKey) || strings.Contains(log, loneKey) {
				t.Errorf("%s tells a key: %s", p.name, log)
			}
		}
	})
}

// TestAuth_Upgrade switches keys on over what was made without them.
func TestAuth_Upgrade(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	s.addWorker(t)
	u := newUpstream(t)
	before := s.run(t, object{"urls": u.urls("/a")}).ID
	guarded := newClient(t, s.addAPI(t, "--redis-url", s.redis.URL, "--api-keys", allKeys).address(t)).with(adsKey)
	after := guarded.run(t, object{"urls": u.urls("/b")}).ID
	guarded.get(t, http.StatusNotFound, path(before))
	if p, _ := guarded.list(t, ""); len(p.Items) != 1 || p.Items[0].ID != after {
		t.Errorf("with a key: %+v", p)
	}
	// Without keys all is as it was: everybody finds everything.
	s.get(t, http.StatusOK, path(before))
	s.get(t, http.StatusOK, path(after))
	if p, _ := s.list(t, ""); len(p.Items) != 2 {
		t.Errorf("without: %+v", p)
	}
	s.do(t, http.StatusNoContent, http.MethodDelete, path(after), nil)
	guarded.get(t, http.StatusNotFound, path(after))
	s.wantNoTrace(t, after, "")
}

// TestAuth_Rotation puts a new key in an old one's place while the API runs.
func TestAuth_Rotation(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys")
	write := func(lines ...string) {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# today's", "search:"+searchOld)
	s := startGuarded(t, "--api-keys-file", file, "--api-keys", "ads:"+adsKey)
	api := s.apis[0]
	reload := func(says string) {
		t.Helper()
		before := strings.Count(api.stderr.String(), says)
		if err := api.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the API says: "+says, func() bool { return strings.Count(api.stderr.String(), says) > before })
	}
	const read, kept = "read the API keys again", "the API keys stay as they were"
	u := newUpstream(t)
	open := u.gate("/held")
	id := s.with(searchOld).create(t, object{"requests": []object{{"url": u.URL + "/held", "timeout": "50s"}}}).ID
	held := make(chan *answer, 1)
	go func() {
		a, err := s.with(searchOld).try(http.MethodGet, path(id, "?wait=50s"), nil)
		if err != nil {
			t.Error(err)
		}
		held <- a
	}()

	write("search:"+searchOld, "search:"+searchNew)
	reload(read)
	for _, key := range []string{searchOld, searchNew} {
		s.with(key).get(t, http.StatusOK, path(id))
	}
	write("search:" + searchNew)
	reload(read)
	s.with(searchOld).get(t, http.StatusUnauthorized, path(id))
	s.with(searchNew).get(t, http.StatusOK, path(id))
	for _, bad := range []string{"short", "", "ads:" + searchNew + "\nsearch:" + searchNew} {
		write(bad)
		reload(kept)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	reload(kept)
	s.with(searchNew).get(t, http.StatusOK, path(id))
	s.with(adsKey).get(t, http.StatusOK, aggregations) // given by the flag, it stays
	open()
	if a := <-held; a == nil || a.status != http.StatusOK || a.aggregation(t).Status != "succeeded" {
		t.Errorf("who was held when its key was taken out got %+v", a)
	}
	for _, secret := range []string{searchOld, searchNew} {
		if strings.Contains(api.stderr.String(), secret) {
			t.Errorf("the log tells a key: %s", api.stderr.String())
		}
	}
}

// TestAuth_Exposed has an API listen to all interfaces, in the two ways in which it may.
func TestAuth_Exposed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flags  []string
		status int
	}{
		"with keys":    {[]string{"--api-keys", strongKey}, http.StatusUnauthorized},
		"insecurely":   {[]string{"--insecure-no-auth"}, http.StatusOK},
		"with both":    {[]string{"--api-keys", strongKey, "--insecure-no-auth"}, http.StatusUnauthorized},
		"on localhost": {[]string{"--listen", "localhost:0"}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "api", nil, append([]string{"--listen", ":0"}, c.flags...)...)
			base := p.address(t)
			port := base[strings.LastIndex(base, ":"):]
			newClient(t, "http://127.0.0.1"+port).get(t, c.status, aggregations)
		})
	}
}

// TestAuth_Demo has the demo, whose items fetch from the API itself, run with keys.
func TestAuth_Demo(t *testing.T) {
	t.Parallel()
	s := &system{}
	s.addAPI(t, "--api-keys", allKeys)
	s.ready(t, 1)
	a := s.with(adsKey).get(t, http.StatusOK, "/api/aggregated/?num=3&delay_ms=1")
	demo := decode[demoAnswer](t, a)
	demo.check(t, "Hello Async World", 3)
	s.with(searchNew).get(t, http.StatusOK, "/api/aggregated_sync/?num=2&delay_ms=1")
	if p, _ := s.with(adsKey).list(t, ""); len(p.Items) != 1 || p.Items[0].Counts.Total != 3 {
		t.Errorf("%+v", p)
	}
}

func TestAuth_Document(t *testing.T) {
	t.Parallel()
	type operation struct {
		Security  []map[string][]string
		Responses map[string]struct{ Headers map[string]any }
	}
	type document struct {
		Paths      map[string]map[string]operation
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string }
		}
	}
	for name, flags := range map[string][]string{"with keys": {"--api-keys", strongKey}, "without": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &system{}
			s.addAPI(t, flags...)
			d := decode[document](t, s.get(t, http.StatusOK, "/openapi.json"))
			if scheme := d.Components.SecuritySchemes["bearer"]; scheme.Type != "http" || scheme.Scheme != "bearer" {
				t.Errorf("schemes %+v", d.Components.SecuritySchemes)
			}
			seen := 0
			for p, methods := range d.Paths {
				for method, op := range methods {
					if strings.HasPrefix(p, "/api/") || p == "/monitor" {
						continue
					}
					if !strings.HasPrefix(p, "/v1/") {
						if len(op.Security) > 0 {
							t.Errorf("%s %s wants a key", method, p)
						}
						continue
					}
					seen++
					optional := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { return len(s) == 0 })
					if optional == (flags != nil) || op.Security[0]["bearer"] == nil {
						t.Errorf("%s %s: security %+v", method, p, op.Security)
					}
					if op.Responses["401"].Headers["WWW-Authenticate"] == nil || op.Responses["429"].Headers["Retry-After"] == nil || op.Responses["429"].Headers["RateLimit"] == nil {
						t.Errorf("%s %s: responses %+v", method, p, op.Responses)
					}
				}
			}
			if seen != 9 {
				t.Errorf("%d operations", seen)
			}
		})
	}
}
