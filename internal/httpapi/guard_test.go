package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gather"

	"github.com/labstack/echo/v4"
)

// fakeKeys are keys by what is sent.
type fakeKeys map[string]string

func (k fakeKeys) Owner(key string) (string, bool) { owner, known := k[key]; return owner, known }
func (fakeKeys) Ticket(time.Time) string           { return "ticket" }
func (fakeKeys) Admits(ticket string) bool         { return ticket == "ticket" }

func (k fakeKeys) Owners() int {
	owners := make(map[string]bool)
	for _, owner := range k {
		owners[owner] = true
	}
	return len(owners)
}

// ownerSeen is a store that notes on whose behalf it is asked.
type ownerSeen struct {
	*fakeStore
	owners *[]string
}

func (s ownerSeen) note(ctx context.Context) { *s.owners = append(*s.owners, gather.OwnerOf(ctx)) }

func (s ownerSeen) Create(ctx context.Context, c *gather.Creation) (*gather.Aggregation, bool, error) {
	s.note(ctx)
	return s.fakeStore.Create(ctx, c)
}

func (s ownerSeen) Get(ctx context.Context, id string) (*gather.Aggregation, error) {
	s.note(ctx)
	return s.fakeStore.Get(ctx, id)
}

func (s ownerSeen) Read(ctx context.Context, id string) (*gather.Reading, error) {
	s.note(ctx)
	return s.fakeStore.Read(ctx, id)
}

func (s ownerSeen) WaitCreated(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	return s.Wait(ctx, id, atMost, over)
}

func (s ownerSeen) Wait(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	s.note(ctx)
	return s.fakeStore.Wait(ctx, id, atMost, over)
}

func (s ownerSeen) List(ctx context.Context, f gather.Filter, cursor string, limit int) (gather.Page, error) {
	s.note(ctx)
	return s.fakeStore.List(ctx, f, cursor, limit)
}

func (s ownerSeen) Cancel(ctx context.Context, id string) (*gather.Aggregation, error) {
	s.note(ctx)
	return s.fakeStore.Cancel(ctx, id)
}

func (s ownerSeen) Retry(ctx context.Context, id string) (*gather.Aggregation, error) {
	s.note(ctx)
	return s.fakeStore.Retry(ctx, id)
}

func (s ownerSeen) Delete(ctx context.Context, id string) error {
	s.note(ctx)
	return s.fakeStore.Delete(ctx, id)
}

// serveGuarded starts a service with a key of the owner search and one of ads.
func serveGuarded(t *testing.T, change ...func(*Options)) *service {
	t.Helper()
	return serve(t, append([]func(*Options){func(o *Options) {
		o.Demo = true
		o.Keys = fakeKeys{"key-of-search": "search", "key-of-ads": "ads"}
		o.Monitor = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", htmlType)
			_, _ = w.Write([]byte("monitor " + r.URL.Path))
		})
	}}, change...)...)
}

const searchKey, adsKey = "Bearer key-of-search", "Bearer key-of-ads"

// guardedPaths are all that want a key, and more that nobody serves.
var guardedPaths = []string{
	"GET /v1/aggregations", "POST /v1/aggregations", "GET /v1/aggregations/x", "DELETE /v1/aggregations/x", "POST /v1/aggregations/x/cancel",
	"POST /v1/aggregations/x/retry", "GET /v1/aggregations/x/results", "GET /v1/aggregations/x/events", "GET /v1/aggregations/x/pending", "HEAD /v1/aggregations", "OPTIONS /v1/aggregations",
	"GET /api/", "GET /api", "GET /api/aggregated/", "GET /api/aggregated_sync", "GET /monitor", "GET /monitor/", "GET /monitor/api/queues", "POST /monitor/api/x",
	"GET /nothing", "GET /v1", "PUT /v1/aggregations", "GET /healthz/", "GET //healthz", "GET /healthz/../v1/aggregations", "GET /%68ealthz/x", "GET /v1%2faggregations",
}

func TestGuard_WithoutAKey(t *testing.T) {
	s := serveGuarded(t)
	for _, request := range guardedPaths {
		method, path, _ := strings.Cut(request, " ")
		for _, authorization := range []string{
			"", "Bearer", "Bearer ", "Bearer none", "Bearer key-of-search, Bearer key-of-search", "key-of-search", "Basic a2V5LW9mLXNlYXJjaDo=",
			"Bearer key-of-search x", "Token key-of-search", "Bearer ticketx",
		} {
			r := s.request(method, path, "")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			a := s.send(r)
			if a.want(t, 401); a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Cache-Control %q", request, a.Header.Get("Cache-Control"))
			}
			challenges := a.Header.Values("WWW-Authenticate")
			want := []string{`Bearer realm="gather"`}
			if authorization != "" {
				want[0] += `, error="invalid_token"`
			}
			if strings.HasPrefix(path, "/monitor") {
				want = append(want, `Basic realm="gather: an API key as the password", charset="UTF-8"`)
			}
			if !slices.Equal(challenges, want) {
				t.Errorf("%s with %q: %q, want %q", request, authorization, challenges, want)
			}
			if strings.Contains(string(a.body), "key-of") {
				t.Errorf("%s repeats what was sent: %s", request, a.body)
			}
		}
	}
	two := s.request("GET", "/v1/aggregations", "", "Authorization", searchKey, "Authorization", searchKey)
	s.send(two).want(t, 401)
	s.get("/v1/aggregations?access_token=key-of-search").want(t, 401)
	if len(s.store.order) > 0 || len(s.queue.runs()) > 0 {
		t.Error("something was made")
	}
	if log := s.log.String(); strings.Contains(log, "key-of") {
		t.Errorf("the log tells a key: %s", log)
	}
}

func TestGuard_Open(t *testing.T) {
	s := serveGuarded(t)
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/openapi.yaml"} {
		s.get(path).want(t, 200)
		s.get(path, "Authorization", "Bearer none").want(t, 200)
		s.do("HEAD", path, "").want(t, 200)
		s.do("DELETE", path, "").want(t, 405)
	}
}

func TestGuard_Metrics(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		s := serveGuarded(t, func(o *Options) { o.GuardMetrics = guarded })
		s.api.echo.GET("/metrics", func(c echo.Context) error { return c.String(200, "up 1") })
		want := 200
		if guarded {
			want = 401
		}
		s.get("/metrics").want(t, want)
		s.get("/metrics", "Authorization", searchKey).want(t, 200)
	}
}

func TestGuard_ActsForTheOwner(t *testing.T) {
	s := serveGuarded(t)
	var owners []string
	s.api.store = ownerSeen{s.store, &owners}
	s.store.finishAtOnce = true
	for _, scheme := range []string{"Bearer", "bearer", "BEARER "} {
		s.post(twoURLs, "Authorization", scheme+" key-of-search", "Prefer", "wait=5").want(t, 200)
	}
	authorized := []string{"Authorization", searchKey}
	s.get("/v1/aggregations", authorized...).want(t, 200)
	for _, below := range []string{"", "?wait=1s", "/results", "/events", "/results?follow=true"} {
		s.get("/v1/aggregations/agg_1"+below, authorized...).want(t, 200)
	}
	s.do("POST", "/v1/aggregations/agg_1/cancel", "", authorized...).want(t, 409)
	s.do("POST", "/v1/aggregations/agg_1/retry", "", authorized...).want(t, 202)
	s.get("/v1/aggregations", "Authorization", adsKey).want(t, 200)
	s.do("DELETE", "/v1/aggregations/agg_1", "", authorized...).want(t, 204)
	if len(owners) < 13 || owners[len(owners)-2] != "ads" {
		t.Fatalf("the store was asked on behalf of %q", owners)
	}
	owners = slices.Delete(owners, len(owners)-2, len(owners)-1)
	for i, owner := range owners {
		if owner != "search" {
			t.Errorf("call %d is on behalf of %q", i, owner)
		}
	}
}

// TestGuard_Demo holds that what a demo has fetched lets in where Gather itself asks, and
// nowhere else.
func TestGuard_Demo(t *testing.T) {
	s := serveGuarded(t)
	s.store.finishAtOnce = true
	s.get("/api/aggregated/?num=2", "Authorization", searchKey).want(t, 200)
	for _, request := range s.store.all["agg_1"].items {
		ticket := request.Headers["Authorization"]
		if ticket != "Bearer ticket" {
			t.Fatalf("%+v", request)
		}
		s.get("/api/?delay_ms=0", "Authorization", ticket).want(t, 200)
		for _, path := range []string{"/api/aggregated/", "/v1/aggregations", "/monitor"} {
			s.get(path, "Authorization", ticket).want(t, 401)
		}
	}
}

func TestGuard_Monitor(t *testing.T) {
	basic := func(r *http.Request, password string) *http.Request { r.SetBasicAuth("anybody", password); return r }
	t.Run("opens to every key", func(t *testing.T) {
		s := serveGuarded(t)
		for _, path := range []string{"/monitor", "/monitor/", "/monitor/api/queues"} {
			for _, key := range []string{searchKey, adsKey} {
				if a := s.get(path, "Authorization", key).want(t, 200); string(a.body) != "monitor "+path {
					t.Errorf("%s", a.body)
				}
				s.send(basic(s.request("GET", path, ""), strings.TrimPrefix(key, "Bearer "))).want(t, 200)
			}
			s.send(basic(s.request("GET", path, ""), "none")).want(t, 401)
		}
		// What a browser sends by itself opens nothing else.
		s.send(basic(s.request("GET", "/v1/aggregations", ""), "key-of-search")).want(t, 401)
	})
	t.Run("opens to some owners only", func(t *testing.T) {
		s := serveGuarded(t, func(o *Options) { o.MonitorOwners = []string{"ops", "ads"} })
		s.get("/monitor", "Authorization", adsKey).want(t, 200)
		s.get("/monitor", "Authorization", searchKey).problem(t, 403)
		s.get("/v1/aggregations", "Authorization", searchKey).want(t, 200)
	})
	t.Run("is open where there are no keys", func(t *testing.T) {
		s := serveGuarded(t, func(o *Options) { o.Keys = nil })
		s.get("/monitor/").want(t, 200)
	})
}

func TestGuard_CrossOrigin(t *testing.T) {
	for name, change := range map[string]func(*Options){"with keys": func(*Options) {}, "without keys": func(o *Options) { o.Keys = nil }} {
		t.Run(name, func(t *testing.T) {
			s := serveGuarded(t, change)
			own := s.server.URL
			for _, c := range []struct {
				headers []string
				let     bool
			}{
				{nil, true},
				{[]string{"Origin", own}, true},
				{[]string{"Sec-Fetch-Site", "same-origin", "Origin", own}, true},
				{[]string{"Sec-Fetch-Site", "none"}, true},
				{[]string{"Sec-Fetch-Site", "cross-site"}, false},
				{[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"}, false},
				{[]string{"Origin", "https://evil.example"}, false},
				{[]string{"Origin", "null"}, false},
			} {
				for _, request := range []string{"POST /monitor/api/queues/x:pause", "DELETE /monitor/api/queues/x", "POST /v1/aggregations/x/cancel", "DELETE /v1/aggregations/x", "POST /v1/aggregations"} {
					method, path, _ := strings.Cut(request, " ")
					a := s.do(method, path, "", append([]string{"Authorization", searchKey}, c.headers...)...)
					if (a.StatusCode != http.StatusForbidden) != c.let {
						t.Errorf("%s with %v: %d", request, c.headers, a.StatusCode)
					}
				}
				s.get("/v1/aggregations", append([]string{"Authorization", searchKey}, c.headers...)...).want(t, 200)
			}
		})
	}
}

func TestGuard_BodyOfAStranger(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.api.opt.Keys = fakeKeys{"k": "o"}
		start := time.Now()
		a := b.do(t, "POST", "/v1/aggregations", strings.Repeat("x", 1<<20), "Authorization", "Bearer none")
		if a.want(t, 401); time.Since(start) > 0 {
			t.Errorf("answered after %v", time.Since(start))
		}
		time.Sleep(time.Second) // net/http gives the client time to read the answer
	})
}

func TestSecureHeaders(t *testing.T) {
	s := serveGuarded(t)
	s.api.echo.GET("/metrics", func(c echo.Context) error { return c.HTML(200, "<p>") })
	s.store.addFinished(t, 1)
	for path, want := range map[string]struct{ cache, policy string }{
		"/":                              {"no-cache", consolePolicy},
		"/console/js/main.js":            {"no-cache", ""},
		"/metrics":                       {"", pagePolicy},
		"/docs":                          {"no-cache", referencePolicy()},
		"/openapi.json":                  {"", ""},
		"/healthz":                       {"no-store", ""},
		"/v1/aggregations":               {"private, no-cache", ""},
		"/v1/aggregations/agg_1":         {"private, no-cache", ""}, // it has an ETag to ask with
		"/v1/aggregations/agg_1/results": {"no-store", ""},
		"/v1/aggregations/agg_1/events":  {"no-store", ""},
		"/v1/aggregations/none":          {"no-store", ""},
		"/api/?delay_ms=0":               {"no-store", ""},
		"/monitor":                       {"no-store", pagePolicy},
		"/nothing":                       {"no-store", ""},
	} {
		a := s.get(path, "Authorization", searchKey)
		if got := a.Header.Get("Cache-Control"); got != want.cache {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want.cache)
		}
		if got := a.Header.Get("Content-Security-Policy"); got != want.policy {
			t.Errorf("%s: Content-Security-Policy %q, want %q", path, got, want.policy)
		}
		if got := a.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", path, got)
		}
	}
	tag := s.get("/v1/aggregations/agg_1", "Authorization", searchKey).Header.Get("ETag")
	s.get("/v1/aggregations/agg_1", "Authorization", searchKey, "If-None-Match", tag).want(t, 304)
	s.get("/v1/aggregations/agg_1", "If-None-Match", tag).want(t, 401)
}
