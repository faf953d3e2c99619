package e2e

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// testEnds has items end in every way that a request can end.
func (w *watched) testEnds(t *testing.T) {
	host := strings.TrimPrefix(w.u.URL, "http://")
	w.listen(t)
	ends := []struct {
		address string
		codes   string // one of them
		more    object
	}{
		{w.u.URL + "/ok", "", nil},
		{w.u.URL + "/ok", "", object{"body_text": w.bodyText, "headers": object{"Cookie": w.cookie, "Content-Type": "text/" + w.header}}},
		{w.u.URL + "/500", "http_status", nil},
		{w.u.URL + "/404", "http_status", object{"body_text": w.bodyText}},
		{"http://" + closedPort(t) + "/", "connection_refused", nil},
		{"http://nowhere.invalid/", "dns_error dns_timeout", object{"timeout": "2s"}},
		{"http://10.0.0.1/", "destination_ip_prohibited", nil},
		{"https://" + host + "/", "tls_protocol_error", nil},
		{newUntrusted(t), "tls_certificate_error", nil},
		{"https://" + newSilent(t) + "/", "connection_timeout", object{"timeout": "400ms"}},
		{w.u.URL + "/never", "http_response_timeout", object{"timeout": "400ms"}},
		{w.u.URL + "/garbage", "http_protocol_error", nil},
		{w.u.URL + "/headers", "http_response_header_section_size", nil},
		{w.u.URL + "/gzip", "http_response_content_coding", nil},
		{w.u.URL + "/cut", "http_response_incomplete", nil},
		{w.u.URL + "/closed", "connection_terminated", nil},
		{w.u.URL + "/upgrade", "http_upgrade_failed", nil},
		{w.u.URL + "/redirect/scheme", "http_protocol_error", nil},
		{w.u.URL + "/redirect/nonsense", "http_protocol_error", nil},
		{w.u.URL + "/redirect/loop", "http_protocol_error", nil},
		{w.u.URL + "/redirect/refused", "connection_refused", nil},
		{w.u.URL + "/redirect/private", "destination_ip_prohibited", nil},
		{w.u.URL + "/ok", "http_request_error", object{"headers": object{"Host": "no host/" + w.header}}},
		{w.u.URL + "/later", "deadline_exceeded", nil},
	}
	requests := make([]object, len(ends))
	for i, e := range ends {
		requests[i] = w.request(e.address, e.more)
	}
	id := w.accept(t, object{"requests": requests, "deadline": "8s"})
	events := w.follow(t, id, "")
	agg := w.finished(t, id)
	for i, e := range ends {
		if r := &agg.Results[i]; !slices.Contains(strings.Split(e.codes, " "), r.code()) || r.URL != requests[i]["url"] {
			t.Errorf("%s ended as %+v with %+v, want %s and the URL as sent", e.address, r, r.Error, e.codes)
		}
	}
	if list, last := events.results(-1); len(list) != len(ends) || last != "done" {
		t.Errorf("%d events, at last %s", len(list), last)
	}
	if sent := w.u.requests("/ok"); len(sent) != 2 || sent[0].header.Get("Cookie")+sent[1].header.Get("Cookie") == "" {
		t.Errorf("what was to be sent did not arrive: %+v", sent)
	}
}

// listen has the upstream answer in every wrong way. What it says itself is no secret.
func (w *watched) listen(t *testing.T) {
	t.Helper()
	raw := func(answer string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}
	redirect := func(location string) http.HandlerFunc {
		return raw("HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n")
	}
	for p, h := range map[string]http.HandlerFunc{
		"/500":               fails(http.StatusInternalServerError),
		"/404":               fails(http.StatusNotFound),
		"/never":             w.u.never,
		"/later":             retryAfter("30", http.StatusServiceUnavailable),
		"/garbage":           raw(w.stray + "\r\n\r\n"),
		"/headers":           raw("HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat(w.stray, 20_000) + "\r\n\r\n"),
		"/gzip":              raw("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\nthis is no gzip at all"),
		"/cut":               raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"),
		"/closed":            raw(""),
		"/upgrade":           raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + w.stray + "\r\n\r\n"),
		"/redirect/scheme":   redirect("ftp://" + w.stray + "/" + w.stray),
		"/redirect/nonsense": redirect("http://%zz" + w.stray),
		"/redirect/loop":     redirect("/redirect/loop?again=" + w.stray),
		"/redirect/refused":  redirect(w.url("http://" + closedPort(t) + "/" + w.stray)),
		"/redirect/private":  redirect(w.url("http://10.0.0.1/" + w.stray)),
	} {
		w.u.on(p, h)
	}
}

// newUntrusted is the address of a server whose certificate nobody has signed.
func newUntrusted(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL + "/"
}

// newSilent is the address of a server that takes connections, and says nothing.
func newSilent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
