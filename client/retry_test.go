package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gather"
	"gather/client"
)

var spec = gather.Spec{URLs: []string{"http://a/?b&c"}}

// TestClient_Create_unwritable holds that what would arrive as something else is not sent.
func TestClient_Create_unwritable(t *testing.T) {
	c, f := newFake(t, []step{answers(202, running)})
	for want, spec := range map[string]*gather.Spec{
		"create an aggregation: requests[1].body_text must be text in UTF-8": {Requests: []gather.Request{{URL: "http://a/"}, {URL: "http://a/", BodyText: "\xff\xfe"}}},
		"create an aggregation: requests[0].body must be JSON":               {Requests: []gather.Request{{URL: "http://a/", Body: json.RawMessage("{")}}},
		"create an aggregation: urls[0] must be text in UTF-8":               {URLs: []string{"http://a/\xff"}},
		"create an aggregation: the spec is nil":                             nil,
	} {
		if _, err := c.Create(t.Context(), spec); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if len(f.seen) != 0 {
		t.Errorf("sent %+v", f.seen)
	}
}

func TestClient_Create_triesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newFake(t, []step{
			breaks, refuses(503, "unavailable"), answers(502, "<html>", "Content-Type: text/html"), refuses(429, "too-many-open"),
			cut(`{"id":`), answers(202, running),
		})
		agg, err := c.Create(t.Context(), &spec)
		if err != nil || agg.ID != "agg_1" || agg.Status != gather.StatusRunning {
			t.Fatalf("%+v, %v", agg, err)
		}
		if len(f.seen) != 6 {
			t.Fatalf("%d requests, want 6", len(f.seen))
		}
		key := f.seen[0].header.Get("Idempotency-Key")
		for _, s := range f.seen {
			if got := s.header.Get("Idempotency-Key"); got == "" || got != key {
				t.Errorf("sent under the key %q, then %q", key, got)
			}
			if s.body != `{"urls":["http://a/?b&c"]}`+"\n" || s.uri != "POST /v1/aggregations" || s.header.Get("Content-Type") != "application/json" {
				t.Errorf("%+v", s)
			}
		}
		if _, err := c.Create(t.Context(), &spec); err != nil || f.seen[6].header.Get("Idempotency-Key") == key {
			t.Errorf("another call goes under the same key, or %v", err)
		}
	})
}

func TestClient_Create_options(t *testing.T) {
	c, f := newFake(t, []step{answers(200, finished)}, client.WithKey("secret"))
	agg, err := c.Create(t.Context(), &spec, client.WithIdempotencyKey("mine"), client.WithWait(1500*time.Millisecond))
	if err != nil || len(agg.Results) != 1 {
		t.Fatalf("%+v, %v", agg, err)
	}
	for name, want := range map[string]string{"Idempotency-Key": "mine", "Prefer": "wait=2", "Authorization": "Bearer secret"} {
		if got := f.seen[0].header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := c.Create(t.Context(), &spec, client.WithIdempotencyKey("two\nlines")); err == nil || len(f.seen) != 1 {
		t.Errorf("a key that no header can carry: %v after %d requests", err, len(f.seen))
	}
}

func TestClient_retryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		c, f := newFake(t, []step{
			refuses(503, "busy", "Retry-After: 3"),
			refuses(429, "rate-limited", "Retry-After: Mon, 02 Jan 2006 15:04:09 GMT", "Date: Mon, 02 Jan 2006 15:04:05 GMT"),
			answers(200, running),
		}, client.WithNotify(func(_ error, pause time.Duration) { told = append(told, pause) }))
		if _, err := c.Get(t.Context(), "agg_1"); err != nil {
			t.Fatal(err)
		}
		if got := f.pauses(); got[0] != 3*time.Second || got[1] != 4*time.Second || told[0] != got[0] || told[1] != got[1] {
			t.Errorf("paused for %v, told %v, want 3 s and 4 s", got, told)
		}
	})
}

func TestClient_givesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newFake(t, []step{refuses(503, "unavailable")})
		began := time.Now()
		_, err := c.Get(t.Context(), "agg_1")
		if took := time.Since(began); took < 9*time.Second || took > 15*time.Second {
			t.Errorf("gave up after %v, want up to 15 s", took)
		}
		if !errors.Is(err, gather.ErrUnavailable) || !strings.Contains(err.Error(), "attempts: 503 T: what happened") {
			t.Errorf("%v", err)
		}
		if n := len(f.seen); n < 5 || n > 60 {
			t.Errorf("%d attempts", n)
		}
		c, f = newFake(t, []step{refuses(503, "unavailable", "Retry-After: 60")})
		if _, err := c.Get(t.Context(), "agg_1"); err == nil || len(f.seen) != 1 {
			t.Errorf("waits for longer than it may: %d requests, %v", len(f.seen), err)
		}
		c, f = newFake(t, []step{breaks}, client.WithRetryFor(0))
		if _, err := c.Get(t.Context(), "agg_1"); !errors.Is(err, errReset) || len(f.seen) != 1 {
			t.Errorf("%d requests, %v", len(f.seen), err)
		}
	})
}

func TestClient_triesNotAgain(t *testing.T) {
	redirect := func(r *http.Request) (*http.Response, error) {
		return response(301, http.NoBody, "Location: https://gather.example"+r.URL.Path), nil
	}
	for name, s := range map[string]step{
		"what is not valid": refuses(422, "invalid-request"), "without a key": refuses(401, "x"),
		"another service's JSON": answers(200, `{"hello":"world"}`), "a page": answers(200, "<html>"), "another type": answers(200, `{"id":7}`),
		"a redirect": redirect,
	} {
		t.Run(name, func(t *testing.T) {
			c, f := newFake(t, []step{s})
			if agg, err := c.Create(t.Context(), &spec); err == nil || agg != nil || len(f.seen) != 1 {
				t.Errorf("%d requests, %+v, %v", len(f.seen), agg, err)
			}
		})
	}
}

func TestClient_contextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, call := range map[string]func(context.Context, *client.Client) error{
			"Create":  func(ctx context.Context, c *client.Client) error { _, err := c.Create(ctx, &spec); return err },
			"Wait":    func(ctx context.Context, c *client.Client) error { _, err := c.Wait(ctx, "agg_1"); return err },
			"Events":  func(ctx context.Context, c *client.Client) error { return last(c.Events(ctx, "agg_1")) },
			"Results": func(ctx context.Context, c *client.Client) error { return last(c.Results(ctx, "agg_1")) },
			"List":    func(ctx context.Context, c *client.Client) error { return last(c.List(ctx, gather.Filter{})) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			c, _ := newFake(t, []step{refuses(503, "unavailable")})
			if err := call(ctx, c); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, gather.ErrUnavailable) {
				t.Errorf("%s with a server that is out of order: %v", name, err)
			}
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
			c, f := newFake(t, []step{hangs})
			if err := call(ctx, c); !errors.Is(err, context.DeadlineExceeded) || len(f.seen) != 1 {
				t.Errorf("%s with a server that hangs: %v after %d requests", name, err, len(f.seen))
			}
			cancel()
		}
	})
}

// TestClient_changesTwice holds that doing it twice is a success: the answer to the first
// attempt was lost.
func TestClient_changesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newFake(t, []step{breaks, refuses(409, "finished"), answers(200, canceled)})
		if agg, err := c.Cancel(t.Context(), "agg_1"); err != nil || agg.Status != gather.StatusCanceled {
			t.Errorf("cancel: %+v, %v", agg, err)
		}
		c, _ = newFake(t, []step{breaks, refuses(409, "finished"), answers(200, succeeded)})
		if agg, err := c.Cancel(t.Context(), "agg_1"); !errors.Is(err, gather.ErrFinished) {
			t.Errorf("cancel, and it had succeeded: %+v, %v", agg, err)
		}
		c, _ = newFake(t, []step{refuses(409, "finished")})
		if agg, err := c.Cancel(t.Context(), "agg_1"); !errors.Is(err, gather.ErrFinished) {
			t.Errorf("cancel, once: %+v, %v", agg, err)
		}
		c, _ = newFake(t, []step{breaks, refuses(404, "not-found")})
		if err := c.Delete(t.Context(), "agg_1"); err != nil {
			t.Errorf("delete: %v", err)
		}
		c, _ = newFake(t, []step{refuses(404, "not-found")})
		if err := c.Delete(t.Context(), "agg_1"); !errors.Is(err, gather.ErrNotFound) {
			t.Errorf("delete, once: %v", err)
		}
	})
}

// TestClient_Retry_once holds that what was done is not done again, also if it has come to
// an end since.
func TestClient_Retry_once(t *testing.T) {
	ended := func(second int) step {
		return answers(200, fmt.Sprintf(`{"id":"agg_1","status":"failed","finished_at":"2026-01-02T03:04:%02d.000Z"}`, second))
	}
	goesOn := answers(200, running)
	const get, post = "GET /v1/aggregations/agg_1?results=false", "POST /v1/aggregations/agg_1/retry"
	for name, c := range map[string]struct {
		steps []step
		uris  []string
		want  gather.Status
	}{
		"at once":                    {[]step{ended(5), goesOn}, []string{get, post}, gather.StatusRunning},
		"it goes on":                 {[]step{ended(5), breaks, goesOn}, []string{get, post, get}, gather.StatusRunning},
		"it has ended again":         {[]step{breaks, ended(5), refuses(503, "outcome-unknown"), breaks, ended(6)}, []string{get, get, post, get, get}, gather.StatusFailed},
		"the first did not arrive":   {[]step{ended(5), breaks, ended(5), goesOn}, []string{get, post, get, post}, gather.StatusRunning},
		"the first arrives late":     {[]step{ended(5), breaks, ended(5), refuses(409, "unfinished"), goesOn}, []string{get, post, get, post, get}, gather.StatusRunning},
		"refused for the time being": {[]step{ended(5), refuses(429, "too-many-open"), goesOn}, []string{get, post, post}, gather.StatusRunning},
		"it runs":                    {[]step{goesOn, refuses(409, "unfinished")}, []string{get, post}, ""},
		"it runs, in two attempts":   {[]step{goesOn, breaks, goesOn, refuses(409, "unfinished")}, []string{get, post, get, post}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, f := newFake(t, c.steps)
			agg, err := client.Retry(t.Context(), "agg_1")
			var uris []string
			for _, s := range f.seen {
				uris = append(uris, s.uri)
			}
			if !slices.Equal(uris, c.uris) || (err == nil) != (c.want != "") || agg != nil && agg.Status != c.want {
				t.Errorf("%s: %+v, %v after %q", name, agg, err, uris)
			}
		})
	}
}
