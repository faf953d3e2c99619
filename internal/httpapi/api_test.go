package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gather"
)

func TestAPI_NoSuchPath(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/nothing", "/console", "/console/", "/console/none.js", "/console/../index.html", "/v1", "/v1/aggregations/", "/v1/aggregations/x/y", "/v1/aggregations/x/results/", "/openapi-3.0.json", "/docs/x", "/schemas/Spec", "/%2e%2e/x", "/v1/aggregations/%2F"} {
		a := s.do("GET", path, "")
		if p := a.problem(t, 404); path != "/v1/aggregations/%2F" && p.Type != "about:blank" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

func TestAPI_NoSuchMethod(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		method, path string
		allow        []string
	}{
		{"PUT", "/v1/aggregations", []string{"GET", "HEAD", "POST"}},
		{"POST", "/v1/aggregations/x", []string{"DELETE", "GET", "HEAD"}},
		{"GET", "/v1/aggregations/x/cancel", []string{"POST"}},
		{"HEAD", "/v1/aggregations/x/retry", []string{"POST"}},
		{"DELETE", "/healthz", []string{"GET", "HEAD"}},
		{"BREW", "/readyz", []string{"GET", "HEAD"}},
	} {
		r := s.request(c.method, c.path, "")
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		allow := strings.Split(resp.Header.Get("Allow"), ", ")
		allow = slices.DeleteFunc(allow, func(m string) bool { return m == "OPTIONS" })
		slices.Sort(allow)
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Content-Type") != problemType || !slices.Equal(allow, c.allow) {
			t.Errorf("%s %s: %d, Allow: %v", c.method, c.path, resp.StatusCode, allow)
		}
	}
	if a := s.do("OPTIONS", "/v1/aggregations", "").want(t, 204); a.Header.Get("Allow") == "" {
		t.Errorf("%v", a.Header)
	}
}

func TestAPI_OddAccept(t *testing.T) {
	s := serve(t)
	for _, accept := range []string{"a;b,c", ";", ";,", "text/html", "application/json;q=0", ",", "application/xml;q=,x"} {
		s.get("/v1/aggregations?limit=x", "Accept", accept).problem(t, 422)
		s.get("/v1/aggregations", "Accept", accept).want(t, 200)
	}
}

// buggy is a store with a bug.
type buggy struct{ *fakeStore }

func (buggy) Read(context.Context, string) (*gather.Reading, error) { panic("hunter2") }

func TestAPI_Panic(t *testing.T) {
	s := serve(t)
	s.api.store = buggy{s.store}
	a := s.get("/v1/aggregations/x")
	if p := a.problem(t, 500); strings.Contains(string(a.body), "hunter2") || p.Type != "urn:gather:problem:internal" {
		t.Errorf("%s", a.body)
	}
	if log := s.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "panic: a value of type string") || !strings.Contains(log, "api_test.go") || !strings.Contains(log, a.Header.Get("X-Request-Id")) {
		t.Errorf("%s", log)
	}
}

func TestAPI_PanicAboveTheHandlers(t *testing.T) {
	s := serve(t)
	s.api.routed = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("hunter2") })
	resp, err := s.client.Do(s.request("GET", "/healthz", ""))
	if err == nil {
		_ = resp.Body.Close()
		t.Errorf("answered %d, want the connection cut", resp.StatusCode)
	}
	s.server.Close() // the log is written by then
	if log := s.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "panic: a value of type string") {
		t.Errorf("%s", log)
	}
}

func TestAPI_RequestID(t *testing.T) {
	s := serve(t)
	for _, good := range []string{"abc-123", "a/b+c=:d_e.f", strings.Repeat("x", 128)} {
		if got := s.get("/healthz", "X-Request-Id", good).Header.Get("X-Request-Id"); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "a b", `a"b`, "é", strings.Repeat("x", 129)} {
		got := s.get("/healthz", "X-Request-Id", bad).Header.Get("X-Request-Id")
		if got == bad || len(got) < 16 || seen[got] {
			t.Errorf("%q became %q", bad, got)
		}
		seen[got] = true
	}
}

func TestAPI_AccessLog(t *testing.T) {
	s := serve(t)
	s.get("/v1/aggregations/agg_7?wait=1s&token=hunter2", "X-Request-Id", "r1").problem(t, 404)
	s.server.Close() // the line is written after the answer
	var line string
	for l := range strings.Lines(s.log.String()) {
		if strings.Contains(l, "msg=request ") {
			line = l
		}
	}
	for _, want := range []string{"level=DEBUG", "method=GET", "route=/v1/aggregations/:id", "status=404", "elapsed=", "request_id=r1"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if strings.Contains(s.log.String(), "hunter2") || strings.Contains(s.log.String(), "agg_7") {
		t.Errorf("%s", s.log)
	}
}

func TestAPI_InARecorder(t *testing.T) {
	a := New(Options{Store: newFakeStore(), Queue: &fakeQueue{}})
	defer a.Close()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/aggregations", strings.NewReader(twoURLs)))
	if w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHealth(t *testing.T) {
	s := serve(t)
	if a := s.get("/healthz").want(t, 200); string(a.body) != `{"status":"ok"}`+"\n" {
		t.Errorf("%s", a.body)
	}
	if a := s.get("/readyz").want(t, 200); string(a.body) != `{"status":"ready","workers":1,"queued":0,"finished":0,"warnings":[]}`+"\n" {
		t.Errorf("%s", a.body)
	}
	s.store.set(func() {
		s.store.ready = gather.Readiness{Workers: 2, Finished: 4711, Warnings: []string{"set maxmemory-policy to noeviction"}}
	})
	if a := s.get("/readyz").want(t, 200); !strings.Contains(string(a.body), `"workers":2,"queued":0,"finished":4711,"warnings":["set max`) {
		t.Errorf("%s", a.body)
	}
	s.store.set(func() { s.store.ready.Workers = 0 })
	if p := s.get("/readyz").problem(t, 503); p.Type != "urn:gather:problem:no-worker" || !strings.Contains(p.Detail, "cmd/worker") {
		t.Errorf("%+v", p)
	}
	for _, err := range []error{gather.ErrUnavailable, errBroken} {
		s.store.set(func() { s.store.err = err })
		if p := s.get("/readyz").problem(t, 503); !strings.Contains(p.Detail, "Redis is out of reach") {
			t.Errorf("%+v", p)
		}
		s.get("/healthz").want(t, 200)
	}
}

func TestOpenAPI_Details(t *testing.T) {
	s := serve(t, func(o *Options) { o.MaxRequests = 77 })
	var doc map[string]any
	s.get("/openapi.json").decode(t, &doc)
	at := func(path string) string {
		var v any = doc
		for key := range strings.SplitSeq(path, " ") {
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("nothing at %s", path)
			}
			v = m[key]
		}
		b, _ := json.Marshal(v)
		return string(b)
	}
	for path, want := range map[string]string{
		"components schemas Spec properties deadline type":                        `"string"`,
		"components schemas Spec properties urls maxItems":                        `77`,
		"components schemas Spec additionalProperties":                            `false`,
		"components schemas Spec properties urls type":                            `"array"`,
		"components schemas Request properties body type":                         `null`,
		"components schemas Request required":                                     `["url"]`,
		"components schemas Aggregation properties created_at format":             `"date-time"`,
		"components schemas Aggregation properties finished_at type":              `"string"`,
		"components schemas Aggregation additionalProperties":                     `null`,
		"components schemas Result properties body type":                          `null`,
		"paths /v1/aggregations post requestBody content application/json schema": `{"$ref":"#/components/schemas/Spec"}`,
		"paths /v1/aggregations post responses 202 headers Location":              `{"description":"Where the aggregation is.","example":"/v1/aggregations/agg_01JDZ8F9W3K2M4N6P8R0T2V4X6","schema":{"type":"string"}}`,
		"paths /v1/aggregations/{id} delete responses 204 content":                `null`,
		"paths /v1/aggregations/{id} get responses 304 content":                   `null`,
		"paths /v1/aggregations/{id} get responses 200 headers ETag example":      `"\"agg_01JDZ8F9W3K2M4N6P8R0T2V4X6.0.18c2f1a2b3c.results\""`,
	} {
		if got := at(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, c := range []struct{ path, method, want string }{
		{"/v1/aggregations", "post", "Idempotency-Key Prefer X-Request-Id traceparent"},
		{"/v1/aggregations", "get", "X-Request-Id cursor label limit status"},
		{"/v1/aggregations/{id}", "get", "If-None-Match Prefer X-Request-Id id results wait"},
		{"/v1/aggregations/{id}/results", "get", "X-Request-Id follow id timing"},
		{"/v1/aggregations/{id}/events", "get", "Last-Event-ID X-Request-Id id last_event_id timing"},
	} {
		var names []string
		parameters, _ := doc["paths"].(map[string]any)[c.path].(map[string]any)[c.method].(map[string]any)["parameters"].([]any)
		for _, p := range parameters {
			names = append(names, p.(map[string]any)["name"].(string))
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s %s: %s", c.method, c.path, got)
		}
	}
	yaml := s.get("/openapi.yaml").want(t, 200)
	if yaml.Header.Get("Content-Type") != "application/yaml" || !strings.Contains(string(yaml.body), "openapi: 3.1.0") {
		t.Errorf("%v", yaml.Header)
	}
}

// FuzzAPI finds requests that make the server fail: no header and no query may.
func FuzzAPI(f *testing.F) {
	for _, seed := range [][3]string{
		{"wait=10", "5", "wait=1s"}, {`a="b\"c";d, wait=9999999999999999999`, "-1", "wait=-1ns&results=no"}, {"wait", "", "cursor=%00&limit=1"},
		{`wait="`, "1e3", "label=a:b&label=&cursor=1"}, {"respond-async;;", "99999999999999999999", "last_event_id=7&follow=1"}, {",,;=,", "\t", "%zz"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	store := newFakeStore()
	done := store.addFinished(f, 3)
	a := New(Options{Store: store, Queue: &fakeQueue{}})
	f.Cleanup(a.Close)
	f.Fuzz(func(t *testing.T, prefer, position, query string) {
		for _, path := range []string{"", "/" + done, "/" + done + "/events", "/" + done + "/results"} {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/aggregations"+path, nil)
			r.URL.RawQuery = query
			r.Header = http.Header{"Prefer": {prefer}, "Last-Event-Id": {position}, "If-None-Match": {prefer}, "Accept": {position}, "Accept-Encoding": {position}, "X-Request-Id": {prefer}}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code >= 500 || w.Code < 200 {
				t.Errorf("%s?%s, Prefer: %q, Last-Event-ID: %q: %d %s", path, query, prefer, position, w.Code, w.Body)
			}
			for len(store.entered) > 0 {
				<-store.entered
			}
		}
	})
}
