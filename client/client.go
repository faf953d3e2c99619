// Package client talks to Gather's HTTP API in the words of package gather.
//
//	c, err := client.New("http://127.0.0.1:8080", client.WithKey(os.Getenv("GATHER_API_KEY")))
//	agg, err := c.Create(ctx, &gather.Spec{URLs: urls}, client.WithWait(30*time.Second))
//	if err == nil && !agg.Status.Finished() {
//		agg, err = c.Wait(ctx, agg.ID)
//	}
//
// Calls survive what networks and restarts do. Each is tried again where that may help,
// on connection errors and on the status codes 408, 425, 429, 500, 502, 503 and 504, with
// exponential backoff, and not before Retry-After. [Client.Create] sends an
// Idempotency-Key of its own, so that it still makes one aggregation;
// [Client.Wait], [Client.Results] and [Client.Events] go on where they were. ctx bounds
// all of it.
//
// What the API refuses is a [*Problem], for [errors.As]; [errors.Is] tells it as one of
// package gather's errors:
//
//	if errors.Is(err, gather.ErrNotFound) { … }
package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gather"
)

const (
	defaultRetryFor = 15 * time.Second
	// silence is how long the server may be silent in an answer that it owes: events
	// have a comment every 15 s.
	silence = 45 * time.Second
)

// Client is a client of one Gather. It may be used by any number of goroutines.
type Client struct {
	base      *url.URL
	key       string
	http      *http.Client
	retryFor  time.Duration
	maxOutage time.Duration // 0: no bound
	notify    func(err error, pause time.Duration)
}

// Option changes what [New] makes.
type Option func(*Client)

// WithKey has the client send an API key. "" is none.
func WithKey(key string) Option { return func(c *Client) { c.key = key } }

// WithHTTPClient has requests sent by another client than one of [http.DefaultTransport]:
// for a proxy, certificates, tracing. Leave its Timeout 0, or longer than 30 s: waits and
// streams are long, and go on where they were when it cuts them.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithRetryFor bounds for how long one call is tried again; default 15 s, 0 is never. It
// does not count for Wait, Results and Events.
func WithRetryFor(d time.Duration) Option { return func(c *Client) { c.retryFor = d } }

// WithMaxOutage bounds for how long Wait, Results and Events try to reach a server
// without any success in between; default 0: as long as their ctx lives.
func WithMaxOutage(d time.Duration) Option { return func(c *Client) { c.maxOutage = d } }

// WithNotify has f told of each attempt that failed and is made again after a pause. It
// is called by the goroutine that made the call.
func WithNotify(f func(err error, pause time.Duration)) Option {
	return func(c *Client) { c.notify = f }
}

// New returns a client of the Gather at a URL such as http://127.0.0.1:8080. It sends
// nothing yet. A URL that is not absolute http or https, and a key that no header can
// carry, are errors.
func New(base string, opts ...Option) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil { // says the URL, which may hold a password
		return nil, errors.New("the URL of a Gather can't be read; it must be such as http://127.0.0.1:8080")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the URL of a Gather, %q, must be absolute, such as http://127.0.0.1:8080", u.Redacted())
	}
	u.RawQuery, u.Fragment = "", ""
	c := &Client{base: u, http: http.DefaultClient, retryFor: defaultRetryFor, notify: func(error, time.Duration) {}}
	for _, opt := range opts {
		opt(c)
	}
	if !validHeader(c.key) {
		return nil, fmt.Errorf("the API key %w", errHeader)
	}
	own := *c.http
	if own.CheckRedirect == nil {
		own.CheckRedirect = sameMethod
	}
	c.http = &own
	return c, nil
}

// errHeader refuses what would fail in every attempt.
var errHeader = errors.New("has a character that no header may have, such as the end of a line")

// validHeader reports whether a header can have the value (RFC 9110, section 5.5).
func validHeader(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// errRedirect refuses what would be another request than the one that was asked for.
var errRedirect = errors.New("the server redirects to another address; give that one as the URL of the Gather")

// sameMethod follows redirects that keep the method: 301 and 302 turn a POST into a GET.
func sameMethod(r *http.Request, via []*http.Request) error {
	if r.Method != via[0].Method || len(via) >= 5 {
		return errRedirect
	}
	return nil
}

// pathTo is the path of an aggregation, and of what lies below it.
func pathTo(id string, below ...string) []string {
	return append([]string{"v1", "aggregations", url.PathEscape(id)}, below...)
}

// pace is how calls are tried again.
var pace = gather.Request{Retry: &gather.Retry{
	MinBackoff: gather.After(100 * time.Millisecond), MaxBackoff: gather.After(5 * time.Second),
}}
