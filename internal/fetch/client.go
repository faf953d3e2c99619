// Package fetch sends one bounded outgoing request and says what came of it.
//
// Bounded means: one timeout up to the last byte of the body, a limit on headers
// and body, five redirects, and no connection to an address that is not public
// unless the operator opened it (see [Options.AllowNet]). What goes wrong has one
// of the error codes of RFC 9209 and a sentence for people, which never holds
// more of the request than host and port.
//
// A request whose method is unsafe is sent at most once by one call, although
// net/http likes to send again: see hop.request and trace.
package fetch

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gather"
)

// Defaults and bounds of [Options].
const (
	defaultMaxBody   = 1 << 20
	largestMaxBody   = 512 << 20 // what Redis takes in one value
	defaultUserAgent = "gather"
)

// Options says what fetches may reach and how much they keep.
type Options struct {
	// AllowNet lists what fetches may reach although it is not public: CIDRs and
	// IP addresses (every port of them), and ip:port or host:port (that port only).
	// A host is compared with the name in the URL.
	AllowNet []string
	// MaxBody is how many bytes of a response's body are kept, after
	// decompression; 0 means 1 MiB.
	MaxBody int64
	// Concurrency is how many fetches may be in flight at once: as many connections
	// stay open for the next ones; 0 means 512.
	Concurrency int
	// UserAgent is sent where the request names none; "" means "gather".
	UserAgent string
	// Observe is told of each attempt, by many goroutines, and must take no time; nil means nobody is.
	Observe func(Observation)
	// Traceparent is the W3C trace context to send with an attempt, unless the client has set one of
	// its own; "" or a nil function means none.
	Traceparent func(ctx context.Context) string
}

// Client sends requests. It is safe for use by many goroutines, which share its
// connections.
type Client struct {
	guard     *guard
	cleartext *cleartext      // what most requests go through
	transport *http.Transport // what the others do
	maxBody   int64
	userAgent string
	observer  func(Observation)
	// traceparent is nil where nothing is traced.
	traceparent func(context.Context) string
}

// New returns a client. Its errors name the flag that they are about.
func New(o Options) (*Client, error) {
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.MaxBody < 1 || o.MaxBody > largestMaxBody {
		return nil, fmt.Errorf("--max-body (%d) must be 1 to %d bytes", o.MaxBody, int64(largestMaxBody))
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	allow, err := parseAllow(o.AllowNet)
	if err != nil {
		return nil, err
	}
	g := newGuard(allow)
	return &Client{
		guard: g, cleartext: newCleartext(g, o.Concurrency), transport: newTransport(g, o.Concurrency),
		maxBody: o.MaxBody, userAgent: o.UserAgent, observer: o.Observe, traceparent: o.Traceparent,
	}, nil
}

// Close closes the connections that are idle. Fetches that are under way go on.
func (c *Client) Close() {
	c.cleartext.idle.close()
	c.transport.CloseIdleConnections()
}

// Fetch makes one attempt at r, redirects included, within r's timeout for one
// attempt, and returns what came of it, never nil. When ctx ends first, the
// response has the code [gather.CodeCanceled]; the caller knows why.
func (c *Client) Fetch(ctx context.Context, r *gather.Request) *gather.Response {
	h, err := c.firstHop(r)
	if err != nil {
		return &gather.Response{
			Error:     &gather.ItemError{Code: gather.CodeHTTPRequestError, Message: err.Error()},
			NotSent:   true,
			Permanent: true,
		}
	}
	if c.traceparent != nil {
		h.setDefault("Traceparent", c.traceparent(ctx))
	}
	timed, cancel := context.WithTimeout(ctx, r.AttemptTimeout())
	defer cancel()
	a := &attempt{client: c, request: r, callerErr: ctx.Err, stop: cancel, peer: PeerNone}
	begun := time.Now()
	response := a.run(timed, h)
	a.observe(response, time.Since(begun))
	return response
}

// roundTrip sends one hop.
func (c *Client) roundTrip(ctx context.Context, h *hop, t *trace) (*http.Response, error) {
	if c.cleartext.takes(h) {
		return c.cleartext.roundTrip(ctx, h, t)
	}
	return c.transport.RoundTrip(h.request().WithContext(withDialDeadline(t.follow(ctx))))
}
