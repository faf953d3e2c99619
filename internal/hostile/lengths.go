package hostile

import (
	"io"
	"net"
	"strings"
	"testing"
)

// lengths are bodies that end elsewhere than they say (RFC 9112, sections 6 to 8).
var lengths = []Upstream{
	{"a body shorter than its length", answering(ok("Content-Length: 100") + `{"a":1}`), breaks("http_response_incomplete")},
	{"a body longer than its length", answering(ok("Content-Length: 7") + `{"a":1}` + ok() + Marker), whole},
	{"a length below zero", answering(ok("Content-Length: -7") + `{"a":1}`), fails("http_protocol_error")},
	{"a length that is no number", answering(ok("Content-Length: 0x7") + `{"a":1}`), fails("http_protocol_error")},
	{"a length beyond all bounds", answering(ok("Content-Length: 99999999999999999999") + `{"a":1}`), fails("http_protocol_error")},
	{"two lengths", answering(ok("Content-Length: 7", "Content-Length: 8") + `{"a":1}`), fails("http_protocol_error")},
	{"a reset in its body", resetting(ok("Content-Length: 100") + `{"a":1}`), breaks("http_response_incomplete")},
	{"a reset between chunks", resetting(ok(chunked) + "7\r\n{\"a\":1}\r\n"), breaks("http_response_incomplete")},
	{"a reset in its headers", resetting("HTTP/1.1 200 OK\r\nX-Marker: " + Marker), fails("connection_terminated")},
	{"a chunk without a size", answering(ok(chunked) + "\r\n" + Marker), breaks("http_response_transfer_coding")},
	{"a chunk whose size is no number", answering(ok(chunked) + "-7\r\n{\"a\":1}\r\n0\r\n\r\n"), breaks("http_response_transfer_coding")},
	{"a chunk whose size is beyond all bounds", answering(ok(chunked) + "FFFFFFFFFFFFFFFFF\r\n{\"a\":1}"), breaks("http_response_transfer_coding")},
	{"a chunk longer than its size", answering(ok(chunked) + "2\r\n{\"a\":1}\r\n0\r\n\r\n"), breaks("http_response_transfer_coding")},
	{"a chunk that is cut off", answering(ok(chunked) + "100\r\n{\"a\":1}"), breaks("http_response_incomplete")},
	{"chunks without a last one", answering(ok(chunked) + "7\r\n{\"a\":1}\r\n"), breaks("http_response_incomplete")},
	{"a chunk extension without end", flooding(ok(chunked)+"7;a=", block), breaks("http_response_transfer_coding")},
	{"chunks of one byte with long extensions", flooding(ok(chunked), "1;"+strings.Repeat("x", 2000)+"\r\nx\r\n"), breaks("http_response_transfer_coding")},
	{"trailers without end", flooding(ok(chunked)+"0\r\n", "X-Trailer: "+block+"\r\n"), breaks("http_response_trailer_section_size")},
	{"a transfer coding that nobody knows", answering(ok("Transfer-Encoding: "+Marker) + "{}"), fails("http_response_transfer_coding")},
	{"two transfer codings", answering(ok("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n"), fails("http_response_transfer_coding")},
}

// resetting starts a server that meets requests with the beginning of an answer,
// and then resets the connection. What came before, the client reads nevertheless.
func resetting(beginning string) func(testing.TB, *CA) string {
	return meeting(func(conn net.Conn) {
		_, _ = io.WriteString(conn, beginning)
		_ = conn.(*net.TCPConn).SetLinger(0) // makes a close a reset
	})
}
