package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// testOutcomes sends ten requests, of which each faulty one ends in its own way and
// leaves the others alone.
func testOutcomes(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/recovers", first(2, fails(http.StatusServiceUnavailable), ok))
	u.on("/broken", fails(http.StatusInternalServerError))
	u.on("/never", u.never)
	agg := s.run(t, object{"requests": []object{
		{"url": u.URL + "/0"},
		{"url": u.URL + "/recovers"},
		{"url": u.URL + "/broken"},
		{"url": u.URL + "/never", "timeout": "300ms"},
		{"url": "http://" + closedPort(t) + "/"},
		{"url": "http://10.0.0.1/"},
		{"url": "http://192.168.1.1"},
		{"url": u.URL + "/7"},
		{"url": u.URL + "/8"},
		{"url": u.URL + "/9"},
	}})
	if agg.Status != "partial" || agg.Counts != (counts{Total: 10, Succeeded: 5, Failed: 5}) {
		t.Errorf("%s with %+v", agg.Status, agg.Counts)
	}
	for i, want := range []struct {
		code       string
		httpStatus int
		attempts   int
	}{
		{"", 200, 1},
		{"", 200, 3},
		{"http_status", 500, 3},
		{"http_response_timeout", 0, 3},
		{"connection_refused", 0, 3},
		{"destination_ip_prohibited", 0, notSent},
		{"destination_ip_prohibited", 0, notSent},
		{"", 200, 1},
		{"", 200, 1},
		{"", 200, 1},
	} {
		r := &agg.Results[i]
		if r.code() != want.code || r.HTTPStatus != want.httpStatus {
			t.Errorf("item %d: code %q, status %d, want %q, %d", i, r.code(), r.HTTPStatus, want.code, want.httpStatus)
		}
		if r.Attempts != want.attempts && (want.attempts != notSent || r.Attempts > 1) {
			t.Errorf("item %d: %d attempts, want %d", i, r.Attempts, want.attempts)
		}
	}
	for p, want := range map[string]int{"/recovers": 3, "/broken": 3, "/never": 3, "/0": 1, "/7": 1, "/8": 1, "/9": 1} {
		if got := u.count(p); got != want {
			t.Errorf("%s was fetched %d times, want %d", p, got, want)
		}
	}
	t.Run("a failure keeps the last answer", func(t *testing.T) {
		if r := &agg.Results[2]; r.text(t) != "Internal Server Error" || r.ContentType != "text/plain" {
			t.Errorf("%s %s", r.ContentType, r.Body)
		}
	})
	t.Run("a prohibited address says what would open it", func(t *testing.T) {
		for _, i := range []int{5, 6} {
			if e := agg.Results[i].Error; e == nil || !strings.Contains(e.Message, "--allow-net") {
				t.Errorf("item %d: %+v", i, e)
			}
		}
	})
	t.Run("a timeout says how long it was", func(t *testing.T) {
		if e := agg.Results[3].Error; e == nil || !strings.Contains(e.Message, "300ms") {
			t.Errorf("%+v", e)
		}
	})
}

// notSent stands for the attempts of an item whose request was refused before it
// was sent: none, or the one that was refused.
const notSent = -1

// closedPort is an address that nothing listens on.
func closedPort(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
