package fetch

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gather"
)

func TestNew_refusesBadOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"--max-body (-1) must be":      {MaxBody: -1},
		"--max-body (1099511627776)":   {MaxBody: 1 << 40},
		`--allow-net "10.0.0/8": is`:   {AllowNet: []string{"10.0.0/8"}},
		`--allow-net "x:99999": the p`: {AllowNet: []string{"127.0.0.1", "x:99999"}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New(%+v) = %v, want an error with %q", o, err, name)
		}
	}
}

// seen is what a server got to see of a request.
type seen struct {
	Method, Host, Path, Query, Body, Proto string
	Header                                 http.Header
	Length                                 int64
}

// echo answers with what it saw.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(seen{
		Method: r.Method, Host: r.Host, Path: r.URL.Path, Query: r.URL.RawQuery, Body: string(body),
		Proto: r.Proto, Header: r.Header, Length: r.ContentLength,
	})
}

// fetchSeen fetches r and returns what the echoing server saw.
func fetchSeen(t *testing.T, c *Client, r *gather.Request) seen {
	t.Helper()
	r.Timeout = gather.After(ample)
	resp := c.Fetch(t.Context(), r)
	var s seen
	if resp.Error != nil || json.Unmarshal(resp.Body, &s) != nil {
		t.Fatalf("response = %+v (%+v)", resp, resp.Error)
	}
	return s
}

func TestClient_Fetch_sends(t *testing.T) {
	srv := serve(t, echo)
	c := localClient(t)
	userURL := strings.Replace(srv.URL, "http://", "http://me:pw@", 1)
	given := func(headers ...string) map[string]string {
		m := make(map[string]string)
		for i := 0; i < len(headers); i += 2 {
			m[headers[i]] = headers[i+1]
		}
		return m
	}
	cases := map[string]struct {
		request gather.Request
		body    string
		headers map[string]string // "" means that there is none
	}{
		"a GET without anything": {gather.Request{URL: srv.URL}, "",
			given("User-Agent", "gather", "Content-Type", "", "Authorization", "", "Accept-Encoding", "gzip")},
		"JSON": {gather.Request{URL: srv.URL, Method: "POST", Body: json.RawMessage(`{"a":1}`)}, `{"a":1}`,
			given("Content-Type", "application/json")},
		"text": {gather.Request{URL: srv.URL, Method: "put", BodyText: "hé"}, "hé",
			given("Content-Type", "text/plain; charset=utf-8")},
		"the client's own content type": {gather.Request{URL: srv.URL, Method: "PATCH", Body: json.RawMessage(`[]`),
			Headers: given("content-type", "application/json-patch+json")}, "[]",
			given("Content-Type", "application/json-patch+json")},
		"the client's own user agent": {gather.Request{URL: srv.URL, Headers: given("user-agent", "me/1")}, "",
			given("User-Agent", "me/1")},
		"userinfo as basic auth": {gather.Request{URL: userURL}, "", given("Authorization", "Basic bWU6cHc=")},
		"an Authorization header before userinfo": {gather.Request{URL: userURL,
			Headers: given("authorization", "Bearer x")}, "", given("Authorization", "Bearer x")},
		"an idempotency key": {gather.Request{URL: srv.URL, Method: "POST", Headers: given("Idempotency-Key", "a/1")}, "",
			given("Idempotency-Key", "a/1")},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			s := fetchSeen(t, c, &want.request)
			if s.Method != want.request.MethodOrGet() || s.Body != want.body || s.Length != int64(len(want.body)) {
				t.Errorf("the server saw %+v, want the body %q", s, want.body)
			}
			for header, value := range want.headers {
				if got := s.Header.Get(header); got != value {
					t.Errorf("%s = %q, want %q", header, got, value)
				}
			}
		})
	}
	t.Run("the client's own host", func(t *testing.T) {
		s := fetchSeen(t, c, &gather.Request{URL: srv.URL + "/p?q=1", Headers: given("host", "virtual.example")})
		if s.Host != "virtual.example" || s.Path != "/p" || s.Query != "q=1" {
			t.Errorf("the server saw %+v", s)
		}
	})
}

func TestClient_Fetch_usesHTTP2(t *testing.T) {
	srv := serveTLS(t, true, echo)
	c := localClient(t).trust(srv.Certificate())
	for _, method := range []string{"GET", "POST"} {
		if s := fetchSeen(t, c, &gather.Request{URL: srv.URL, Method: method}); s.Proto != "HTTP/2.0" {
			t.Errorf("%s went over %s", method, s.Proto)
		}
	}
}

func TestClient_Fetch_keepsConnections(t *testing.T) {
	for _, method := range ways {
		var conns atomic.Int32
		srv := unstarted(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/end", http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		})
		srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				conns.Add(1)
			}
		}
		srv.Start()
		c := localClient(t)
		for range 5 {
			wantOK(t, c.Fetch(t.Context(), by(method, get(srv.URL))), strings.Repeat("x", 10_000))
		}
		for range 5 {
			wantOK(t, c.Fetch(t.Context(), &gather.Request{URL: srv.URL, Method: method}), strings.Repeat("x", 10_000))
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%s: 15 requests took %d connections, want 1", method, n)
		}
	}
}

func TestClient_Fetch_ignoresProxyOfEnvironment(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	c := newClient(t, Options{AllowNet: []string{strings.TrimPrefix(proxy.URL, "http://")}})
	for _, method := range ways {
		wantError(t, c.Fetch(t.Context(), by(method, get("http://10.0.0.7"))), gather.CodeDestinationIPProhibited, "10.0.0.7")
	}
	if c.transport.Proxy != nil {
		t.Error("the transport has a proxy")
	}
}

func TestClient_Fetch_leavesCodingsThatTheClientAskedFor(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		_, _ = io.WriteString(zw, "hello")
		_ = zw.Close()
	})
	c := localClient(t)
	for _, method := range ways {
		wantOK(t, c.Fetch(t.Context(), by(method, get(srv.URL))), "hello")
		for header, value := range map[string]string{"Accept-Encoding": "gzip", "range": "bytes=0-"} {
			r := by(method, get(srv.URL))
			r.Headers[header] = value
			if resp := c.Fetch(t.Context(), r); resp.Error != nil || !strings.HasPrefix(string(resp.Body), "\x1f\x8b") {
				t.Errorf("%s, %s: response = %+v, want the bytes as sent", method, header, resp)
			}
		}
	}
}

// TestClient_Fetch_ignoresCodings that pack nothing, and those of answers that fail by
// their status, which says more.
func TestClient_Fetch_ignoresCodings(t *testing.T) {
	for _, answer := range []struct {
		coding, body string
		status       int
	}{{"identity", "hello", 200}, {"UTF-8", "hello", 200}, {"aws-chunked,", "hello", 200}, {"br", "", 200}, {"br", "hello", 503}} {
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", answer.coding)
			w.WriteHeader(answer.status)
			_, _ = io.WriteString(w, answer.body)
		})
		resp := localClient(t).Fetch(t.Context(), get(srv.URL))
		if resp.Error != nil || resp.HTTPStatus != answer.status || string(resp.Body) != answer.body {
			t.Errorf("%s: response = %+v (%+v)", answer.coding, resp, resp.Error)
		}
	}
}

func TestClient_Fetch_keepsWhatTheServerSaid(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=latin1")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "busy")
	})
	resp := localClient(t).Fetch(t.Context(), get(srv.URL))
	if resp.HTTPStatus != 503 || resp.ContentType != "text/plain; charset=latin1" || string(resp.Body) != "busy" ||
		resp.RetryAfter != 7*time.Second || resp.Error != nil {
		t.Errorf("response = %+v", resp)
	}
}

func TestClient_Fetch_endsWithItsCaller(t *testing.T) {
	arrived, closed := make(chan struct{}, 1), make(chan struct{})
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" { // the other case is cut off before it
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		arrived <- struct{}{}
		<-r.Context().Done()
		closed <- struct{}{}
	})
	c := localClient(t)
	for _, path := range []string{"/head", "/body"} {
		for _, method := range append(ways[:], http.MethodPost) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-arrived
				cancel()
			}()
			resp := c.Fetch(ctx, by(method, plain(srv.URL+path)))
			wantError(t, resp, gather.CodeCanceled, "canceled")
			if resp.NotSent {
				t.Errorf("%s: NotSent = true, but the server has the request", method)
			}
			<-closed
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	resp := c.Fetch(ctx, get(srv.URL))
	wantError(t, resp, gather.CodeCanceled, "canceled")
	if !resp.NotSent {
		t.Error("NotSent = false, but nothing was begun")
	}
}

func BenchmarkClient_Fetch(b *testing.B) {
	text := packed(b, 100)
	srv := serve(b, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, text)
			return
		}
		_, _ = io.WriteString(w, `{"a":1}`)
	})
	for _, path := range []string{"/plain", "/gzip"} {
		for _, method := range ways {
			b.Run(method+path, func(b *testing.B) {
				c := localClient(b)
				r := &gather.Request{URL: srv.URL + path, Method: method}
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if resp := c.Fetch(b.Context(), r); resp.Error != nil {
							b.Fatalf("%+v", resp.Error)
						}
					}
				})
			})
		}
	}
}
