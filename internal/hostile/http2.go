package hostile

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// Frame types of HTTP/2 (RFC 9113, section 6).
const (
	FrameData         = 0x0
	FrameHeaders      = 0x1
	FrameRSTStream    = 0x3
	FrameSettings     = 0x4
	FramePushPromise  = 0x5
	FramePing         = 0x6
	FrameGoAway       = 0x7
	FrameWindowUpdate = 0x8
	FrameContinuation = 0x9
)

// Flags of frames.
const (
	EndStream  = 0x1
	EndHeaders = 0x4
)

// Status200 is the header block of an answer without headers (RFC 7541, appendix A).
const Status200 = "\x88"

// Frame is a frame on the wire.
func Frame(kind, flags byte, stream uint32, payload string) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// Uint32 is a number as payloads hold it.
func Uint32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// ServeHTTP2 starts a server that speaks just enough HTTP/2 to misbehave: it greets
// clients with settings, and meets each request with what the test writes to the
// connection, given its stream.
func ServeHTTP2(tb testing.TB, cert tls.Certificate, settings string, meet func(conn net.Conn, stream uint32)) (addr string) {
	tb.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	return Serve(tb, func(conn net.Conn) { serveHTTP2(tls.Server(conn, config), settings, meet) })
}

func serveHTTP2(conn net.Conn, settings string, meet func(net.Conn, uint32)) {
	if _, err := io.WriteString(conn, Frame(FrameSettings, 0, 0, settings)); err != nil {
		return
	}
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	for header := make([]byte, 9); ; {
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		length := int64(header[0])<<16 | int64(binary.BigEndian.Uint16(header[1:]))
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		if header[3] == FrameHeaders {
			meet(conn, binary.BigEndian.Uint32(header[5:]))
		}
	}
}
