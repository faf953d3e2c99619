package tracing

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"gather"
)

const (
	keyItem       = attribute.Key("gather.item.index")
	keyItemStatus = attribute.Key("gather.item.status")
	keyAttempts   = attribute.Key("gather.item.attempts")
)

// Task begins the span of one delivery of a task, under that of who has enqueued it. end is
// called with why it goes back to the queue, if it does.
func (t *Tracer) Task(ctx context.Context, queue, taskID string, headers map[string]string) (context.Context, func(error)) {
	id, _, _ := strings.Cut(taskID, ":")
	ctx, span := t.tracer.Start(t.under(ctx, headers), "process "+queue, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		semconv.MessagingSystemKey.String("asynq"), semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process"),
		semconv.MessagingDestinationName(queue), semconv.MessagingMessageID(taskID), keyAggregation.String(id),
	))
	return ctx, func(err error) {
		if err != nil {
			span.AddEvent("back to the queue", trace.WithAttributes(attribute.String("gather.reason", err.Error())))
		}
		span.End()
	}
}

// Item begins the span of an item that a worker has. end is called with its result; nil means
// that it has none yet.
func (t *Tracer) Item(ctx context.Context, id string, index int) (context.Context, func(*gather.Result)) {
	ctx, span := t.tracer.Start(ctx, "item", trace.WithAttributes(keyAggregation.String(id), keyItem.Int(index)))
	return ctx, func(r *gather.Result) {
		if r != nil {
			span.SetAttributes(keyItemStatus.String(string(r.Status)), keyAttempts.Int(r.Attempts))
			fault(span, r.Error)
		}
		span.End()
	}
}

// Attempt begins the span of one request to an upstream. fetch is what people are shown of
// it: its method, and its URL without secrets. end is called with what came of it.
func (t *Tracer) Attempt(ctx context.Context, fetch string, attempt int) (context.Context, func(*gather.Response)) {
	verb, shown, _ := strings.Cut(fetch, " ")
	of, name := method(verb)
	attributes := append(address(shown), of, semconv.URLFull(shown))
	if attempt > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(attempt-1))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return ctx, func(r *gather.Response) {
		if r.HTTPStatus != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(r.HTTPStatus))
		}
		switch {
		case r.Error != nil:
			fault(span, r.Error)
		case r.HTTPStatus >= 400:
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(r.HTTPStatus)))
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// Record begins the span of keeping an item's result.
func (t *Tracer) Record(ctx context.Context) (end func(error)) {
	_, span := t.tracer.Start(ctx, "record")
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// address tells whom a request is sent to.
func address(shown string) []attribute.KeyValue {
	u, err := url.Parse(shown)
	if err != nil {
		return nil
	}
	port := map[string]int{"http": 80, "https": 443}[u.Scheme]
	if given, err := strconv.Atoi(u.Port()); err == nil {
		port = given
	}
	return []attribute.KeyValue{semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}
}

// fault notes why something is not as it was wanted.
func fault(span trace.Span, e *gather.ItemError) {
	if e != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(string(e.Code)))
		span.SetStatus(codes.Error, e.Message)
	}
}
