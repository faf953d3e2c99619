package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otlp takes the spans that processes export, over OTLP/HTTP.
type otlp struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*v1.Span
	text  strings.Builder // all that came, as it can be read
}

func newOTLP(tb testing.TB) *otlp {
	o := &otlp{}
	o.Server = httptest.NewServer(o)
	tb.Cleanup(o.Close)
	return o
}

// env has a process export its spans here, and soon.
func (o *otlp) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + o.URL, "OTEL_BSP_SCHEDULE_DELAY=20"}
}

// ServeHTTP implements [http.Handler].
func (o *otlp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	text, err := io.ReadAll(body)
	request := &collector.ExportTraceServiceRequest{}
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(text, request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = fmt.Fprintln(&o.text, request)
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			o.spans = append(o.spans, scope.GetSpans()...)
		}
	}
}

// said is all that came, as text.
func (o *otlp) said() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// of are the spans of a trace by their ids.
func (o *otlp) of(trace string) map[string]*v1.Span {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := make(map[string]*v1.Span)
	for _, span := range o.spans {
		if hex.EncodeToString(span.GetTraceId()) == trace {
			found[hex.EncodeToString(span.GetSpanId())] = span
		}
	}
	return found
}

// wayTo is the way down to a span, by names, from the first that came: "POST … > process …".
func wayTo(spans map[string]*v1.Span, span *v1.Span) string {
	parent := spans[hex.EncodeToString(span.GetParentSpanId())]
	if parent == nil {
		return span.GetName()
	}
	return wayTo(spans, parent) + " > " + span.GetName()
}

// lines counts the spans of a trace by the way down to them.
func (o *otlp) lines(trace string) map[string]int {
	spans, counts := o.of(trace), make(map[string]int)
	for _, span := range spans {
		counts[wayTo(spans, span)]++
	}
	return counts
}
