package fetch

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// cleartext sends what a fan-out consists of more often than not, a GET or a HEAD of an
// http:// URL, over HTTP/1.1 and on the goroutine that asks. net/http's transport hands
// each request on to a goroutine that writes and one that reads, which is most of what
// a fetch costs a worker, in time and in memory. What a request and a response look
// like, net/http decides all the same ([http.Request.Write], [http.ReadResponse]).
//
// Neither method does anything twice when it is sent twice, and neither has a body, so
// that a request is written at once, before anything is read.
type cleartext struct {
	dial func(ctx context.Context, network, hostPort string) (net.Conn, error)
	idle *idleConns
}

func newCleartext(g *guard, concurrency int) *cleartext {
	perHost, most := idleLimits(concurrency)
	return &cleartext{dial: g.dial, idle: newIdleConns(perHost, most, idleConnTimeout)}
}

// mostHeaders is how many bytes of headers are written before anything is read. A server
// that answers before it has read more than a socket holds would not be heard.
const mostHeaders = 64 << 10

// takes reports whether a hop is to go through here. One that can't be sent is left to
// net/http, which says so.
func (c *cleartext) takes(h *hop) bool {
	if !seesReadable || h.url.Scheme != "http" || h.method != http.MethodGet && h.method != http.MethodHead || len(h.body) > 0 {
		return false
	}
	if strings.ContainsFunc(h.url.Host, func(r rune) bool { return r > '~' }) { // becomes xn-- there
		return false
	}
	size := len(h.host)
	for name, values := range h.header {
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return false
			}
			size += len(name) + len(value)
		}
	}
	return size <= mostHeaders
}

// roundTrip sends a hop and returns the headers of its response. The body must be
// closed; once it is read to its end, the connection is ready for the next request.
func (c *cleartext) roundTrip(ctx context.Context, h *hop, t *trace) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	req, unpack := cleartextRequest(h)
	head := heads.Get().(*bytes.Buffer)
	defer heads.Put(head)
	head.Reset()
	if err := req.Write(head); err != nil {
		return nil, err
	}
	hostPort := net.JoinHostPort(h.url.Hostname(), urlPort(h.url))
	w := c.idle.take(hostPort)
	if w != nil {
		resp, err := w.roundTrip(ctx, head.Bytes(), req, t)
		if !errors.Is(err, errNoAnswer) || ctx.Err() != nil {
			return unpacked(resp, unpack), err
		}
		// The server closed it while the request was on its way, as servers may
		// (RFC 9112, section 9.5). A connection that is new tells whether it is there.
	}
	w, err := c.connect(ctx, hostPort, t)
	if err != nil {
		return nil, err
	}
	resp, err := w.roundTrip(ctx, head.Bytes(), req, t)
	return unpacked(resp, unpack), err
}

// heads are the buffers that requests are written to.
var heads = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// cleartextRequest is the hop as net/http is to write it, and whether its response may
// come packed: net/http's transport asks for gzip under the same conditions.
func cleartextRequest(h *hop) (req *http.Request, unpack bool) {
	req = h.request()
	if h.method == http.MethodHead || h.takesAnyCoding() {
		return req, false
	}
	req.Header = maps.Clone(h.header)
	req.Header["Accept-Encoding"] = acceptGzip
	return req, true
}

var acceptGzip = []string{"gzip"}

func (c *cleartext) connect(ctx context.Context, hostPort string, t *trace) (*wire, error) {
	dialed, err := c.dial(t.follow(ctx), "tcp", hostPort)
	if err != nil {
		return nil, err
	}
	return newWire(dialed, hostPort, c.idle), nil
}
