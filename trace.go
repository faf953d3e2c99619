package gather

import "context"

type traceKey struct{}

// WithTrace returns a context whose bearer acts within a trace: aggregations that it makes, or
// has run again, become part of it. traceparent is a W3C trace context header.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// TraceOf is the traceparent of the trace that the bearer of ctx acts within; "" where there is none.
func TraceOf(ctx context.Context) string {
	traceparent, _ := ctx.Value(traceKey{}).(string)
	return traceparent
}
