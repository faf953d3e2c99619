package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func testOutgoing(t *testing.T, s *system) {
	t.Run("requests arrive as they were given", func(t *testing.T) {
		u := newUpstream(t)
		const document = `{"n":12345678901234567890,"text":"naïve <b> ","list":[1,2.50]}`
		body := fmt.Sprintf(`{"requests":[
			{"url":"%[1]s/json?a=1&b=%%20x","method":"POST","body":%[2]s,"headers":{"X-Own":"a, b; c=\"d\"","accept":"text/csv"}},
			{"url":"%[1]s/text","method":"PUT","body_text":"line 1\nline 2 é","headers":{"Content-Type":"text/csv"}},
			{"url":"http://user:pass%%20word@%[3]s/basic"},
			{"url":"%[1]s/host","headers":{"Host":"virtual.example"}},
			{"url":"%[1]s/null","method":"PATCH","body":null},
			{"url":"%[1]s/empty","method":"DELETE"}
		]}`, u.URL, document, strings.TrimPrefix(u.URL, "http://"))
		a := s.do(t, http.StatusAccepted, http.MethodPost, aggregations, body)
		if agg := s.finished(t, a.aggregation(t).ID); agg.Status != "succeeded" {
			t.Fatalf("%s: %+v", agg.Status, agg.Results)
		}
		for p, want := range map[string]struct{ method, uri, host, body, header, value string }{
			"/json":  {"POST", "/json?a=1&b=%20x", "", document, "Content-Type", "application/json"},
			"/text":  {"PUT", "/text", "", "line 1\nline 2 é", "Content-Type", "text/csv"},
			"/basic": {"GET", "/basic", "", "", "Authorization", "Basic dXNlcjpwYXNzIHdvcmQ="},
			"/host":  {"GET", "/host", "virtual.example", "", "Host", ""},
			"/empty": {"DELETE", "/empty", "", "", "Content-Type", ""},
		} {
			r := u.requests(p)[0]
			if r.method != want.method || r.uri != want.uri || string(r.body) != want.body || r.header.Get(want.header) != want.value {
				t.Errorf("%s %s with %s: %q and the body %q", r.method, r.uri, want.header, r.header.Get(want.header), r.body)
			}
			if want.host != "" && r.host != want.host {
				t.Errorf("%s came for the host %s", p, r.host)
			}
		}
		if h := u.requests("/json")[0].header; h.Get("X-Own") != `a, b; c="d"` || h.Get("Accept") != "text/csv" {
			t.Errorf("headers = %v", h)
		}
	})
	t.Run("unsafe ones carry an idempotency key", func(t *testing.T) {
		u := newUpstream(t)
		agg := s.run(t, object{"requests": []object{
			{"url": u.URL + "/get"},
			{"url": u.URL + "/post", "method": "POST"},
			{"url": u.URL + "/patch", "method": "PATCH", "body_text": "x"},
			{"url": u.URL + "/own", "method": "POST", "headers": object{"idempotency-key": "mine"}},
		}})
		for p, want := range map[string]string{"/get": "", "/post": agg.ID + "/1", "/patch": agg.ID + "/2", "/own": "mine"} {
			if got := u.requests(p)[0].header.Get("Idempotency-Key"); got != want {
				t.Errorf("%s came with Idempotency-Key %q, want %q", p, got, want)
			}
		}
	})
	t.Run("unsafe ones are sent again only if the client asks for it", func(t *testing.T) {
		u := newUpstream(t)
		fast := object{"min_backoff": "1ms", "max_backoff": "5ms"}
		for _, p := range []string{"/post", "/asked", "/put"} {
			u.on(p, first(2, fails(http.StatusServiceUnavailable), ok))
		}
		agg := s.run(t, object{"requests": []object{
			{"url": u.URL + "/post", "method": "POST"},
			{"url": u.URL + "/asked", "method": "POST", "retry": fast},
			{"url": u.URL + "/put", "method": "PUT", "retry": fast},
			{"url": "http://" + closedPort(t) + "/", "method": "POST"},
		}})
		for i, want := range []struct {
			status   string
			attempts int
		}{{"failed", 1}, {"succeeded", 3}, {"succeeded", 3}, {"failed", 3}} {
			if r := &agg.Results[i]; r.Status != want.status || r.Attempts != want.attempts {
				t.Errorf("item %d is %s after %d attempts, want %+v", i, r.Status, r.Attempts, want)
			}
		}
		first, second := u.requests("/asked")[0], u.requests("/asked")[1]
		if key := first.header.Get("Idempotency-Key"); key == "" || key != second.header.Get("Idempotency-Key") {
			t.Errorf("two attempts came with the keys %q and %q", key, second.header.Get("Idempotency-Key"))
		}
	})
	t.Run("status codes that are not worth it are not tried again", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/gone", fails(http.StatusGone))
		u.on("/wanted", fails(http.StatusNotFound))
		agg := s.run(t, object{"requests": []object{
			{"url": u.URL + "/gone"},
			{"url": u.URL + "/wanted", "expect_status": []int{404}},
			{"url": u.URL + "/unwanted", "expect_status": []int{204}},
		}})
		for i, want := range []string{"failed", "succeeded", "failed"} {
			if r := &agg.Results[i]; r.Status != want || r.Attempts != 1 {
				t.Errorf("item %d is %s after %d attempts, want %s after one", i, r.Status, r.Attempts, want)
			}
		}
	})
}
