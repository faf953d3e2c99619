package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceparent is the header that a span travels in (https://www.w3.org/TR/trace-context/).
const traceparent = "traceparent"

// Traceparent is the span of ctx as a header's value; "" where there is none.
func (t *Tracer) Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	t.context.Inject(ctx, carrier)
	return carrier[traceparent]
}

// Headers carry the span of ctx, for a task; nil where there is none.
func (t *Tracer) Headers(ctx context.Context) map[string]string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	carrier := propagation.MapCarrier{}
	t.context.Inject(ctx, carrier)
	return carrier
}

// under returns ctx with the span that headers carry as the parent of the next.
func (t *Tracer) under(ctx context.Context, headers map[string]string) context.Context {
	return t.context.Extract(ctx, propagation.MapCarrier(headers))
}

// linkTo is a link to the span of a traceparent; none where it is not valid, or of the trace
// that ctx is in anyway.
func (t *Tracer) linkTo(ctx context.Context, header string) (trace.Link, bool) {
	of := trace.SpanContextFromContext(t.under(context.Background(), map[string]string{traceparent: header}))
	return trace.Link{SpanContext: of}, of.IsValid() && of.TraceID() != trace.SpanContextFromContext(ctx).TraceID()
}

func (t *Tracer) underHeader(r *http.Request) context.Context {
	return t.context.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
}
