package fetch

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"gather"
)

// attempt is one attempt at a request, over all the hops that it takes.
type attempt struct {
	client    *Client
	request   *gather.Request
	callerErr func() error // why the caller wants no answer any more; nil while it does
	stop      func()       // ends the attempt
	reached   bool         // a server may have got the request
	peer      Peer         // whom the last hop was connected to
}

// run sends the first hop and follows redirects to the answer. ctx ends with the
// attempt's timeout.
func (a *attempt) run(ctx context.Context, h *hop) *gather.Response {
	for left := maxRedirects; ; left-- {
		next, answer := a.send(ctx, h, left)
		if next == nil {
			return answer
		}
		h = next
	}
}

// send sends one hop and returns where it is redirected to, with so many redirects
// left, or else what came of it.
func (a *attempt) send(ctx context.Context, h *hop, left int) (*hop, *gather.Response) {
	t := newTrace(h.unsafe(), a.stop)
	a.peer = PeerNone
	defer func() {
		if c := t.conn.Load(); c != nil {
			a.peer = c.peer
		}
		t.leave()
	}()
	resp, err := a.client.roundTrip(ctx, h, t)
	if err != nil {
		return nil, a.fail(ctx, err, h, t)
	}
	a.reached = true
	if f := unusable(resp, h); f != nil {
		_ = resp.Body.Close()
		return nil, a.response(f)
	}
	next, err := a.next(h, resp)
	if next != nil && left == 0 {
		next, err = nil, errTooManyRedirects
	}
	if next == nil {
		return nil, a.answer(ctx, resp, h, t, err)
	}
	discard(resp)
	return next, nil
}

// unusable says why a response can't be an answer whatever follows, nil where it can.
func unusable(resp *http.Response, h *hop) *fault {
	switch code := resp.StatusCode; {
	case code == http.StatusSwitchingProtocols:
		return &fault{gather.CodeHTTPUpgradeFailed, h.url.Host + " switched to another protocol, which was not asked for", true}
	case code < 100 || code > 999: // net/http takes any number; RFC 9110, section 15, has three digits
		return &fault{gather.CodeHTTPProtocolError, "the answer of " + h.url.Host + " has no valid status code", false}
	}
	return nil
}

// next is where resp sends the request, nil where it is the answer: a redirect
// whose status code the client listed as success is what it wants to see.
func (a *attempt) next(h *hop, resp *http.Response) (*hop, error) {
	if slices.Contains(a.request.ExpectStatus, resp.StatusCode) {
		return nil, nil
	}
	return h.next(resp)
}

// answer reads the final response. lost is why the request could not go on from
// it, nil where it is what the request was sent for.
func (a *attempt) answer(ctx context.Context, resp *http.Response, h *hop, t *trace, lost error) *gather.Response {
	defer func() { _ = resp.Body.Close() }()
	t.reach(phaseBody)
	body, truncated, err := readBody(resp.Body, bodyLength(resp, h.method), a.client.maxBody)
	if err != nil && isChunked(resp) {
		err = &chunkedError{err}
	}
	var f *fault
	switch {
	case lost != nil:
		f = &fault{gather.CodeHTTPProtocolError, "the request " + lost.Error(), true}
	case err != nil:
		f = a.explain(ctx, err, h, t)
	case len(body) > 0 && a.request.Expects(resp.StatusCode) && h.getsUnasked(resp):
		f = unaskedCoding(h.url.Host)
	}
	out := a.response(f)
	out.HTTPStatus, out.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
	out.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), sentAt(resp.Header.Get("Date"), time.Now()))
	out.Body, out.Truncated = body, truncated
	return out
}

// fail is the response where no headers came.
func (a *attempt) fail(ctx context.Context, err error, h *hop, t *trace) *gather.Response {
	f := a.explain(ctx, err, h, t)
	a.reached = a.reached || t.mayHaveReached(ctx.Err() != nil) && !unprocessed(err)
	return a.response(f)
}

func (a *attempt) response(f *fault) *gather.Response {
	if f == nil {
		return &gather.Response{}
	}
	return &gather.Response{
		Error:     &gather.ItemError{Code: f.code, Message: f.message},
		NotSent:   !a.reached,
		Permanent: f.permanent,
	}
}

// explain says why a hop came to no complete answer.
func (a *attempt) explain(ctx context.Context, err error, h *hop, t *trace) *fault {
	settle(ctx)
	w := where{phase: t.at(), host: h.url.Host, name: h.url.Hostname(), timeout: a.request.AttemptTimeout()}
	var prohibited *prohibitedError
	switch {
	case errors.As(err, &prohibited):
		return &fault{gather.CodeDestinationIPProhibited, prohibited.Error(), true}
	case a.callerErr() != nil:
		return &fault{gather.CodeCanceled, "canceled before the answer was complete", false}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return w.timedOut()
	case ctx.Err() != nil: // trace.gotConn: it may be sent again only by who knows what it does
		return w.terminated()
	}
	return w.classify(err)
}

// settle waits for the end of a context whose deadline has passed: a dial has its
// own timer for the same deadline, which may go off first.
func settle(ctx context.Context) {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
}
