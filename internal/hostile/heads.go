package hostile

import (
	"io"
	"net"
	"strings"
)

// heads are what comes before a body: status lines, headers and interim responses.
var heads = []Upstream{
	{"a header of a mebibyte", answering(ok("X-Large: "+strings.Repeat("x", 1<<20)) + "{}"), fails("http_response_header_section_size")},
	{"a mebibyte of headers", answering(ok(strings.TrimSuffix(strings.Repeat("X-Many: "+strings.Repeat("x", 1014)+"\r\n", 1<<10), "\r\n")) + "{}"), fails("http_response_header_section_size")},
	{"headers without end", flooding("HTTP/1.1 200 OK\r\n", strings.Repeat("X-Many: "+Marker+"\r\n", 1000)), fails("http_response_header_section_size")},
	{"a header line without end", flooding("HTTP/1.1 200 OK\r\nX-Large: ", block), fails("http_response_header_section_size")},
	{"a status line without end", flooding("HTTP/1.1 200 ", block), fails("http_response_header_section_size")},
	{"headers that trickle", dripping("HTTP/1.1 200 OK\r\nX-Slow: ", "x"), tooLate(0)},
	{"interim responses without end", flooding("", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </"+Marker+">\r\n\r\n", 500)), fails("http_response_header_section_size")},
	{"interim responses that trickle", dripping("", "HTTP/1.1 100 Continue\r\n\r\n"), tooLate(0)},
	{"an interim response, and silence", meeting(func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 102 Processing\r\n\r\n")
		Hang(conn)
	}), tooLate(0)},
	{"silence", meeting(Hang), tooLate(0)},
	{"a close", answering(""), fails("connection_terminated")},
	{"a switch of protocols", meeting(func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "+Marker+"\r\n\r\n")
		Hang(conn)
	}), fails("http_upgrade_failed")},
	{"a carriage return in a header", answering(ok("X-Bad: a\rSet-Cookie: "+Marker) + "{}"), fails("http_protocol_error")},
	{"a carriage return in its type", answering("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r" + Marker + "\r\n\r\n{}"), fails("http_protocol_error")},
	{"a NUL in a header", answering(ok("X-Bad: a\x00"+Marker) + "{}"), fails("http_protocol_error")},
	{"a NUL in a header's name", answering(ok("X-\x00Bad: "+Marker) + "{}"), fails("http_protocol_error")},
	{"a header without a name", answering(ok(": "+Marker) + "{}"), fails("http_protocol_error")},
	{"a header without a colon", answering(ok(Marker) + "{}"), fails("http_protocol_error")},
	{"a type that is not UTF-8", answering("HTTP/1.1 200 OK\r\nContent-Type: text/\xff\xfe\r\n\r\n{}"), whole},
	{"a type of 200 KiB", answering("HTTP/1.1 200 OK\r\nContent-Type: text/plain" + strings.Repeat("; a*0*=x", 25_000) + "\r\n\r\n{}"), whole},
	{"a status of 0", answering("HTTP/1.1 000 " + Marker + "\r\n\r\n"), fails("http_protocol_error")},
	{"a status below 100", answering("HTTP/1.1 099 " + Marker + "\r\n\r\n"), fails("http_protocol_error")},
	{"a status of four digits", answering("HTTP/1.1 2000 " + Marker + "\r\n\r\n"), fails("http_protocol_error")},
	{"a body without headers", answering("<html>" + Marker + "</html>\r\n"), fails("http_protocol_error")},
	{"another protocol", answering("220 " + Marker + " ESMTP ready\r\n"), fails("http_protocol_error")},
}
