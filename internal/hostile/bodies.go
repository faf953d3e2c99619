package hostile

import (
	"io"
	"net"
	"strings"
)

// ok begins an answer: a status line, a type and the header lines given.
func ok(headers ...string) string {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Marker: " + Marker + "\r\n"
	for _, header := range headers {
		head += header + "\r\n"
	}
	return head + "\r\n"
}

const chunked = "Transfer-Encoding: chunked"

// block is what endless bodies are made of.
var block = strings.Repeat(Marker+" ", 4<<10)

// deep is a JSON document of 1 MiB that is nothing but nesting.
var deep = strings.Repeat("[", 512<<10) + strings.Repeat("]", 512<<10)

// bodies go on for too long, or are not what they should be.
var bodies = []Upstream{
	{"a body without end", flooding(ok(), block), cut},
	{"a body without end in chunks", flooding(ok(chunked), "8000\r\n"+block+"\r\n"), cut},
	{"a body of a tebibyte", flooding(ok("Content-Length: 1099511627776"), block), cut},
	{"a body that trickles", dripping(ok(), "x"), tooLate(200)},
	{"a body in chunks that trickles", dripping(ok(chunked), "1\r\nx\r\n"), tooLate(200)},
	{"a body of a tebibyte that never comes", meeting(func(conn net.Conn) {
		_, _ = io.WriteString(conn, ok("Content-Length: 1099511627776"))
		Hang(conn)
	}), tooLate(200)},
	{"JSON that is not UTF-8", answering(ok() + "{\"a\":\"\xff\xfe\x80 " + Marker + "\"}"), whole},
	{"JSON that is extremely deep", answering(ok() + deep), whole},
	{"JSON that is extremely deep and never closed", answering(ok() + strings.Repeat(`{"a":`, 100_000)), whole},
	{"JSON of control characters", answering(ok() + strings.Repeat("\x01", 1<<20)), whole},
}
