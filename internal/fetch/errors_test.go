package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"gather"
	"gather/internal/hostile"
)

// failing is a situation in which a fetch comes to no complete answer.
type failing struct {
	// arrange builds it, and returns the client and the URL to fetch.
	arrange   func(t *testing.T) (*Client, string)
	headers   map[string]string // of the request
	code      gather.ErrorCode
	message   string
	timeout   bool // the attempt's timeout has to pass
	notSent   bool
	permanent bool
	status    int    // that came before the failure
	body      string // that came before the failure
}

func TestClient_Fetch_explains(t *testing.T) {
	for _, table := range []map[string]failing{connectFailures, tlsFailures, answerFailures, bodyFailures} {
		for name, want := range table {
			for _, method := range ways {
				t.Run(name+"/"+method, func(t *testing.T) {
					t.Parallel()
					want.check(t, method)
				})
			}
		}
	}
}

func (want failing) check(t *testing.T, method string) {
	c, url := want.arrange(t)
	r := by(method, get(url))
	maps.Copy(r.Headers, want.headers)
	if want.timeout {
		r.Timeout = gather.After(short)
	}
	resp := c.Fetch(t.Context(), r)
	wantError(t, resp, want.code, want.message)
	if resp.NotSent != want.notSent || resp.Permanent != want.permanent {
		t.Errorf("NotSent, Permanent = %v, %v, want %v, %v", resp.NotSent, resp.Permanent, want.notSent, want.permanent)
	}
	if resp.HTTPStatus != want.status || string(resp.Body) != want.body {
		t.Errorf("status, body = %d, %q, want %d, %q", resp.HTTPStatus, resp.Body, want.status, want.body)
	}
	if want.status != 0 && resp.ContentType != "text/x-test" {
		t.Errorf("content type = %q, want it kept", resp.ContentType)
	}
}

// control fails or holds up every connection of a client before it is made.
func control(f func(ctx context.Context) error) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) {
		c := newClient(t, Options{})
		c.guard.guarded.Control = nil
		c.guard.guarded.ControlContext = func(ctx context.Context, _, _ string, _ syscall.RawConn) error { return f(ctx) }
		return c, "http://192.0.2.1"
	}
}

func errno(e syscall.Errno) func(*testing.T) (*Client, string) {
	return control(func(context.Context) error { return os.NewSyscallError("connect", e) })
}

func withDNS(url, outcome string) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) {
		return newClient(t, Options{}).resolve(t, map[string]string{"a.example": outcome}), url
	}
}

func badRequest(url string) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) { return newClient(t, Options{}), url }
}

var connectFailures = map[string]failing{
	"a name that DNS doesn't know": {arrange: withDNS("http://a.example:81", dnsUnknown),
		code: gather.CodeDNSError, message: "a.example is not known in DNS", notSent: true},
	"a DNS that fails": {arrange: withDNS("http://a.example:81", dnsBroken),
		code: gather.CodeDNSError, message: "the lookup of a.example failed", notSent: true},
	"a DNS that is silent": {arrange: withDNS("http://a.example:81", dnsSilent),
		code: gather.CodeDNSTimeout, message: "the lookup of a.example took longer than 1s", timeout: true, notSent: true},
	"a name for a private address": {arrange: withDNS("http://a.example", "192.168.0.7"), permanent: true,
		code: gather.CodeDestinationIPProhibited, message: "192.168.0.7 is a private address", notSent: true},
	"a port that nobody listens on": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "http://" + closedPort(t)
	}, code: gather.CodeConnectionRefused, message: "refused the connection", notSent: true},
	"a host that doesn't answer": {arrange: control(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
		code: gather.CodeConnectionTimeout, message: "no connection to 192.0.2.1 ", timeout: true, notSent: true},
	"a connection that the system gave up": {arrange: errno(syscall.ETIMEDOUT),
		code: gather.CodeConnectionTimeout, message: "no connection to 192.0.2.1 in time", notSent: true},
	"a host without a route": {arrange: errno(syscall.EHOSTUNREACH),
		code: gather.CodeDestinationUnroutable, message: "no route from the worker to 192.0.2.1", notSent: true},
	"a network without a route": {arrange: errno(syscall.ENETUNREACH),
		code: gather.CodeDestinationUnroutable, message: "no route", notSent: true},
	"a worker without free files": {arrange: errno(syscall.EMFILE),
		code: gather.CodeProxyInternalError, message: "no files or ports left", notSent: true},
	"a failure of another kind": {arrange: errno(syscall.EINVAL),
		code: gather.CodeProxyInternalError, message: "could not connect to 192.0.2.1", notSent: true},
	"another scheme": {arrange: badRequest("ftp://a.example"), permanent: true,
		code: gather.CodeHTTPRequestError, message: "http:// or https://", notSent: true},
	"no host": {arrange: badRequest("http://"), permanent: true,
		code: gather.CodeHTTPRequestError, message: "name a host", notSent: true},
	"a port out of range": {arrange: badRequest("http://a.example:65536"), permanent: true,
		code: gather.CodeHTTPRequestError, message: "1 to 65535", notSent: true},
	"a header that can't be sent": {arrange: badRequest("http://192.0.2.1"), headers: map[string]string{"s3cret header": "s3cret"}, permanent: true,
		code: gather.CodeHTTPRequestError, message: "can't be sent as it is", notSent: true},
	"a header whose value can't be sent": {arrange: badRequest("http://192.0.2.1"), headers: map[string]string{"X-Api-Key": "s3cret\r\nX-Other: y"}, permanent: true,
		code: gather.CodeHTTPRequestError, message: "can't be sent as it is", notSent: true},
	"a host that can't be one": {arrange: badRequest("http://192.0.2.1"), headers: map[string]string{"host": "a.example/s3cret"}, permanent: true,
		code: gather.CodeHTTPRequestError, message: "Host header", notSent: true},
	"no URL at all": {arrange: badRequest("http://[::1"), permanent: true,
		code: gather.CodeHTTPRequestError, message: "can't be read", notSent: true},
}

// answering arranges a server that meets each request with these bytes.
func answering(answer string) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) { return localClient(t), "http://" + answerRaw(t, answer) }
}

// handling arranges a server with this handler.
func handling(h http.HandlerFunc) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) { return localClient(t), serve(t, h).URL }
}

func handlingHTTP2(h http.HandlerFunc) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) {
		srv := serveTLS(t, true, h)
		return localClient(t).trust(srv.Certificate()), srv.URL
	}
}

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hugeHeaders(w http.ResponseWriter, _ *http.Request) {
	for range 40 {
		w.Header().Add("X-Large", strings.Repeat("s3cret ", 1500))
	}
}

var answerFailures = map[string]failing{
	"a server that is silent": {arrange: handling(silent), timeout: true,
		code: gather.CodeHTTPResponseTimeout, message: "no answer within 1s"},
	"a server that is silent over HTTP/2": {arrange: handlingHTTP2(silent), timeout: true,
		code: gather.CodeHTTPResponseTimeout, message: "no answer within 1s"},
	"a server that stops in its headers": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "http://" + hostile.Serve(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-")
			hostile.Hang(conn)
		})
	}, timeout: true, code: gather.CodeHTTPResponseTimeout, message: "no answer within 1s"},
	"a connection closed without an answer": {arrange: answering(""),
		code: gather.CodeConnectionTerminated, message: "closed the connection without an answer"},
	"a connection reset without an answer": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "http://" + hostile.Serve(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0)
		})
	}, code: gather.CodeConnectionTerminated, message: "closed the connection without an answer"},
	"a connection closed in the headers": {arrange: answering("HTTP/1.1 200 OK\r\nX-S3cret: s3cret\r\n"),
		code: gather.CodeConnectionTerminated, message: "closed the connection without an answer"},
	"a stream reset without an answer": {arrange: handlingHTTP2(abort),
		code: gather.CodeConnectionTerminated, message: "closed the connection without an answer"},
	"an answer that is not HTTP": {arrange: answering("220 s3cret ready\r\n"),
		code: gather.CodeHTTPProtocolError, message: "is not valid HTTP"},
	"a status line without a code": {arrange: answering("HTTP/1.1 s3cret\r\n\r\n"),
		code: gather.CodeHTTPProtocolError, message: "is not valid HTTP"},
	"a header without a colon": {arrange: answering("HTTP/1.1 200 OK\r\ns3cret\r\n\r\n"),
		code: gather.CodeHTTPProtocolError, message: "is not valid HTTP"},
	"a status code that is none": {arrange: answering("HTTP/1.1 000 s3cret\r\n\r\n"),
		code: gather.CodeHTTPProtocolError, message: "no valid status code"},
	"a transfer coding that nobody knows": {arrange: answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: s3cret\r\n\r\n"),
		code: gather.CodeHTTPTransferCoding, message: "in a transfer coding other than chunked"},
	"two lengths": {arrange: answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
		code: gather.CodeHTTPProtocolError, message: "is not valid HTTP"},
	"headers over the limit": {arrange: handling(hugeHeaders), permanent: true,
		code: gather.CodeHTTPHeaderSectionSize, message: "over 256 KiB"},
	"headers over the limit over HTTP/2": {arrange: func(t *testing.T) (*Client, string) {
		srv, c := serveHTTP2(t, headerBomb)
		return c, "https://" + srv.addr
	}, permanent: true, code: gather.CodeHTTPHeaderSectionSize, message: "over 256 KiB"},
	"headers far over the limit over HTTP/2": {arrange: handlingHTTP2(hugeHeaders),
		code: gather.CodeHTTPProtocolError, message: "far over 256 KiB"},
	"a switch of protocols": {arrange: answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: s3cret\r\nConnection: upgrade\r\n\r\n"),
		permanent: true, code: gather.CodeHTTPUpgradeFailed, message: "switched to another protocol"},
}

// started answers with headers and the start of a body.
func started(headers, body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: text/x-test\r\n" + headers + "\r\n" + body
}

// startThen sends headers and the start of a body, and goes on with next.
func startThen(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/x-test")
		_, _ = io.WriteString(w, "start")
		_ = http.NewResponseController(w).Flush()
		next(w, r)
	}
}

var bodyFailures = map[string]failing{
	"a body that stops": {arrange: handling(startThen(silent)), timeout: true, status: 200, body: "start",
		code: gather.CodeHTTPResponseTimeout, message: "not complete within 1s"},
	"a body that stops over HTTP/2": {arrange: handlingHTTP2(startThen(silent)), timeout: true, status: 200, body: "start",
		code: gather.CodeHTTPResponseTimeout, message: "not complete within 1s"},
	"a body shorter than its length": {arrange: answering(started("Content-Length: 10\r\n", "start")), status: 200, body: "start",
		code: gather.CodeHTTPResponseIncomplete, message: "broke off"},
	"a body cut between chunks": {arrange: handling(startThen(abort)), status: 200, body: "start",
		code: gather.CodeHTTPResponseIncomplete, message: "broke off"},
	"a body cut over HTTP/2": {arrange: handlingHTTP2(startThen(abort)), status: 200, body: "start",
		code: gather.CodeHTTPResponseIncomplete, message: "broke off"},
	"a chunk without a size": {arrange: answering(started("Transfer-Encoding: chunked\r\n", "5\r\nstart\r\ns3cret\r\n")), status: 200, body: "start",
		code: gather.CodeHTTPTransferCoding, message: "in chunks that are not valid"},
	"trailers that are too long": {arrange: answering(started("Transfer-Encoding: chunked\r\n",
		"5\r\nstart\r\n0\r\nX-S3cret: "+strings.Repeat("s3cret", 10_000)+"\r\n\r\n")), status: 200, body: "start",
		code: gather.CodeHTTPTrailerSectionSize, message: "trailers"},
	"a coding that was not asked for": {arrange: answering(started("Content-Encoding: identity\r\nContent-Encoding: Br\r\n", "start")), status: 200, body: "start",
		permanent: true, code: gather.CodeHTTPContentCoding, message: "with an Accept-Encoding header of your own"},
	"a body that is not the gzip it claims to be": {arrange: answering(started("Content-Encoding: gzip\r\n", strings.Repeat("s3cret", 10))), status: 200,
		code: gather.CodeHTTPContentCoding, message: "not the gzip"},
	"a body that is broken gzip": {arrange: answering(started("Content-Encoding: gzip\r\n",
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"+strings.Repeat("\xff", 20))), status: 200,
		code: gather.CodeHTTPContentCoding, message: "not the gzip"},
	"a body that is the start of gzip": {arrange: answering(started("Content-Encoding: gzip\r\n", "\x1f\x8b\x08\x00\x00\x00")), status: 200,
		code: gather.CodeHTTPResponseIncomplete, message: "broke off"},
}

// closedPort is an address that refuses connections: bound, so that nobody else
// takes it, but not listened on.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bound.(*syscall.SockaddrInet4).Port}).String()
}

// tlsServing arranges a TLS server with a config of its own, whose certificate
// the client trusts.
func tlsServing(change func(*tls.Config)) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) {
		srv := unstarted(t, echo)
		srv.TLS = &tls.Config{}
		change(srv.TLS)
		srv.StartTLS()
		return localClient(t).trust(srv.Certificate()), srv.URL
	}
}

// TestWhere_classify has what no server of a test can be made to do.
func TestWhere_classify(t *testing.T) {
	for _, c := range []struct {
		phase phase
		err   error
		code  gather.ErrorCode
	}{
		{phaseLookup, &net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, gather.CodeDNSTimeout},
		{phaseHandshake, &net.OpError{Op: "local error", Err: errors.New("tls: bad record MAC")}, gather.CodeTLSProtocolError},
		{phaseBody, &net.OpError{Op: "local error", Err: errors.New("tls: bad record MAC")}, gather.CodeTLSProtocolError},
		{phaseSend, os.NewSyscallError("read", syscall.ETIMEDOUT), gather.CodeConnectionTerminated},
		{phaseBody, os.NewSyscallError("read", syscall.ETIMEDOUT), gather.CodeHTTPResponseIncomplete},
		{phaseSend, errors.New("http2: client connection lost"), gather.CodeConnectionTerminated},
		{phaseBody, errors.New("http2: client connection lost"), gather.CodeHTTPResponseIncomplete},
		{phaseSend, errors.New("http2: server sent GOAWAY and closed the connection; s3cret"), gather.CodeConnectionTerminated},
	} {
		w := where{phase: c.phase, host: "a.example:81", name: "a.example"}
		f := w.classify(c.err)
		if f.code != c.code || !strings.Contains(f.message, "a.example") || strings.Contains(f.message, "s3cret") {
			t.Errorf("%v in phase %d = %+v, want %s", c.err, c.phase, f, c.code)
		}
	}
}

// TestErrorCodes_documented keeps docs/fetching.md complete.
func TestErrorCodes_documented(t *testing.T) {
	source, err := os.ReadFile("../../result.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/fetching.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`ErrorCode = "(\w+)"`).FindAllSubmatch(source, -1)
	if len(codes) == 0 {
		t.Fatal("result.go has no codes")
	}
	for _, code := range codes {
		if !strings.Contains(string(page), "\n| `"+string(code[1])+"` |") {
			t.Errorf("docs/fetching.md does not tell of %s", code[1])
		}
	}
}
