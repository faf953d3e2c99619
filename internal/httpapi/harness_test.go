package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"gather/internal/openapitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is an API behind a real server, and everything around it.
type service struct {
	t      *testing.T
	api    *API
	server *httptest.Server
	client *http.Client
	store  *fakeStore
	queue  *fakeQueue
	log    *logBuffer

	// described is what the document depends on.
	described string
}

// documents are those of all services, by what they depend on: to write one takes its time.
var documents sync.Map // string → *openapitest.Document

// logBuffer is a log that several goroutines write to.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a service for one test.
func serve(t *testing.T, change ...func(*Options)) *service {
	t.Helper()
	s := &service{t: t, store: newFakeStore(), queue: &fakeQueue{}, log: &logBuffer{}}
	o := Options{
		Store: s.store, Queue: s.queue, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	s.described = fmt.Sprint(o.MaxRequests, o.MaxBody, o.MaxWait, o.Keys == nil, o.Demo, o.Monitor == nil, o.Version)
	s.api = New(o)
	s.server = httptest.NewServer(s.api)
	s.client = s.server.Client()
	s.client.Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(func() {
		s.api.Close()
		s.server.Close()
	})
	return s
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// problemBody is what a client reads of an error.
type problemBody struct {
	Type, Title, Detail string
	Status              int
	Errors              []struct{ Location, Message string }
}

// aggregationBody is what a client reads of an aggregation.
type aggregationBody struct {
	ID, Name, Status string
	Labels           map[string]string
	Counts           struct{ Total, Succeeded, Failed, Canceled, Pending int }
	CreatedAt        string            `json:"created_at"`
	FinishedAt       string            `json:"finished_at"`
	Results          []json.RawMessage `json:"results"`
}

// request makes a request; headers come as name, value, name, value.
func (s *service) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	return r
}

// do sends a request and holds the answer against the document.
func (s *service) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request(method, path, body, headers...))
}

func (s *service) send(r *http.Request) answer {
	s.t.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{resp, body}
	s.checkAnswer(a)
	return a
}

func (s *service) post(body string, headers ...string) answer {
	s.t.Helper()
	return s.do("POST", "/v1/aggregations", body, headers...)
}

func (s *service) get(path string, headers ...string) answer {
	s.t.Helper()
	return s.do("GET", path, "", headers...)
}

// opened is an answer whose body is read as it comes.
type opened struct {
	*bufio.Reader
	status int
	header http.Header
}

// open sends a request and leaves its body to be read as it comes.
func (s *service) open(path string, headers ...string) *opened {
	s.t.Helper()
	return open(s.t, s.client, s.request(http.MethodGet, path, "", headers...))
}

func open(t *testing.T, c *http.Client, r *http.Request) *opened {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &opened{bufio.NewReader(resp.Body), resp.StatusCode, resp.Header}
}

// later sends a request beside the test and hands its answer over.
func (s *service) later(method, path, body string, headers ...string) <-chan answer {
	r := s.request(method, path, body, headers...)
	done := make(chan answer, 1)
	go func() {
		resp, err := s.client.Do(r)
		if err != nil {
			s.t.Error(err)
			close(done)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			s.t.Error(err)
		}
		done <- answer{resp, body}
	}()
	return done
}

func (a answer) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
}

func (a answer) aggregation(t *testing.T) (agg aggregationBody) {
	t.Helper()
	a.decode(t, &agg)
	return agg
}

func (a answer) problem(t *testing.T, status int) (p problemBody) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	a.decode(t, &p)
	return p
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	return a
}

// checkAnswer holds what every answer must have, and what the document promises of it.
func (s *service) checkAnswer(a answer) {
	s.t.Helper()
	if a.Header.Get("Server-Timing") == "" || a.Header.Get("X-Request-Id") == "" {
		s.t.Errorf("%s %s: no Server-Timing or X-Request-Id", a.Request.Method, a.Request.URL)
	}
	contentType := a.Header.Get("Content-Type")
	if a.StatusCode >= 400 && a.Request.Method != http.MethodHead {
		p := a.problem(s.t, a.StatusCode)
		if contentType != "application/problem+json" || p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != a.StatusCode {
			s.t.Errorf("%s %s: not a whole problem: %s %s", a.Request.Method, a.Request.URL, contentType, a.body)
		}
	}
	body := a.body
	if a.Header.Get("Content-Encoding") != "" || a.Request.Method == http.MethodHead {
		body = nil
	}
	if err := s.document().Check(a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header, body); err != nil {
		s.t.Error(err)
	}
}

// document is what the service says of itself.
func (s *service) document() *openapitest.Document {
	s.t.Helper()
	if known, ok := documents.Load(s.described); ok {
		return known.(*openapitest.Document)
	}
	text, err := json.Marshal(s.api.huma.OpenAPI())
	if err != nil {
		s.t.Fatal(err)
	}
	document, err := openapitest.Read(text)
	if err != nil {
		s.t.Fatal(err)
	}
	documents.Store(s.described, document)
	return document
}
