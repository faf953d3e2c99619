package hostile

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// redirects lead in circles, nowhere, or to where nobody outside should come.
var redirects = []Upstream{
	{"redirects to itself", answering(moved("/")), Outcome{Code: "http_protocol_error", HTTPStatus: 302}},
	{"redirects without end", func(tb testing.TB, ca *CA) string {
		var n atomic.Int64
		return meeting(func(conn net.Conn) { _, _ = io.WriteString(conn, moved(fmt.Sprint("/", n.Add(1)))) })(tb, ca)
	}, Outcome{Code: "http_protocol_error", HTTPStatus: 302}},
	{"a redirect to an address that is not public", answering(moved("http://127.0.0.2:9/" + Marker)), fails("destination_ip_prohibited")},
	{"a redirect to a file", answering(moved("file:///etc/" + Marker)), Outcome{Code: "http_protocol_error", HTTPStatus: 302}},
	{"a redirect to another scheme", answering(moved("gopher://127.0.0.1:70/" + Marker)), Outcome{Code: "http_protocol_error", HTTPStatus: 302}},
	{"a redirect to something that is no URL", answering(moved("http://[" + Marker)), Outcome{Code: "http_protocol_error", HTTPStatus: 302}},
	{"a redirect to a URL of 100 KiB", answering(moved("/" + strings.Repeat("x", 100<<10))), Outcome{Code: "http_protocol_error", HTTPStatus: 302}},
	{"a redirect that splits its header", answering(moved("/\r\rSet-Cookie: " + Marker)), fails("http_protocol_error")},
	{"redirects with a body without end", flooding("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", block), Outcome{Code: "http_protocol_error", HTTPStatus: 302, Truncated: true}},
}

// moved is a redirect to the location.
func moved(location string) string {
	return "HTTP/1.1 302 Found\r\nLocation: " + location + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
}
