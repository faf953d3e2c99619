package fetch

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"gather"
)

// Frame types of HTTP/2 (RFC 9113, section 6).
const (
	frameHeaders   = 0x1
	frameRSTStream = 0x3
	frameSettings  = 0x4
	frameGoAway    = 0x7
)

// http2Server speaks just enough HTTP/2 to misbehave: the first request that it
// gets is met with a frame of the test's, all others with an empty 200.
type http2Server struct {
	addr     string
	requests atomic.Int32
}

// serveHTTP2 starts a server and returns a client that trusts it. first is the
// frame that meets the first request, given its stream.
func serveHTTP2(tb testing.TB, first func(stream uint32) []byte) (*http2Server, *Client) {
	tb.Helper()
	cert := serveTLS(tb, true, echo)
	config := &tls.Config{Certificates: cert.TLS.Certificates, NextProtos: []string{"h2"}}
	s := &http2Server{}
	s.addr = serveRaw(tb, func(conn net.Conn) { s.serve(tls.Server(conn, config), first) })
	return s, localClient(tb).trust(cert.Certificate())
}

func (s *http2Server) serve(conn net.Conn, first func(uint32) []byte) {
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	_, _ = conn.Write(frame(frameSettings, 0, 0, nil))
	for header := make([]byte, 9); ; {
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		length := int64(header[0])<<16 | int64(binary.BigEndian.Uint16(header[1:]))
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		if header[3] != frameHeaders {
			continue
		}
		stream := binary.BigEndian.Uint32(header[5:])
		answer := frame(frameHeaders, 0x5, stream, []byte{0x88}) // END_STREAM, END_HEADERS; ":status: 200"
		if s.requests.Add(1) == 1 {
			answer = first(stream)
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// reset ends the stream with an error code.
func reset(code uint32) func(stream uint32) []byte {
	return func(stream uint32) []byte {
		return frame(frameRSTStream, 0, stream, binary.BigEndian.AppendUint32(nil, code))
	}
}

// goAway says that the server will serve no stream at all.
func goAway(uint32) []byte { return frame(frameGoAway, 0, 0, make([]byte, 8)) }

// headerBomb is an answer whose headers unpack to 100 times their size: a header
// of 3,900 bytes, and 99 references to it (RFC 7541).
func headerBomb(stream uint32) []byte {
	block := []byte{0x88, 0x40, 1, 'x', 0x7f, 0xbd, 0x1d}
	block = append(block, bytes.Repeat([]byte("x"), 3900)...)
	return frame(frameHeaders, 0x5, stream, append(block, bytes.Repeat([]byte{0xbe}, 99)...))
}

const (
	codeProtocolError = 0x1
	codeStreamClosed  = 0x5
)

func TestClient_Fetch_sendsUnsafeRequestsOnceOverHTTP2(t *testing.T) {
	const terminated, invalid = gather.CodeConnectionTerminated, gather.CodeHTTPProtocolError
	cases := map[string]struct {
		first   func(uint32) []byte
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
	}{
		{"POST", "text", false}, {"POST", "", false}, {"PATCH", "text", false}, {"PATCH", "", false},
		{"PUT", "text", false}, {"DELETE", "", false}, {"GET", "", true}, {"HEAD", "", true},
	} {
		for _, key := range []string{"", "Idempotency-Key", "x-idempotency-key"} {
			t.Run(want.method+" "+want.body+" "+key, func(t *testing.T) {
				var requests atomic.Int32
				srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadAll(r.Body)
					if requests.Add(1) == 2 {
						panic(http.ErrAbortHandler)
					}
				})
				c := localClient(t)
				wantOK(t, c.Fetch(t.Context(), get(srv.URL)), "")
				r := get(srv.URL)
				r.Method, r.BodyText = want.method, want.body
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
