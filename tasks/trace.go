package tasks

import (
	"context"
	"maps"

	"github.com/hibiken/asynq"

	"gather"
)

// Tracer follows the work on aggregations. What its methods return is called at the end of what
// they begin.
type Tracer interface {
	// Headers carry the span of ctx, for a task; nil where there is none.
	Headers(ctx context.Context) map[string]string
	// Task is one delivery of a task, whose end may tell why it goes back to the queue.
	Task(ctx context.Context, queue, taskID string, headers map[string]string) (context.Context, func(error))
	// Item is one item in the hands of a worker, until its result, or nil if it has none yet.
	Item(ctx context.Context, id string, index int) (context.Context, func(*gather.Result))
	// Attempt is one request. fetch says what is fetched, without secrets.
	Attempt(ctx context.Context, fetch string, attempt int) (context.Context, func(*gather.Response))
	// Record is the keeping of a result.
	Record(ctx context.Context) (end func(error))
}

type headersKey struct{}

// withHeaders returns a context whose bearer gives the headers to all tasks that it enqueues.
func withHeaders(ctx context.Context, headers map[string]string) context.Context {
	if len(headers) == 0 {
		return ctx
	}
	return context.WithValue(ctx, headersKey{}, headers)
}

func headersOf(ctx context.Context) map[string]string {
	headers, _ := ctx.Value(headersKey{}).(map[string]string)
	return headers
}

// withTrace is withHeaders of the trace that the store has kept with an aggregation: where the
// task that carried it is lost.
func withTrace(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return withHeaders(ctx, map[string]string{"traceparent": traceparent})
}

// What ends what nobody follows.
var (
	endTask    = func(error) {}
	endItem    = func(*gather.Result) {}
	endAttempt = func(*gather.Response) {}
)

// traceTask begins the span of a task. What it enqueues carries on: what a run task does, as a
// part of it; what a fetch task does, as one more part of what it is a part of itself.
func (s *Server) traceTask(ctx context.Context, task *asynq.Task) (context.Context, func(error)) {
	headers := task.Headers()
	if s.tracer == nil {
		return withHeaders(ctx, headers), endTask
	}
	queue, _ := asynq.GetQueueName(ctx)
	taskID, _ := asynq.GetTaskID(ctx)
	ctx, end := s.tracer.Task(ctx, queue, taskID, headers)
	if task.Type() == TypeRun || len(headers) == 0 {
		headers = s.tracer.Headers(ctx)
	}
	return withHeaders(ctx, maps.Clone(headers)), end
}

func (s *Server) traceItem(ctx context.Context, id string, index int) (context.Context, func(*gather.Result)) {
	if s.tracer == nil {
		return ctx, endItem
	}
	return s.tracer.Item(ctx, id, index)
}

func (s *Server) traceAttempt(ctx context.Context, c *gather.Claim) (context.Context, func(*gather.Response)) {
	if s.tracer == nil {
		return ctx, endAttempt
	}
	return s.tracer.Attempt(ctx, c.Fetch, c.Attempts)
}

func (s *Server) traceRecord(ctx context.Context) (end func(error)) {
	if s.tracer == nil {
		return endTask
	}
	return s.tracer.Record(ctx)
}
