package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
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
}

// run sends the first hop and follows redirects to the answer. ctx ends with the
// attempt's timeout.
func (a *attempt) run(ctx context.Context, h *hop) *gather.Response {
	for redirected := 0; ; redirected++ {
		t := newTrace(h.unsafe(), a.stop)
		resp, err := a.client.transport.RoundTrip(h.request(httptrace.WithClientTrace(ctx, &t.hooks)))
		if err != nil {
			return a.fail(ctx, err, h, t)
		}
		a.reached = true
		if resp.StatusCode == http.StatusSwitchingProtocols {
			_ = resp.Body.Close()
			return a.response(&fault{gather.CodeHTTPUpgradeFailed,
				h.url.Host + " switched to another protocol, which was not asked for", true})
		}
		next, err := a.next(h, resp)
		if next != nil && redirected == maxRedirects {
			next, err = nil, errTooManyRedirects
		}
		if next == nil {
			return a.answer(ctx, resp, h, t, err)
		}
		discard(resp)
		h = next
	}
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
	var f *fault
	switch {
	case lost != nil:
		f = &fault{gather.CodeHTTPProtocolError, "the request " + lost.Error(), true}
	case err != nil:
		f = a.explain(ctx, err, h, t)
	}
	out := a.response(f)
	out.HTTPStatus, out.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
	out.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
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
