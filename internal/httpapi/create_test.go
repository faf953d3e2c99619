package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gather"
)

const twoURLs = `{"urls":["http://a.test/","http://b.test/"]}`

func TestCreate_AnswersAtOnceWithoutWait(t *testing.T) {
	s := serve(t)
	a := s.post(`{"urls":["http://a.test/"],"name":"n<1>","labels":{"team":"search"}}`).want(t, 202)
	agg := a.aggregation(t)
	if agg.ID != "agg_1" || agg.Name != "n<1>" || agg.Labels["team"] != "search" || agg.Status != "queued" || agg.Counts.Total != 1 {
		t.Errorf("%s", a.body)
	}
	if agg.CreatedAt != "2026-11-23T06:00:00.000Z" || strings.Contains(string(a.body), `"results"`) {
		t.Errorf("%s", a.body)
	}
	h := a.Header
	if h.Get("Location") != "/v1/aggregations/agg_1" || h.Get("Retry-After") != "1" || h.Get("Content-Type") != "application/json" {
		t.Errorf("%v", h)
	}
	if runs := s.queue.runs(); !slices.Equal(runs, []string{"agg_1"}) {
		t.Errorf("ran %v", runs)
	}
}

func TestCreate_LabelsAreAnObject(t *testing.T) {
	s := serve(t)
	if a := s.post(twoURLs); !strings.Contains(string(a.body), `"labels":{}`) {
		t.Errorf("%s", a.body)
	}
}

func TestCreate_WaitsUntilFinished(t *testing.T) {
	s := serve(t)
	pending := s.later("POST", "/v1/aggregations", twoURLs, "Prefer", "wait=20")
	<-s.store.entered
	s.store.record("agg_1", gather.Result{Index: 1, Status: gather.ItemSucceeded})
	s.store.record("agg_1", gather.Result{Index: 0, Status: gather.ItemSucceeded})
	a := (<-pending).want(t, 200)
	s.checkAnswer(a)
	agg := a.aggregation(t)
	if agg.Status != "succeeded" || len(agg.Results) != 2 || !strings.HasPrefix(string(agg.Results[0]), `{"index":0,`) {
		t.Errorf("%s", a.body)
	}
	if got := a.Header.Get("Preference-Applied"); got != "wait=20" {
		t.Errorf("applied %q", got)
	}
	if timing := a.Header.Get("Server-Timing"); !strings.Contains(timing, "wait;dur=") {
		t.Errorf("timing %q", timing)
	}
	if a.Header.Get("Location") != "" || a.Header.Get("Retry-After") != "" {
		t.Errorf("%v", a.Header)
	}
}

func TestCreate_Preferences(t *testing.T) {
	for _, c := range []struct {
		name         string
		prefer       []string
		finished     bool
		status       int
		applied      string
		waitsInStore bool
	}{
		{"a wait that ends too early", []string{"wait=0"}, false, 202, "", true},
		{"finished before the wait", []string{"wait=5"}, true, 200, "wait=5", false},
		{"a wait over the limit is cut to it", []string{"wait=3600"}, true, 200, "wait=60", false},
		{"a wait beyond all numbers", []string{"wait=99999999999999999999"}, true, 200, "wait=60", false},
		{"respond-async alone", []string{"respond-async"}, true, 202, "respond-async", false},
		{"respond-async and a wait that suffices", []string{"respond-async, wait=7"}, true, 200, "wait=7", false},
		{"respond-async and a wait that does not", []string{"respond-async", "wait=0"}, false, 202, "respond-async", true},
		{"unknown preferences", []string{`foo; bar="a,b", wait="3"; baz, handling=lenient`}, true, 200, "wait=3", false},
		{"a negative wait", []string{"wait=-1"}, true, 202, "", false},
		{"a fraction", []string{"wait=1.5"}, true, 202, "", false},
		{"no number", []string{"wait=soon"}, true, 202, "", false},
		{"none", nil, true, 202, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.store.finishAtOnce = c.finished
			var headers []string
			for _, p := range c.prefer {
				headers = append(headers, "Prefer", p)
			}
			a := s.post(twoURLs, headers...).want(t, c.status)
			if got := a.Header.Get("Preference-Applied"); got != c.applied {
				t.Errorf("applied %q, want %q", got, c.applied)
			}
			if (len(s.store.entered) > 0) != c.waitsInStore {
				t.Errorf("waited in the store: %v", len(s.store.entered) > 0)
			}
		})
	}
}

func TestCreate_Idempotency(t *testing.T) {
	s := serve(t)
	first := s.post(twoURLs, "Idempotency-Key", "k1").want(t, 202)
	if first.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the first is no replay")
	}
	again := s.post(twoURLs, "Idempotency-Key", "k1").want(t, 202)
	if again.Header.Get("Idempotent-Replayed") != "true" || again.aggregation(t).ID != "agg_1" {
		t.Errorf("%v %s", again.Header, again.body)
	}
	if p := s.post(`{"urls":["http://c.test/"]}`, "Idempotency-Key", "k1").problem(t, 422); p.Type != "urn:gather:problem:idempotency-key-reused" {
		t.Errorf("%+v", p)
	}
	s.store.record("agg_1", gather.Result{Index: 0, Status: gather.ItemSucceeded})
	ran := len(s.queue.runs())
	pending := s.later("POST", "/v1/aggregations", twoURLs, "Idempotency-Key", "k1", "Prefer", "wait=10")
	<-s.store.entered
	s.store.record("agg_1", gather.Result{Index: 1, Status: gather.ItemSucceeded})
	if a := (<-pending).want(t, 200); a.Header.Get("Idempotent-Replayed") != "true" || len(a.aggregation(t).Results) != 2 {
		t.Errorf("%v %s", a.Header, a.body)
	}
	if len(s.queue.runs()) != ran {
		t.Error("a replay of what runs already was handed to the queue")
	}
	s.do("DELETE", "/v1/aggregations/agg_1", "").want(t, 204)
	if p := s.post(twoURLs, "Idempotency-Key", "k1").problem(t, 409); p.Type != "urn:gather:problem:idempotency-key-gone" {
		t.Errorf("%+v", p)
	}
}

func TestCreate_IdempotencyKeyIsBounded(t *testing.T) {
	s := serve(t)
	s.post(twoURLs, "Idempotency-Key", strings.Repeat("k", 256)).want(t, 202)
	for _, key := range []string{"", strings.Repeat("k", 257)} {
		p := s.post(`{"urls":["ftp://a"]}`, "Idempotency-Key", key).problem(t, 422)
		if len(p.Errors) != 2 || p.Errors[0].Location != "header.Idempotency-Key" || p.Errors[1].Location != "body.urls[0]" {
			t.Errorf("key of %d: %+v", len(key), p.Errors)
		}
	}
}

func TestCreate_IsAcceptedWhateverHappensAfterwards(t *testing.T) {
	t.Run("the queue fails", func(t *testing.T) {
		s := serve(t)
		s.queue.err = errBroken
		s.post(twoURLs).want(t, 202)
		if !strings.Contains(s.log.String(), "start aggregation agg_1") {
			t.Error("not logged")
		}
	})
	t.Run("the wait fails", func(t *testing.T) {
		s := serve(t)
		pending := s.later("POST", "/v1/aggregations", twoURLs, "Prefer", "wait=20")
		<-s.store.entered
		s.store.set(func() { s.store.err = gather.ErrUnavailable })
		s.store.set(func() { s.store.all["agg_1"].end(gather.Result{}) })
		if a := (<-pending).want(t, 202); a.Header.Get("Location") == "" {
			t.Errorf("%v", a.Header)
		}
	})
	t.Run("the results can't be read", func(t *testing.T) {
		s := serve(t)
		s.store.finishAtOnce, s.store.breakAfter = true, 0
		a := s.post(twoURLs, "Prefer", "wait=20").want(t, 202)
		if a.Header.Get("Location") == "" || a.Header.Get("Preference-Applied") != "" {
			t.Errorf("%v", a.Header)
		}
	})
}

func TestCreate_StoreErrors(t *testing.T) {
	s := serve(t)
	s.store.err = fmt.Errorf("create: dial tcp 10.1.2.3:6379: %w", gather.ErrUnavailable)
	a := s.post(twoURLs)
	if p := a.problem(t, 503); a.Header.Get("Retry-After") != "1" || !strings.Contains(p.Detail, "nothing was accepted") {
		t.Errorf("%v %+v", a.Header, p)
	}
	s.store.err = errors.New("WRONGTYPE, redis://user:hunter2@redis")
	a = s.post(twoURLs)
	if p := a.problem(t, 500); strings.Contains(string(a.body), "hunter2") || p.Type != "urn:gather:problem:internal" {
		t.Errorf("%s", a.body)
	}
	if log := s.log.String(); !strings.Contains(log, "10.1.2.3") || !strings.Contains(log, "WRONGTYPE") || !strings.Contains(log, a.Header.Get("X-Request-Id")) {
		t.Errorf("%s", log)
	}
}

func TestCreate_ContentTypes(t *testing.T) {
	s := serve(t)
	for _, good := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json ; charset=utf-8"} {
		r := s.request("POST", "/v1/aggregations", twoURLs)
		if good != "" {
			r.Header.Set("Content-Type", good)
		}
		if a := s.send(r); a.StatusCode != http.StatusAccepted {
			t.Errorf("%q: %d %s", good, a.StatusCode, a.body)
		}
	}
	for _, bad := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x", "json", ";", "application/vnd.api+json"} {
		s.post(twoURLs, "Content-Type", bad).problem(t, 415)
	}
	a := s.post(twoURLs, "Content-Encoding", "gzip")
	if a.problem(t, 415); a.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("%v", a.Header)
	}
	s.post(twoURLs, "Content-Encoding", "identity").want(t, 202)
}

// The store hears of a creation before its body is there, so that it can make ready.
func TestCreate_IsExpectedBeforeItsBodyIsRead(t *testing.T) {
	s := serve(t)
	s.post(twoURLs, "Content-Type", "text/plain").problem(t, 415)
	s.post(strings.Repeat(" ", 9<<20)).problem(t, 413)
	if s.store.expected != 0 {
		t.Errorf("what is refused was expected %d times", s.store.expected)
	}
	s.post("{").problem(t, 400)
	s.post(twoURLs).want(t, 202)
	if s.store.expected != 2 {
		t.Errorf("expected %d times, want 2", s.store.expected)
	}
}

func TestCreate_TooLarge(t *testing.T) {
	s := serve(t)
	large := `{"urls":["http://a.test/` + strings.Repeat("x", 9<<20) + `"]}`
	p := s.post(large).problem(t, 413)
	if !strings.Contains(p.Detail, "8388608 bytes") || !strings.Contains(p.Detail, "raise --max-request-body where a single one is larger") {
		t.Errorf("%+v", p)
	}
	r := s.request("POST", "/v1/aggregations", large)
	r.ContentLength = -1 // chunked
	s.send(r).problem(t, 413)
}

func TestCreate_LimitIsInclusive(t *testing.T) {
	s := serve(t, func(o *Options) { o.MaxBody = int64(len(twoURLs)) })
	s.post(twoURLs).want(t, 202)
	s.post(twoURLs+" ").problem(t, 413)
	r := s.request("POST", "/v1/aggregations", twoURLs)
	r.ContentLength = -1
	s.send(r).want(t, 202)
	r = s.request("POST", "/v1/aggregations", twoURLs+" ")
	r.ContentLength = -1
	if p := s.send(r).problem(t, 413); !strings.Contains(p.Detail, fmt.Sprintf(" %d bytes", len(twoURLs))) {
		t.Errorf("%+v", p)
	}
}

func TestCreate_BodyThatEndsTooEarly(t *testing.T) {
	s := serve(t)
	conn := s.dial(t)
	_, _ = fmt.Fprintf(conn, "POST /v1/aggregations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n%s", twoURLs)
	_ = conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "ended too early") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestCreate_ClientThatHangsUpWhileWaiting(t *testing.T) {
	s := serve(t)
	conn := s.dial(t)
	_, _ = fmt.Fprintf(conn, "POST /v1/aggregations HTTP/1.1\r\nHost: x\r\nPrefer: wait=50\r\nContent-Length: %d\r\n\r\n%s", len(twoURLs), twoURLs)
	<-s.store.entered
	_ = conn.Close()
	s.server.Close() // waits for the handler, which must not wait for 50 s
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("%s", s.log)
	}
}

var _ http.Handler = (*API)(nil)
