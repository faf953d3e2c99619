package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gather"
)

// fakeLimiter grants what it is told to.
type fakeLimiter struct {
	mu     sync.Mutex
	answer gather.Allowance
	err    error
	asked  []string
}

func (l *fakeLimiter) Take(ctx context.Context, rate gather.Rate) (gather.Allowance, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, fmt.Sprintf("%s %g %d", gather.OwnerOf(ctx), rate.PerSecond, rate.Burst))
	return l.answer, l.err
}

func (l *fakeLimiter) set(answer gather.Allowance, err error) (asked []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked, l.asked = l.asked, nil
	l.answer, l.err = answer, err
	return asked
}

func TestRateLimit(t *testing.T) {
	limiter := &fakeLimiter{}
	s := serveGuarded(t, func(o *Options) { o.Limiter, o.Rate = limiter, gather.Rate{PerSecond: 0.4, Burst: 3} })
	authorized := []string{"Authorization", searchKey}

	limiter.set(gather.Allowance{Granted: true, Remaining: 2, MoreAfter: 2500 * time.Millisecond}, nil)
	for _, a := range []answer{
		s.get("/v1/aggregations", authorized...).want(t, 200),
		s.get("/v1/aggregations/none", authorized...).want(t, 404),
		s.post("{", authorized...).want(t, 400),
		s.post(twoURLs, authorized...).want(t, 202),
		s.get("/monitor/api/queues", authorized...).want(t, 200),
	} {
		if policy, limit := a.Header.Get("RateLimit-Policy"), a.Header.Get("RateLimit"); policy != `"requests";q=3;w=8` || limit != `"requests";r=2;t=3` {
			t.Errorf("%s: %q, %q", a.Request.URL.Path, policy, limit)
		}
	}
	if asked := limiter.set(gather.Allowance{MoreAfter: 2100 * time.Millisecond}, nil); len(asked) != 5 || asked[0] != "search 0.4 3" {
		t.Errorf("%q", asked)
	}

	for _, request := range [][2]string{{"GET", "/v1/aggregations"}, {"POST", "/v1/aggregations"}, {"DELETE", "/v1/aggregations/agg_1"}, {"GET", "/v1/aggregations/agg_1/events"}, {"GET", "/api/"}} {
		a := s.do(request[0], request[1], twoURLs, authorized...)
		p := a.problem(t, 429)
		if p.Type != "urn:gather:problem:rate-limited" || p.Detail != `the limit for the owner "search" is 0.4 requests a second and 3 at once; Retry-After says when to come back` {
			t.Errorf("%+v", p)
		}
		if retry, limit := a.Header.Get("Retry-After"), a.Header.Get("RateLimit"); retry != "3" || limit != `"requests";r=0;t=3` {
			t.Errorf("Retry-After %q, RateLimit %q", retry, limit)
		}
	}
	if len(s.store.order) != 1 {
		t.Errorf("made %d aggregations, want one", len(s.store.order))
	}

	limiter.set(gather.Allowance{}, nil)
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/monitor", "/monitor/static/x.js"} {
		s.get(path, authorized...).want(t, 200)
	}
	s.get("/v1/aggregations", "Authorization", "Bearer none").want(t, 401)
	s.get("/api/?delay_ms=0", "Authorization", "Bearer ticket").want(t, 200)
	if asked := limiter.set(gather.Allowance{}, fmt.Errorf("count: %w", gather.ErrUnavailable)); len(asked) > 0 {
		t.Errorf("counted %q", asked)
	}
	s.get("/v1/aggregations", authorized...).problem(t, 503)
}

func TestRateLimit_WithoutKeys(t *testing.T) {
	limiter := &fakeLimiter{}
	s := serve(t, func(o *Options) { o.Limiter, o.Rate = limiter, gather.Rate{PerSecond: 5, Burst: 5} })
	if a := s.get("/v1/aggregations"); a.problem(t, 429).Detail != "the limit for everybody together is 5 requests a second and 5 at once; Retry-After says when to come back" || a.Header.Get("Retry-After") != "1" {
		t.Errorf("%s", a.body)
	}
}

func TestOpenLimit(t *testing.T) {
	for name, c := range map[string]struct {
		limiter       Limiter
		policy, limit string
	}{
		"alone":       {nil, `"open";q=7;qu="concurrent-requests"`, `["open";r=0]`},
		"with a rate": {&fakeLimiter{answer: gather.Allowance{Granted: true, Remaining: 1}}, `"requests";q=2;w=1, "open";q=7;qu="concurrent-requests"`, `["requests";r=1;t=0 "open";r=0]`},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(o *Options) { o.MaxOpen, o.Limiter, o.Rate = 7, c.limiter, gather.Rate{PerSecond: 2, Burst: 2} })
			id := s.store.add(t, 1)
			if a := s.get("/v1/aggregations"); a.Header.Get("RateLimit-Policy") != c.policy {
				t.Errorf("RateLimit-Policy %q", a.Header.Get("RateLimit-Policy"))
			}
			s.store.set(func() { s.store.err = fmt.Errorf("admit: %w", gather.ErrTooManyOpen) })
			for _, a := range []answer{s.post(twoURLs), s.do("POST", "/v1/aggregations/"+id+"/retry", "")} {
				if p := a.problem(t, 429); p.Type != "urn:gather:problem:too-many-open" {
					t.Errorf("%+v", p)
				}
				if got := fmt.Sprint(a.Header.Values("RateLimit")); got != c.limit || a.Header.Get("Retry-After") != "1" || a.Header.Get("RateLimit-Policy") != c.policy {
					t.Errorf("%v", a.Header)
				}
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	ctx := func(owner string) context.Context { return gather.WithOwner(t.Context(), owner) }
	take := func(t *testing.T, p *places, owner string, shared, want bool) func() {
		t.Helper()
		leave, err := p.take(ctx(owner), shared)
		if (err == nil) != want || err != nil && !errors.Is(err, errBusy) {
			t.Fatalf("%q: %v", owner, err)
		}
		return leave
	}
	t.Run("one owner may take all", func(t *testing.T) {
		p := newPlaces("streams", 3)
		for range 3 {
			defer take(t, p, "a", false, true)()
		}
		take(t, p, "a", false, false)
		take(t, p, "b", false, false)
	})
	t.Run("of several none may take more than half", func(t *testing.T) {
		p := newPlaces("streams", 5)
		var leave func()
		for range 3 {
			leave = take(t, p, "a", true, true)
		}
		take(t, p, "a", true, false)
		take(t, p, "b", true, true)
		take(t, p, "b", true, true)
		take(t, p, "c", true, false) // all are taken
		leave()
		take(t, p, "c", true, true)
	})
	t.Run("one place is one owner's", func(t *testing.T) {
		p := newPlaces("streams", 1)
		take(t, p, "a", true, true)()
		take(t, p, "b", true, true)()
		if p.taken != 0 || len(p.of) != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestWaits_AreBounded(t *testing.T) {
	s := serve(t, func(o *Options) { o.MaxWaits = 1 })
	id := s.store.add(t, 1)
	held := s.later("GET", "/v1/aggregations/"+id+"?wait=30s", "")
	<-s.store.entered
	a := s.get("/v1/aggregations/" + id + "?wait=30s")
	if p := a.problem(t, 503); p.Type != "urn:gather:problem:busy" || a.Header.Get("Retry-After") != "1" || p.Detail != "this process holds 1 waiting clients, as many as it may; try again in a moment" {
		t.Errorf("%+v", p)
	}
	s.get("/v1/aggregations/"+id).want(t, 200) // needs none
	// A preference is passed over: what is accepted is accepted.
	a = s.post(twoURLs, "Prefer", "wait=30").want(t, 202)
	if a.Header.Get("Preference-Applied") != "" || len(s.queue.runs()) != 1 {
		t.Errorf("%v, runs %q", a.Header, s.queue.runs())
	}
	s.store.record(id, gather.Result{Status: gather.ItemSucceeded})
	(<-held).want(t, 200)
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("%s", log)
	}
	s.get("/v1/aggregations/"+id+"?wait=30s").want(t, 200)
}

func TestStreams_AreBounded(t *testing.T) {
	s := serve(t, func(o *Options) { o.MaxStreams = 1 })
	id := s.store.add(t, 1)
	first := readEvents(t, s.open("/v1/aggregations/"+id+"/events"))
	first.want("progress", "", "{")
	for _, path := range []string{"/events", "/results", "/results?follow=true"} {
		a := s.get("/v1/aggregations/" + id + path)
		if p := a.problem(t, 503); p.Type != "urn:gather:problem:busy" || a.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	s.store.record(id, gather.Result{Status: gather.ItemSucceeded})
	first.want("result", "1", "{")
	first.want("progress", "", "{")
	first.want("done", "", "{")
	first.want("", "", "")
	s.get("/v1/aggregations/"+id+"/results").want(t, 200)
}
