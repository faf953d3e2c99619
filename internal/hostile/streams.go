package hostile

import (
	"io"
	"net"
	"strings"
	"testing"
)

// Error codes of HTTP/2 (RFC 9113, section 7).
const (
	noError         = 0x0
	protocolError   = 0x1
	internalError   = 0x2
	enhanceYourCalm = 0xb
)

// streams misbehave over HTTP/2.
var streams = []Upstream{
	{"GOAWAY to every request", framing(func(uint32) string { return goAway(0, noError) }), fails("connection_terminated")},
	{"GOAWAY with an error to every request", framing(func(uint32) string { return goAway(0, enhanceYourCalm) }), fails("connection_terminated")},
	{"GOAWAY and a close", closing(func(uint32) string { return goAway(1, noError) }), fails("connection_terminated")},
	{"GOAWAY and a close in its body", closing(func(s uint32) string { return begun(s) + goAway(s, internalError) }), breaks("http_response_incomplete")},
	{"RST_STREAM without an answer", framing(func(s uint32) string { return reset(s, internalError) }), fails("connection_terminated")},
	{"RST_STREAM in its body", framing(func(s uint32) string { return begun(s) + reset(s, protocolError) }), breaks("http_response_incomplete")},
	{"a frame beyond all bounds", framing(func(s uint32) string { return begun(s) + Frame(FrameData, 0, s, strings.Repeat(block, 2)) }), breaks("http_protocol_error")},
	{"empty frames of a body without end", pouring(begun, func(s uint32) string { return strings.Repeat(Frame(FrameData, 0, s, ""), 1000) }), tooLate(200)},
	{"SETTINGS without end", pouring(nothing, func(uint32) string { return strings.Repeat(Frame(FrameSettings, 0, 0, ""), 1000) }), tooLate(0)},
	{"PING without end", pouring(nothing, func(uint32) string { return strings.Repeat(Frame(FramePing, 0, 0, "12345678"), 1000) }), tooLate(0)},
	{"WINDOW_UPDATE without end", pouring(nothing, func(s uint32) string { return strings.Repeat(Frame(FrameWindowUpdate, 0, s, Uint32(1)), 1000) }), tooLate(0)},
	{"a window that overflows", framing(func(uint32) string { return strings.Repeat(Frame(FrameWindowUpdate, 0, 0, Uint32(1<<31-1)), 2) }), fails("http_protocol_error")},
	{"CONTINUATION without end", pouring(func(s uint32) string { return Frame(FrameHeaders, 0, s, Status200) }, func(s uint32) string {
		return Frame(FrameContinuation, 0, s, "\x00\x01x\x7f\xa1\x1f"+strings.Repeat("x", 4128)) // 127 + 0x21 + 0x1f<<7
	}), fails("http_protocol_error")},
	{"interim responses without end over HTTP/2", pouring(nothing, func(s uint32) string {
		return strings.Repeat(Frame(FrameHeaders, EndHeaders, s, "\x08\x03103"), 1000)
	}), fails("http_response_header_section_size")},
	{"a line break in a header over HTTP/2", framing(func(s uint32) string {
		return Frame(FrameHeaders, EndHeaders|EndStream, s, Status200+"\x00\x01x\x0fa\r\nSet-Cookie: b")
	}), fails("http_protocol_error")},
	{"a NUL in a header over HTTP/2", framing(func(s uint32) string {
		return Frame(FrameHeaders, EndHeaders|EndStream, s, Status200+"\x00\x01x\x02a\x00")
	}), fails("http_protocol_error")},
	{"a status of five digits over HTTP/2", framing(func(s uint32) string {
		return Frame(FrameHeaders, EndHeaders|EndStream, s, "\x08\x0520000")
	}), fails("http_protocol_error")},
	{"a status below zero over HTTP/2", framing(func(s uint32) string {
		return Frame(FrameHeaders, EndHeaders|EndStream, s, "\x08\x02-7")
	}), fails("http_protocol_error")},
	{"an answer that nobody asked for", framing(func(s uint32) string {
		return Frame(FramePushPromise, EndHeaders, s, Uint32(s+1)+Status200)
	}), fails("http_protocol_error")},
	{"a stream that nobody opened", framing(func(s uint32) string {
		return Frame(FrameHeaders, EndHeaders, s+100, Status200)
	}), tooLate(0)},
	{"frames that mean nothing", pouring(nothing, func(uint32) string { return block }), fails("http_protocol_error")},
}

func goAway(last, code uint32) string {
	return Frame(FrameGoAway, 0, 0, Uint32(last)+Uint32(code)+Marker)
}

func reset(stream, code uint32) string { return Frame(FrameRSTStream, 0, stream, Uint32(code)) }

// begun is an answer that has begun.
func begun(stream uint32) string {
	return Frame(FrameHeaders, EndHeaders, stream, Status200) + Frame(FrameData, 0, stream, "[1,")
}

func nothing(uint32) string { return "" }

// framing starts a server that meets each request with these frames.
func framing(frames func(stream uint32) string) func(testing.TB, *CA) string {
	return overHTTP2(func(conn net.Conn, stream uint32) { _, _ = io.WriteString(conn, frames(stream)) })
}

// closing is framing that closes the connection afterwards.
func closing(frames func(stream uint32) string) func(testing.TB, *CA) string {
	return overHTTP2(func(conn net.Conn, stream uint32) {
		_, _ = io.WriteString(conn, frames(stream))
		_ = conn.Close()
	})
}

// pouring is framing that repeats the last of the frames. What the client has to
// say to it is taken, so that it can go on.
func pouring(first, again func(stream uint32) string) func(testing.TB, *CA) string {
	return overHTTP2(func(conn net.Conn, stream uint32) {
		_, _ = io.WriteString(conn, first(stream))
		go Hang(conn)
		flood(conn, []byte(again(stream)), 0)
	})
}

func overHTTP2(meet func(net.Conn, uint32)) func(testing.TB, *CA) string {
	return func(tb testing.TB, ca *CA) string {
		return "https://" + ServeHTTP2(tb, ca.Issue(tb, Flawless), "", meet)
	}
}
