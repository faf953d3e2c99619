package client_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gather"
	"gather/client"
)

func TestProblem(t *testing.T) {
	all := []error{
		gather.ErrNotFound, gather.ErrFinished, gather.ErrUnfinished, gather.ErrKeyReused, gather.ErrKeyGone,
		gather.ErrTooManyOpen, gather.ErrOutcomeUnknown, gather.ErrUnavailable, gather.ErrBadCursor,
	}
	for kind, want := range map[string][]error{
		"not-found": {gather.ErrNotFound}, "finished": {gather.ErrFinished}, "unfinished": {gather.ErrUnfinished},
		"idempotency-key-reused": {gather.ErrKeyReused}, "idempotency-key-gone": {gather.ErrKeyGone}, "too-many-open": {gather.ErrTooManyOpen},
		"outcome-unknown": {gather.ErrOutcomeUnknown, gather.ErrUnavailable}, "unavailable": {gather.ErrUnavailable},
		"invalid-request": nil, "internal": nil,
	} {
		c, _ := newFake(t, []step{refuses(400, kind, "X-Request-Id: r1")})
		_, err := c.Get(t.Context(), "agg_1")
		for _, target := range all {
			if expected := slices.Contains(want, target); errors.Is(err, target) != expected {
				t.Errorf("%s is %v: %t", kind, target, !expected)
			}
		}
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != 400 || p.Title != "T" || p.Detail != "what happened" || p.RequestID != "r1" || !strings.HasSuffix(p.Type, kind) {
			t.Errorf("%s: %+v", kind, p)
		}
	}
}

func TestProblem_foreign(t *testing.T) {
	for name, s := range map[string]step{
		"a page":           answers(404, "<html>not found", "Content-Type: text/html"),
		"nothing":          answers(404, ""),
		"half a problem":   answers(404, `{"type":`, "Content-Type: application/problem+json"),
		"a broken problem": func(*http.Request) (*http.Response, error) { return response(404, broken{}), nil },
	} {
		c, _ := newFake(t, []step{s})
		_, err := c.Get(t.Context(), "agg_1")
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != 404 || errors.Is(err, gather.ErrNotFound) || !strings.Contains(err.Error(), "is the URL right") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClient_List_foreign holds that another service's JSON is no empty list.
func TestClient_List_foreign(t *testing.T) {
	c, f := newFake(t, []step{answers(200, `{"path":"/"}`)})
	if err := last(c.List(t.Context(), gather.Filter{})); err == nil || len(f.seen) != 1 {
		t.Errorf("%v", err)
	}
}

func TestNew(t *testing.T) {
	for _, url := range []string{"", "gather.example", "gather.example:8080", "ftp://gather.example", "http://", "http://user:secret@[", "//gather.example", "/v1"} {
		if c, err := client.New(url); err == nil || c != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if c, err := client.New("http://gather.example", client.WithKey("secret\n")); err == nil || c != nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a key with the end of its line: %v", err)
	}
	_, f := newFake(t, []step{answers(200, running)})
	c := mustNew(t, "https://gather.example/below/?x=y#z", client.WithHTTPClient(&http.Client{Transport: f}))
	if _, err := c.Get(t.Context(), "agg_1", client.WithoutResults()); err != nil || f.seen[0].uri != "GET /below/v1/aggregations/agg_1?results=false" {
		t.Errorf("%s, %v", f.seen[0].uri, err)
	}
}
