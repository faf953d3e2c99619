package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gather/client"
)

// step is how the fake server treats one request.
type step func(r *http.Request) (*http.Response, error)

// fake is a server within the process: it takes the steps one after the other, and the
// last of them for ever.
type fake struct {
	mu    sync.Mutex
	steps []step
	seen  []sighting
}

// sighting is one request as it arrived.
type sighting struct {
	at     time.Time
	header http.Header
	uri    string
	body   string
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	f.mu.Lock()
	f.seen = append(f.seen, sighting{time.Now(), r.Header.Clone(), r.Method + " " + r.URL.RequestURI(), string(body)})
	next := f.steps[min(len(f.seen), len(f.steps))-1]
	f.mu.Unlock()
	return next(r)
}

// pauses are the times between the requests.
func (f *fake) pauses() (list []time.Duration) {
	for i := 1; i < len(f.seen); i++ {
		list = append(list, f.seen[i].at.Sub(f.seen[i-1].at))
	}
	return list
}

// newFake returns a client of a fake server.
func newFake(t *testing.T, steps []step, opts ...client.Option) (*client.Client, *fake) {
	t.Helper()
	f := &fake{steps: steps}
	return mustNew(t, "http://gather.example", append(opts, client.WithHTTPClient(&http.Client{Transport: f}))...), f
}

func mustNew(t *testing.T, url string, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var errReset = errors.New("connection reset by peer")

func breaks(*http.Request) (*http.Response, error) { return nil, errReset }

// hangs never answers.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// answers with a body; headers are "Name: value".
func answers(status int, body string, headers ...string) step {
	return func(*http.Request) (*http.Response, error) {
		return response(status, strings.NewReader(body), headers...), nil
	}
}

func response(status int, body io.Reader, headers ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
	resp.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		resp.Header.Set(name, value)
	}
	return resp
}

// refuses with a problem of a kind, such as "not-found".
func refuses(status int, kind string, headers ...string) step {
	body := fmt.Sprintf(`{"type":"urn:gather:problem:%s","title":"T","status":%d,"detail":"what happened"}`, kind, status)
	return answers(status, body, append(headers, "Content-Type: application/problem+json")...)
}

// cut is a stream that breaks after a text.
func cut(text string) step {
	return func(*http.Request) (*http.Response, error) {
		return response(200, io.MultiReader(strings.NewReader(text), broken{})), nil
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errReset }

const (
	running   = `{"id":"agg_1","status":"running","counts":{"total":2}}`
	succeeded = `{"id":"agg_1","status":"succeeded","counts":{"total":2,"succeeded":2}}`
	canceled  = `{"id":"agg_1","status":"canceled","counts":{"total":2,"canceled":2}}`
)

// finished is an aggregation with a result.
var finished = strings.TrimSuffix(succeeded, "}") + `,"results":[{"index":0,"status":"succeeded"}]}`
