package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"gather/internal/tracing"
)

const (
	clientTrace  = "0af7651916cd43dd8448eb211c80319c"
	clientSpan   = "b7ad6b7169203331"
	clientParent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

// traced is everything in one process, whose spans are kept in memory.
type traced struct {
	t        *testing.T
	api      *API
	exporter *tracetest.InMemoryExporter
	upstream *httptest.Server

	mu   sync.Mutex
	seen map[string][]string // traceparent headers, by path
}

func startTraced(t *testing.T) *traced {
	t.Helper()
	tr := &traced{t: t, exporter: tracetest.NewInMemoryExporter(), seen: make(map[string][]string)}
	tr.upstream = httptest.NewServer(tr)
	t.Cleanup(tr.upstream.Close)
	tracer, err := tracing.New(tracing.Service{Name: "test", Version: "1"}, sdktrace.WithSyncer(tr.exporter))
	if err != nil {
		t.Fatal(err)
	}
	tr.api, err = newAPI(t.Context(), mustParse(t, "--allow-net", "127.0.0.0/8"), quiet, tracedBy(tracer, quiet))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- tr.api.Serve() }()
	t.Cleanup(func() {
		tr.api.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return tr
}

// ServeHTTP answers the first request for /twice with 503, and all else with 200.
func (tr *traced) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.seen[r.URL.Path] = append(tr.seen[r.URL.Path], r.Header.Get("Traceparent"))
	if r.URL.Path == "/twice" && len(tr.seen[r.URL.Path]) == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// post has an aggregation run to its end within the client's trace.
func (tr *traced) post(body string) {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(tr.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+tr.api.Addr()+"/v1/aggregations", strings.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	req.Header.Set("Prefer", "wait=60")
	req.Header.Set("Traceparent", clientParent)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		tr.t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		tr.t.Fatalf("%d %s", resp.StatusCode, text)
	}
}

// tree is the spans as lines, a span below its parent, in the order of their names; equal ones
// are counted. It waits until there are so many of them: some end after the answer.
func (tr *traced) tree(spans int) []string {
	tr.t.Helper()
	for deadline := time.Now().Add(patience); len(tr.exporter.GetSpans()) < spans && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	under := make(map[string][]tracetest.SpanStub)
	for _, span := range tr.exporter.GetSpans() {
		if got := span.SpanContext.TraceID().String(); got != clientTrace {
			tr.t.Errorf("%s is of trace %s", span.Name, got)
		}
		parent := span.Parent.SpanID().String()
		under[parent] = append(under[parent], span)
	}
	return branches(under, clientSpan, "")
}

func branches(under map[string][]tracetest.SpanStub, parent, indent string) []string {
	lines := make(map[string]int)
	for _, span := range under[parent] {
		below := branches(under, span.SpanContext.SpanID().String(), indent+"  ")
		lines[strings.Join(append([]string{indent + describe(span)}, below...), "\n")]++
	}
	var list []string
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		if n := lines[line]; n > 1 {
			line = fmt.Sprintf("%s%d × %s", indent, n, strings.TrimPrefix(line, indent))
		}
		list = append(list, strings.Split(line, "\n")...)
	}
	return list
}

// describe is a span's name, kind and what tells it from others.
func describe(span tracetest.SpanStub) string {
	text := span.Name + " (" + span.SpanKind.String() + ")"
	for _, a := range span.Attributes {
		switch a.Key {
		case "http.response.status_code", "http.request.resend_count", "gather.item.attempts", "error.type":
			text += " " + strings.TrimPrefix(string(a.Key), "http.") + "=" + a.Value.String()
		}
	}
	return text
}

// TestTrace_tree follows an aggregation whose items are fetched with its run task, one in two attempts.
func TestTrace_tree(t *testing.T) {
	tr := startTraced(t)
	tr.post(`{"requests":[{"url":"` + tr.upstream.URL + `/ok"},{"url":"` + tr.upstream.URL + `/twice","retry":{"min_backoff":"1ms","max_backoff":"1ms"}}]}`)
	want := []string{
		"POST /v1/aggregations (server) response.status_code=200",
		"  process aggregations (consumer)",
		"    item (internal) gather.item.attempts=1",
		"      GET (client) response.status_code=200",
		"      record (internal)",
		"    item (internal) gather.item.attempts=2",
		"      GET (client) request.resend_count=1 response.status_code=200",
		"      GET (client) response.status_code=503 error.type=503",
		"      record (internal)",
		"  wait (internal)",
	}
	if got := tr.tree(len(want)); !slices.Equal(got, want) {
		t.Errorf("the tree is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	tr.wantSent("/ok", "/twice")
}

// wantSent wants each request for the paths to have brought the span of its own attempt.
func (tr *traced) wantSent(paths ...string) {
	tr.t.Helper()
	attempts := make(map[string]bool)
	for _, span := range tr.exporter.GetSpans() {
		if span.SpanKind.String() == "client" {
			attempts["00-"+clientTrace+"-"+span.SpanContext.SpanID().String()+"-01"] = true
		}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, path := range paths {
		for _, header := range tr.seen[path] {
			if !attempts[header] {
				tr.t.Errorf("%s came with traceparent %q, which is no attempt's, or another's", path, header)
			}
			delete(attempts, header)
		}
	}
}

// TestTrace_batch follows one that goes through the queue in batches, with those that follow as
// results come in.
func TestTrace_batch(t *testing.T) {
	const items = 300
	tr := startTraced(t)
	urls := make([]string, items)
	for i := range urls {
		urls[i] = fmt.Sprintf("%q", tr.upstream.URL+"/"+fmt.Sprint(i))
	}
	tr.post(`{"concurrency":100,"urls":[` + strings.Join(urls, ",") + `]}`)
	tr.tree(3 + 3*items + 1)
	kinds := make(map[string]int)
	names := make(map[string]string)
	for _, span := range tr.exporter.GetSpans() {
		names[span.SpanContext.SpanID().String()] = span.Name
	}
	for _, span := range tr.exporter.GetSpans() {
		kinds[span.Name+" < "+names[span.Parent.SpanID().String()]]++
	}
	tasks := kinds["process fetch-default-bulk < process aggregations"]
	if tasks == 0 {
		t.Errorf("no task of the bulk queue is below the run task: %v", kinds)
	}
	want := map[string]int{
		"POST /v1/aggregations < ": 1, "wait < POST /v1/aggregations": 1, "process aggregations < POST /v1/aggregations": 1,
		"process fetch-default-bulk < process aggregations": tasks,
		"item < process fetch-default-bulk":                 items, "GET < item": items, "record < item": items,
	}
	if !maps.Equal(kinds, want) {
		t.Errorf("spans by parent: %v, want %v", kinds, want)
	}
}

// TestTrace_attributes looks at what a span tells of a request that has secrets.
func TestTrace_attributes(t *testing.T) {
	tr := startTraced(t)
	host := strings.TrimPrefix(tr.upstream.URL, "http://")
	tr.post(`{"requests":[{"url":"http://user:hunter2@` + host + `/ok?token=hunter2","method":"POST","headers":{"X-Api-Key":"hunter2","traceparent":"its own"},"body":{"a":"hunter2"}}]}`)
	tr.tree(6)
	for _, span := range tr.exporter.GetSpans() {
		if strings.Contains(fmt.Sprint(span), "hunter2") {
			t.Errorf("a secret is in %+v", span)
		}
		if span.SpanKind.String() != "client" {
			continue
		}
		got := attribute.NewSet(span.Attributes...)
		for key, want := range map[attribute.Key]string{
			"http.request.method": "POST", "url.full": "http://" + host + "/ok?token=***", "server.address": "127.0.0.1", "http.response.status_code": "200",
		} {
			if value, _ := got.Value(key); value.String() != want {
				t.Errorf("%s is %q, want %q", key, value.String(), want)
			}
		}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if got := tr.seen["/ok"]; len(got) != 1 || got[0] != "its own" {
		t.Errorf("the client's own header arrived as %q", got)
	}
}
