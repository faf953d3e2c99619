package httpapi

import (
	"context"
	"net/http"
	"strings"

	"gather"
)

// Tracer follows requests. What its methods return is called at the end of what they begin.
type Tracer interface {
	// Request is a request, under the client's own trace; its end tells the route and the status.
	Request(r *http.Request, requestID string) (context.Context, func(route string, status int))
	// Wait is a wait for the end of an aggregation; its end tells what was found, or nil.
	Wait(ctx context.Context, id string) (context.Context, func(*gather.Aggregation))
	// Traceparent is the span of ctx as the header that carries it.
	Traceparent(ctx context.Context) string
}

// traced reports whether a request is worth a span: probes, scrapes and pages are not.
func traced(path string) bool {
	return strings.HasPrefix(path, pathList) || strings.HasPrefix(path, "/api/")
}

// trace begins the span of a request, and has what it makes become part of the trace.
func (a *API) trace(x *exchange) (end func()) {
	if a.opt.Tracer == nil || !traced(x.request.URL.Path) {
		return func() {}
	}
	ctx, endSpan := a.opt.Tracer.Request(x.request, x.id)
	x.request = x.request.WithContext(gather.WithTrace(ctx, a.opt.Tracer.Traceparent(ctx)))
	return func() { endSpan(x.route, x.status) }
}

// traceWait begins the span of a wait.
func (a *API) traceWait(ctx context.Context, id string) (context.Context, func(*gather.Reading)) {
	if a.opt.Tracer == nil {
		return ctx, func(*gather.Reading) {}
	}
	ctx, end := a.opt.Tracer.Wait(ctx, id)
	return ctx, func(r *gather.Reading) {
		if r == nil {
			end(nil)
			return
		}
		end(r.Aggregation)
	}
}
