package tracing

import (
	"context"
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"gather"
)

const (
	keyAggregation = attribute.Key("gather.aggregation.id")
	keyStatus      = attribute.Key("gather.aggregation.status")
	keyRequest     = attribute.Key("gather.request.id")
)

var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect,
}

// method is the attribute of a request's method, and the beginning of its span's name.
func method(name string) (attribute.KeyValue, string) {
	if slices.Contains(knownMethods, name) {
		return semconv.HTTPRequestMethodKey.String(name), name
	}
	return semconv.HTTPRequestMethodOther, "HTTP"
}

// Request begins the span of a request to the API, under the client's own. end is called with
// the route that has answered and the status, 0 where the client went away.
func (t *Tracer) Request(r *http.Request, requestID string) (ctx context.Context, end func(route string, status int)) {
	of, name := method(r.Method)
	ctx, span := t.tracer.Start(t.underHeader(r), name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(of, keyRequest.String(requestID)))
	return ctx, func(route string, status int) {
		if route != "" {
			span.SetName(name + " " + route)
			span.SetAttributes(semconv.HTTPRoute(route))
		}
		if status != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		}
		if status == 0 || status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// Wait begins the span of a wait for an aggregation's end. end is called with what was found;
// where that is of another trace, the span has a link to it.
func (t *Tracer) Wait(ctx context.Context, id string) (context.Context, func(found *gather.Aggregation)) {
	ctx, span := t.tracer.Start(ctx, "wait", trace.WithAttributes(keyAggregation.String(id)))
	return ctx, func(found *gather.Aggregation) {
		if found != nil {
			span.SetAttributes(keyStatus.String(string(found.Status)))
			if link, other := t.linkTo(ctx, found.Trace); other {
				span.AddLink(link)
			}
		}
		span.End()
	}
}
