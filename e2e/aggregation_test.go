package e2e

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// aggregation is what the contract says that one looks like.
type aggregation struct {
	ID         string            `json:"id"`
	Name       *string           `json:"name"`
	Labels     map[string]string `json:"labels"`
	Status     string            `json:"status"`
	Reason     string            `json:"reason"`
	Counts     counts            `json:"counts"`
	CreatedAt  string            `json:"created_at"`
	StartedAt  string            `json:"started_at"`
	FinishedAt string            `json:"finished_at"`
	ExpiresAt  string            `json:"expires_at"`
	ElapsedMS  float64           `json:"elapsed_ms"`
	Results    []result          `json:"results"`
}

type counts struct{ Total, Succeeded, Failed, Canceled, Pending int }

type result struct {
	Index       int             `json:"index"`
	Key         string          `json:"key"`
	URL         string          `json:"url"`
	Status      string          `json:"status"`
	HTTPStatus  int             `json:"http_status"`
	ContentType string          `json:"content_type"`
	Body        json.RawMessage `json:"body"`
	BodyBase64  []byte          `json:"body_base64"`
	ElapsedMS   float64         `json:"elapsed_ms"`
	Attempts    int             `json:"attempts"`
	Truncated   bool            `json:"truncated"`
	Error       *itemError      `json:"error"`
}

type itemError struct{ Code, Message string }

// code is the error's code, "" for none.
func (r *result) code() string {
	if r.Error == nil {
		return ""
	}
	return r.Error.Code
}

// text is the body where it is a JSON string.
func (r *result) text(tb testing.TB) string {
	tb.Helper()
	var text string
	if err := json.Unmarshal(r.Body, &text); err != nil {
		tb.Errorf("result %d: the body %.100s is no string: %v", r.Index, r.Body, err)
	}
	return text
}

// problem is the body of every error (RFC 9457).
type problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Errors []fault `json:"errors"`
}

type fault struct{ Location, Message string }

// decode reads an answer's JSON.
func decode[T any](tb testing.TB, a *answer) T {
	tb.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		tb.Fatalf("decode %T: %v in %.2000s", v, err, a.body)
	}
	return v
}

// aggregation reads the answer strictly: a field that the contract doesn't know is a fault.
func (a *answer) aggregation(tb testing.TB) *aggregation {
	tb.Helper()
	if got := a.header.Get("Content-Type"); got != "application/json" {
		tb.Errorf("Content-Type = %q, want application/json", got)
	}
	return parseAggregation(tb, a.body)
}

func parseAggregation(tb testing.TB, text []byte) *aggregation {
	tb.Helper()
	agg := new(aggregation)
	mustDecodeStrictly(tb, text, agg)
	return agg
}

func mustDecodeStrictly(tb testing.TB, text []byte, v any) {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		tb.Fatalf("decode %T: %v in %.2000s", v, err, text)
	}
}

func (a *answer) problem(tb testing.TB) *problem {
	tb.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		tb.Errorf("Content-Type of a %d = %q, want application/problem+json", a.status, got)
	}
	p := decode[problem](tb, a)
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != a.status {
		tb.Errorf("a %d with the problem %+v: type, title, detail and the same status are wanted", a.status, p)
	}
	return &p
}

func (a *aggregation) finished() bool { return a.Status != "queued" && a.Status != "running" }

const timeLayout = "2006-01-02T15:04:05.000Z"

// check holds a finished aggregation with its results against what is true of every one.
func (a *aggregation) check(tb testing.TB) {
	tb.Helper()
	got := counts{Total: len(a.Results)}
	for i := range a.Results {
		r := &a.Results[i]
		if r.Index != i {
			tb.Errorf("%s: result %d has index %d; order and number must be those of the input", a.ID, i, r.Index)
		}
		switch r.Status {
		case "succeeded":
			got.Succeeded++
		case "failed":
			got.Failed++
		case "canceled":
			got.Canceled++
		}
		if (r.Error == nil) != (r.Status == "succeeded") {
			tb.Errorf("%s/%d is %s with the error %+v", a.ID, i, r.Status, r.Error)
		}
	}
	if got != a.Counts {
		tb.Errorf("%s: counts = %+v, and the results make %+v", a.ID, a.Counts, got)
	}
	if want := statusOf(got); a.Status != want {
		tb.Errorf("%s: status = %s with %+v, want %s", a.ID, a.Status, got, want)
	}
	for _, instant := range []string{a.CreatedAt, a.FinishedAt, a.ExpiresAt} {
		if _, err := time.Parse(timeLayout, instant); err != nil {
			tb.Errorf("%s: %v; want RFC 3339 in UTC with milliseconds", a.ID, err)
		}
	}
	if a.Name == nil || a.Labels == nil || !strings.HasPrefix(a.ID, "agg_") {
		tb.Errorf("%s: name = %v, labels = %v", a.ID, a.Name, a.Labels)
	}
}

func statusOf(c counts) string {
	switch {
	case c.Canceled > 0:
		return "canceled"
	case c.Succeeded == c.Total:
		return "succeeded"
	case c.Succeeded == 0:
		return "failed"
	}
	return "partial"
}
