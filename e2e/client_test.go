package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// object is a JSON object on its way out.
type object = map[string]any

// client is a client of one API, which holds every answer against the API's document. It
// takes compressed answers only where a test asks for them, and follows no redirects.
type client struct {
	base     string
	http     *http.Client
	headers  []string // sent with every request
	promises *promises
}

func newClient(tb testing.TB, base string) *client {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	tb.Cleanup(transport.CloseIdleConnections)
	c := &http.Client{
		Transport:     transport,
		Timeout:       2 * patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &client{base: base, http: c, promises: &promises{tb: tb, base: base, http: c}}
}

// with is the client with an API key.
func (c *client) with(key string) *client {
	other := *c
	other.headers = []string{"Authorization: Bearer " + key}
	return &other
}

// answer is a response that has arrived in full.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// try sends a request. The body is nil, or text as a string, or anything to be
// encoded as JSON; headers are "Name: value".
func (c *client) try(method, path string, body any, headers ...string) (*answer, error) {
	resp, err := c.send(method, path, body, headers...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	a := &answer{resp.StatusCode, resp.Header, text}
	if err == nil {
		c.promises.check(method, path, a)
	}
	return a, err
}

// open sends a request and leaves the response's body to the caller.
func (c *client) open(method, path string, body any, headers ...string) (*http.Response, error) {
	resp, err := c.send(method, path, body, headers...)
	if err == nil {
		c.promises.check(method, path, &answer{resp.StatusCode, resp.Header, nil})
	}
	return resp, err
}

func (c *client) send(method, path string, body any, headers ...string) (*http.Response, error) {
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(body)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, c.base+path, payload)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, header := range append(c.headers[:len(c.headers):len(c.headers)], headers...) {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	return c.http.Do(req)
}

// do sends a request that has to be answered with the status. Every answer says
// how long it took, and every error is a problem document.
func (c *client) do(tb testing.TB, status int, method, path string, body any, headers ...string) *answer {
	tb.Helper()
	a, err := c.try(method, path, body, headers...)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		tb.Fatalf("%s %s answered %d, want %d: %.2000s", method, path, a.status, status, a.body)
	}
	if a.header.Get("Server-Timing") == "" {
		tb.Errorf("%s %s answered without Server-Timing", method, path)
	}
	if a.status >= 400 {
		a.problem(tb)
	}
	return a
}

func (c *client) get(tb testing.TB, status int, path string, headers ...string) *answer {
	tb.Helper()
	return c.do(tb, status, http.MethodGet, path, nil, headers...)
}

const aggregations = "/v1/aggregations"

// create posts an aggregation, which has to be accepted, and returns it as it stands then.
func (c *client) create(tb testing.TB, spec object, headers ...string) *aggregation {
	tb.Helper()
	return c.do(tb, http.StatusAccepted, http.MethodPost, aggregations, spec, headers...).aggregation(tb)
}

// path is where the aggregation is read, or what comes below it.
func path(id string, below ...string) string {
	return aggregations + "/" + url.PathEscape(id) + strings.Join(below, "")
}

// finished waits for the aggregation's end and returns it with its results. As any
// client should, it asks again where Redis was too busy to answer.
func (c *client) finished(tb testing.TB, id string) *aggregation {
	tb.Helper()
	return c.finishedWithin(tb, patience, id)
}

// finishedWithin is finished with a bound of its own.
func (c *client) finishedWithin(tb testing.TB, bound time.Duration, id string) *aggregation {
	tb.Helper()
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); {
		a, err := c.try(http.MethodGet, path(id, "?wait=20s"), nil)
		if err != nil || a.status != http.StatusOK && a.status != http.StatusServiceUnavailable {
			tb.Fatalf("waiting for %s: %+v, %v", id, a, err)
		}
		if a.status == http.StatusServiceUnavailable {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		agg := a.aggregation(tb)
		if agg.finished() {
			agg.check(tb)
			return agg
		}
	}
	tb.Fatalf("%s has not finished within %v", id, bound)
	return nil
}

// run posts an aggregation and waits for its end.
func (c *client) run(tb testing.TB, spec object) *aggregation {
	tb.Helper()
	return c.finished(tb, c.create(tb, spec).ID)
}
