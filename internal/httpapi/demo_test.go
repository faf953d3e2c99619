package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gather"
)

// seenSpec is a store that lets the test look at what is created.
type seenSpec struct {
	*fakeStore
	spec *gather.Spec
}

func (s *seenSpec) Create(ctx context.Context, c *gather.Creation) (*gather.Aggregation, bool, error) {
	s.spec = c.Spec
	return s.fakeStore.Create(ctx, c)
}

func TestDemo_Aggregated(t *testing.T) {
	for _, c := range []struct {
		path, message, list string
		num, concurrency    int
		first               string
		timeout             time.Duration
	}{
		{"/api/aggregated/", "Hello Async World", "responses", 10, 0, "http://demo.test/api/?task_id=0", 11 * time.Second},
		{"/api/aggregated", "Hello Async World", "responses", 10, 0, "http://demo.test/api/?task_id=0", 11 * time.Second},
		{"/api/aggregated_sync/", "Hello Sync World!", "aggregated_responses", 10, 1, "http://demo.test/api/?task_id=0", 11 * time.Second},
		{"/api/aggregated_sync?num=3", "Hello Sync World!", "aggregated_responses", 3, 1, "http://demo.test/api/?task_id=0", 11 * time.Second},
		{"/api/aggregated/?num=1000&delay_ms=60000", "Hello Async World", "responses", 1000, 0, "http://demo.test/api/?delay_ms=60000&task_id=0", 70 * time.Second},
		{"/api/aggregated/?delay_ms=0&num=1", "Hello Async World", "responses", 1, 0, "http://demo.test/api/?delay_ms=0&task_id=0", 10 * time.Second},
	} {
		s := serve(t, func(o *Options) { o.Demo, o.DemoURL = true, func() string { return "http://demo.test" } })
		s.store.finishAtOnce = true
		seen := &seenSpec{s.store, nil}
		s.api.store = seen
		a := s.get(c.path).want(t, 200)
		var got struct {
			Message    string
			Responses  []map[string]string
			Aggregated []map[string]string `json:"aggregated_responses"`
			Debug      string              `json:"debug_message"`
			Elapsed    *float64
		}
		a.decode(t, &got)
		list := slices.Concat(got.Responses, got.Aggregated)
		if got.Message != c.message || !strings.Contains(string(a.body), `"`+c.list+`":[`) || len(list) != c.num || list[c.num-1]["task_id"] != strconv.Itoa(c.num-1) || got.Elapsed == nil {
			t.Errorf("%s: %.300s", c.path, a.body)
		}
		if !strings.HasPrefix(got.Debug, "fetch executed in 0.") || !strings.HasSuffix(got.Debug, " seconds.") {
			t.Errorf("%s", got.Debug)
		}
		spec := seen.spec
		if spec.Concurrency != c.concurrency || len(spec.Requests) != c.num || spec.Requests[0].URL != c.first || spec.Name != "demo" || spec.Requests[0].AttemptTimeout() != c.timeout {
			t.Errorf("%s: %d, %s, %v", c.path, spec.Concurrency, spec.Requests[0].URL, spec.Requests[0].AttemptTimeout())
		}
		if faults := spec.Validate(1000); faults != nil {
			t.Errorf("%s: %v", c.path, faults)
		}
		if len(s.queue.runs()) != 1 {
			t.Error("not run")
		}
	}
}

func TestDemo_FailedItem(t *testing.T) {
	s := serve(t, func(o *Options) { o.Demo = true })
	pending := s.later("GET", "/api/aggregated/?num=2", "")
	<-s.store.entered
	s.store.record("agg_1", gather.Result{Index: 1, Status: gather.ItemSucceeded, Body: json.RawMessage(`{"message":"Hello World"}`)})
	s.store.record("agg_1", gather.Result{Index: 0, Status: gather.ItemFailed, Error: &gather.ItemError{Code: "dns_error", Message: "no such host"}, Body: json.RawMessage(`"old"`)})
	a := (<-pending).want(t, 200)
	if !strings.Contains(string(a.body), `"responses":[{"error":{"code":"dns_error","message":"no such host"}},{"message":"Hello World"}]`) {
		t.Errorf("%s", a.body)
	}
	if url := s.store.all["agg_1"].items[0].URL; !strings.HasPrefix(url, s.server.URL+"/api/?") {
		t.Errorf("without DemoURL: %s", url)
	}
}

func TestDemo_BadParameters(t *testing.T) {
	s := serve(t, func(o *Options) { o.Demo, o.MaxRequests = true, 20 })
	for _, bad := range []string{"num=0", "num=1001", "num=x", "num=21"} {
		if p := s.get("/api/aggregated/?"+bad).problem(t, 422); len(p.Errors) != 1 || p.Errors[0].Location != "query.num" {
			t.Errorf("%s: %+v", bad, p)
		}
	}
	s.store.err = gather.ErrUnavailable
	s.get("/api/aggregated/").problem(t, 503)
}

func TestDemo_Off(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/api", "/api/", "/api/aggregated/", "/api/aggregated_sync"} {
		s.get(path).problem(t, 404)
	}
}
