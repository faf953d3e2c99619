package fetch

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gather"
	"gather/internal/hostile"
)

// http2Server speaks just enough HTTP/2 to misbehave: the first request that it
// gets is met with a frame of the test's, all others with an empty 200.
type http2Server struct {
	addr     string
	requests atomic.Int32
}

// serveHTTP2 starts a server and returns a client that trusts it. first is the
// frame that meets the first request, given its stream.
func serveHTTP2(tb testing.TB, first func(stream uint32) string) (*http2Server, *Client) {
	tb.Helper()
	ca, s := hostile.NewCA(tb), &http2Server{}
	s.addr = hostile.ServeHTTP2(tb, ca.Issue(tb, hostile.Flawless), "", func(conn net.Conn, stream uint32) {
		answer := hostile.Frame(hostile.FrameHeaders, hostile.EndStream|hostile.EndHeaders, stream, hostile.Status200)
		if s.requests.Add(1) == 1 {
			answer = first(stream)
		}
		_, _ = io.WriteString(conn, answer)
	})
	return s, localClient(tb).trust(ca.Certificate)
}

// reset ends the stream with an error code.
func reset(code uint32) func(stream uint32) string {
	return func(stream uint32) string {
		return hostile.Frame(hostile.FrameRSTStream, 0, stream, hostile.Uint32(code))
	}
}

// goAway says that the server will serve no stream at all.
func goAway(uint32) string {
	return hostile.Frame(hostile.FrameGoAway, 0, 0, strings.Repeat("\x00", 8))
}

// headerBomb is an answer whose headers unpack to 100 times their size: a header
// of 3,900 bytes, and 99 references to it (RFC 7541).
func headerBomb(stream uint32) string {
	return hostile.Frame(hostile.FrameHeaders, hostile.EndStream|hostile.EndHeaders, stream, hostile.Status200+
		"\x40\x01x\x7f\xbd\x1d"+strings.Repeat("x", 3900)+strings.Repeat("\xbe", 99))
}

const (
	codeProtocolError = 0x1
	codeStreamClosed  = 0x5
)

func TestClient_Fetch_sendsUnsafeRequestsOnceOverHTTP2(t *testing.T) {
	const terminated, invalid = gather.CodeConnectionTerminated, gather.CodeHTTPProtocolError
	cases := map[string]struct {
		first   func(uint32) string
		method  string
		body    string
		code    gather.ErrorCode // "" means that net/http sent it again, and had its answer
		notSent bool
	}{
		"a reset that accuses the client, with a body":       {reset(codeProtocolError), "POST", "text", invalid, false},
		"a reset that accuses the client, without":           {reset(codeProtocolError), "POST", "", terminated, false},
		"a reset that accuses the client, of a GET":          {reset(codeProtocolError), "GET", "", "", false},
		"a reset that accuses the client, of a PUT":          {reset(codeProtocolError), "PUT", "text", "", false},
		"a stream that was refused, with a body":             {reset(codeRefusedStream), "PATCH", "text", terminated, true},
		"a stream that was refused, without":                 {reset(codeRefusedStream), "PATCH", "", terminated, false},
		"a server that was going away before, with a body":   {goAway, "POST", "text", terminated, true},
		"a server that was going away before, without":       {goAway, "POST", "", terminated, false},
		"a server that was going away before, and a GET":     {goAway, "GET", "", "", false},
		"a server that gave up, with a body":                 {reset(codeInternalError), "POST", "text", terminated, false},
		"a server that gave up, without":                     {reset(codeInternalError), "POST", "", terminated, false},
		"a server that gave up, and a GET":                   {reset(codeInternalError), "GET", "", terminated, false},
		"a server that mixes up its streams, and a GET":      {reset(codeStreamClosed), "GET", "", invalid, false},
		"a server that asks for calm, and a GET with a body": {reset(codeEnhanceYourCalm), "GET", "text", terminated, false},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := serveHTTP2(t, want.first)
			r := get("https://" + srv.addr)
			r.Method, r.BodyText = want.method, want.body
			r.Headers["Idempotency-Key"] = "agg_1/0"
			resp := c.Fetch(t.Context(), r)
			sent := int32(1)
			if want.code == "" {
				sent = 2
				wantOK(t, resp, "")
			} else {
				wantError(t, resp, want.code, srv.addr)
			}
			if n := srv.requests.Load(); n != sent || resp.NotSent != want.notSent {
				t.Errorf("sent %d times, NotSent %v; want %d, %v", n, resp.NotSent, sent, want.notSent)
			}
		})
	}
}

// TestClient_Fetch_sendsUnsafeRequestsOnce breaks a kept connection after the
// request is there. net/http takes that for a connection that was closed while
// idle, and sends again what it thinks can be repeated.
func TestClient_Fetch_sendsUnsafeRequestsOnce(t *testing.T) {
	for _, want := range []struct {
		method, body string
		again        bool
		keeps        string // the method of a request before, whose connection it takes
	}{
		{"POST", "text", false, "OPTIONS"}, {"POST", "", false, "OPTIONS"}, {"PATCH", "text", false, "OPTIONS"}, {"PATCH", "", false, "OPTIONS"},
		{"PUT", "text", false, "OPTIONS"}, {"DELETE", "", false, "OPTIONS"}, {"OPTIONS", "", true, "OPTIONS"}, {"GET", "", true, "GET"}, {"HEAD", "", true, "GET"},
	} {
		for _, key := range []string{"", "Idempotency-Key", "x-idempotency-key"} {
			t.Run(want.method+" "+want.body+" "+key, func(t *testing.T) {
				var requests atomic.Int32
				var first string
				srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadAll(r.Body)
					switch requests.Add(1) {
					case 1:
						first = r.RemoteAddr
					case 2:
						if r.RemoteAddr != first {
							t.Error("the request came over another connection")
						}
						panic(http.ErrAbortHandler)
					}
				})
				c := localClient(t)
				wantOK(t, c.Fetch(t.Context(), by(want.keeps, get(srv.URL))), "")
				r := by(want.method, get(srv.URL))
				r.BodyText = want.body
				if key != "" {
					r.Headers[key] = "agg_1/0"
				}
				resp := c.Fetch(t.Context(), r)
				sent := int32(1)
				if want.again {
					sent = 2
					wantOK(t, resp, "")
				} else {
					wantError(t, resp, gather.CodeConnectionTerminated, "closed the connection")
				}
				if n := requests.Load() - 1; n != sent || resp.NotSent {
					t.Errorf("sent %d times, NotSent %v; want %d, false", n, resp.NotSent, sent)
				}
			})
		}
	}
}

// TestClient_Fetch_givesUpOnServers that go away each time. net/http would make one
// connection after another, as fast as it can, until the time is up.
func TestClient_Fetch_givesUpOnServers(t *testing.T) {
	for name, code := range map[string]byte{"without an error": codeNoError, "with one": codeEnhanceYourCalm} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			ca := hostile.NewCA(t)
			addr := hostile.ServeHTTP2(t, ca.Issue(t, hostile.Flawless), "", func(conn net.Conn, _ uint32) {
				requests.Add(1)
				_, _ = io.WriteString(conn, hostile.Frame(hostile.FrameGoAway, 0, 0, strings.Repeat("\x00", 7)+string(rune(code))))
			})
			resp := localClient(t).trust(ca.Certificate).Fetch(t.Context(), get("https://"+addr))
			wantError(t, resp, gather.CodeConnectionTerminated, "closed the connection without an answer")
			if n := requests.Load(); n > mostHandshakes {
				t.Errorf("sent %d times, want at most %d", n, mostHandshakes)
			}
		})
	}
}

// TestClient_Fetch_closesConnections over which a server goes on sending when nobody
// asks any more, whatever the answer was.
func TestClient_Fetch_closesConnections(t *testing.T) {
	for name, frame := range map[string]string{
		"SETTINGS":      hostile.Frame(hostile.FrameSettings, 0, 0, ""),
		"PING":          hostile.Frame(hostile.FramePing, 0, 0, "12345678"),
		"WINDOW_UPDATE": hostile.Frame(hostile.FrameWindowUpdate, 0, 1, hostile.Uint32(1)),
		"DATA":          hostile.Frame(hostile.FrameData, 0, 1, ""),
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan struct{})
			ca := hostile.NewCA(t)
			frames := []byte(strings.Repeat(frame, 1000))
			addr := hostile.ServeHTTP2(t, ca.Issue(t, hostile.Flawless), "", func(conn net.Conn, stream uint32) {
				_, _ = io.WriteString(conn, hostile.Frame(hostile.FrameHeaders, hostile.EndStream|hostile.EndHeaders, stream, hostile.Status200))
				go hostile.Hang(conn)
				for err := error(nil); err == nil; {
					_, err = conn.Write(frames)
				}
				close(closed)
			})
			c := localClient(t).trust(ca.Certificate)
			wantOK(t, c.Fetch(t.Context(), get("https://"+addr)), "")
			select {
			case <-closed:
			case <-time.After(ample):
				t.Error("the connection is still read")
			}
		})
	}
}
