package fetch

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gather"
	"gather/internal/hostile"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http quotes there what servers send unasked
	goleak.VerifyTestMain(m)
}

// ample is a timeout that a test never waits for; short is one that it does. It
// is long enough for a busy machine to come to the phase that is tested.
const (
	ample = time.Minute
	short = time.Second
)

// ways are methods by the way that a request for an http:// URL goes.
var ways = [2]string{http.MethodGet, http.MethodOptions} // a cleartext, net/http's transport

// by is the request with this method.
func by(method string, r *gather.Request) *gather.Request {
	r.Method = method
	return r
}

// newClient is a client that closes its connections when the test ends.
func newClient(tb testing.TB, o Options) *Client {
	tb.Helper()
	c, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// localClient is a client that may fetch from servers of the test.
func localClient(tb testing.TB) *Client {
	tb.Helper()
	return newClient(tb, Options{AllowNet: []string{"127.0.0.1"}})
}

// trust makes the client accept the server's certificate.
func (c *Client) trust(cert *x509.Certificate) *Client {
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	c.transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return c
}

// serve starts an HTTP server that keeps quiet about broken connections.
func serve(tb testing.TB, h http.HandlerFunc) *httptest.Server {
	tb.Helper()
	srv := unstarted(tb, h)
	srv.Start()
	return srv
}

func serveTLS(tb testing.TB, http2 bool, h http.HandlerFunc) *httptest.Server {
	tb.Helper()
	srv := unstarted(tb, h)
	srv.EnableHTTP2 = http2
	srv.StartTLS()
	return srv
}

func unstarted(tb testing.TB, h http.HandlerFunc) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	tb.Cleanup(srv.Close)
	return srv
}

// answerRaw serves each connection's first request with these bytes.
func answerRaw(tb testing.TB, answer string) (addr string) {
	tb.Helper()
	return hostile.Serve(tb, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
	})
}

// get is a request with a secret in every place that may hold one.
func get(url string) *gather.Request {
	scheme, rest, _ := strings.Cut(url, "://")
	return &gather.Request{
		URL:     scheme + "://user:s3cret@" + rest + "/s3cret?token=s3cret",
		Headers: map[string]string{"X-Api-Key": "s3cret"},
		Timeout: gather.After(ample),
	}
}

// wantOK fails the test unless the response is complete and has this body.
func wantOK(tb testing.TB, resp *gather.Response, body string) {
	tb.Helper()
	if resp.Error != nil {
		tb.Fatalf("error = %+v", resp.Error)
	}
	if resp.HTTPStatus != http.StatusOK || string(resp.Body) != body || resp.Truncated || resp.NotSent || resp.Permanent {
		tb.Fatalf("response = %+v with body %q, want 200 and %q", resp, resp.Body, body)
	}
}

// wantError fails the test unless the response has this code and a message that
// holds what it should and no secret.
func wantError(tb testing.TB, resp *gather.Response, code gather.ErrorCode, message string) {
	tb.Helper()
	switch {
	case resp.Error == nil:
		tb.Fatalf("response = %+v, want the error %s", resp, code)
	case resp.Error.Code != code, !strings.Contains(resp.Error.Message, message), strings.Contains(resp.Error.Message, "s3cret"):
		tb.Fatalf("error = %+v, want %s with %q and no secret", resp.Error, code, message)
	}
}
