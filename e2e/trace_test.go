package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// newTrace is a trace of the client's, and the header that it comes with.
func newTrace(n int) (trace, header string) {
	trace = fmt.Sprintf("%032x", 0xabc000+n)
	return trace, "traceparent: 00-" + trace + "-00000000000000aa-01"
}

const (
	postSpan = "POST /v1/aggregations"
	runSpan  = postSpan + " > process aggregations"
)

// wantLines waits until the trace has these spans and no others.
func (o *otlp) wantLines(tb testing.TB, trace string, want map[string]int) {
	tb.Helper()
	var got map[string]int
	defer func() {
		if tb.Failed() {
			tb.Logf("the trace has %v, want %v", got, want)
		}
	}()
	eventually(tb, "all spans have come", func() bool {
		got = o.lines(trace)
		return maps.Equal(got, want)
	})
}

// TestTrace follows aggregations through several processes, to each request that an upstream sees.
func TestTrace(t *testing.T) {
	t.Parallel()
	o, u := newOTLP(t), newUpstream(t)
	s := &system{redis: launchRedis(t), env: o.env()}
	s.addAPI(t, "--redis-url", s.redis.URL)
	s.addWorker(t)
	s.ready(t, 1)
	whole := t
	u.on("/later", first(1, retryAfter("2", http.StatusServiceUnavailable), ok))

	t.Run("with an attempt that goes through the queue", func(t *testing.T) {
		trace, header := newTrace(1)
		agg := s.create(t, object{"urls": u.urls("/later")}, header)
		s.finished(t, agg.ID)
		o.wantLines(t, trace, map[string]int{
			postSpan: 1, runSpan: 1, runSpan + " > item": 1, runSpan + " > item > GET": 1,
			runSpan + " > process fetch-default": 1, runSpan + " > process fetch-default > item": 1,
			runSpan + " > process fetch-default > item > GET": 1, runSpan + " > process fetch-default > item > record": 1,
		})
		for _, seen := range u.requests("/later") {
			if got := seen.header.Get("Traceparent"); !strings.HasPrefix(got, "00-"+trace+"-") {
				t.Errorf("the upstream sees traceparent %q, want one of trace %s", got, trace)
			}
		}
	})
	t.Run("with a wait of a trace of its own", func(t *testing.T) {
		trace, header := newTrace(2)
		open := u.gate("/held")
		id := s.create(t, object{"urls": u.urls("/held")}, header).ID
		waiting, header := newTrace(3)
		go open()
		if a, err := s.try(http.MethodGet, path(id, "?wait=50s"), nil, header); err != nil || !a.aggregation(t).finished() {
			t.Fatalf("%+v, %v", a, err)
		}
		o.wantLines(t, waiting, map[string]int{"GET /v1/aggregations/:id": 1, "GET /v1/aggregations/:id > wait": 1})
		for _, span := range o.of(waiting) {
			if span.GetName() == "wait" && (len(span.GetLinks()) != 1 || fmt.Sprintf("%x", span.GetLinks()[0].GetTraceId()) != trace) {
				t.Errorf("the wait has links %v, want one to trace %s", span.GetLinks(), trace)
			}
		}
	})
	t.Run("whose worker is lost", func(t *testing.T) {
		trace, header := newTrace(4)
		u.on("/lost", first(1, u.never, ok))
		id := s.create(t, object{"requests": []object{{"url": u.URL + "/lost", "timeout": "1s"}}}, header).ID
		u.sees(t, "/lost", 1)
		s.workers[0].kill() // its spans are gone with it
		s.addWorker(whole)
		s.finished(t, id)
		again := postSpan + " > process fetch-default"
		o.wantLines(t, trace, map[string]int{postSpan: 1, again: 1, again + " > item": 1, again + " > item > GET": 1, again + " > item > record": 1})
	})
	t.Run("and not what is no work", func(t *testing.T) {
		trace, header := newTrace(5)
		for _, p := range []string{"/healthz", "/readyz", "/metrics", "/" + secret} {
			if _, err := s.try(http.MethodGet, p, nil, header); err != nil {
				t.Fatal(err)
			}
		}
		last, header := newTrace(6)
		s.run(t, object{"urls": u.urls("/ok")})
		s.get(t, http.StatusOK, aggregations, header)
		o.wantLines(t, last, map[string]int{"GET /v1/aggregations": 1})
		if got := o.lines(trace); len(got) > 0 {
			t.Errorf("probes have spans: %v", got)
		}
	})
}

// TestTrace_Off sends no trace context, not even the client's.
func TestTrace_Off(t *testing.T) {
	t.Parallel()
	s, u := startMeasured(t, 1), newUpstream(t)
	_, header := newTrace(1)
	s.finished(t, s.create(t, object{"urls": u.urls("/ok")}, header).ID)
	if got := u.requests("/ok")[0].header.Get("Traceparent"); got != "" {
		t.Errorf("the upstream sees traceparent %q", got)
	}
}
