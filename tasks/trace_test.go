package tasks

import (
	"testing"

	"github.com/hibiken/asynq"

	"gather"
)

// TestServer_trace_off holds that what nobody follows costs no allocation.
func TestServer_trace_off(t *testing.T) {
	s := newHandlers(1, nil, nil)
	claim := &gather.Claim{Subtask: gather.Subtask{Fetch: "GET http://a/"}, Attempts: 1}
	task, ctx := asynq.NewTask(TypeFetch, nil), t.Context()
	got := testing.AllocsPerRun(100, func() {
		ctx, endTask := s.traceTask(ctx, task)
		ctx, endItem := s.traceItem(ctx, "agg_1", 0)
		ctx, endAttempt := s.traceAttempt(ctx, claim)
		endAttempt(nil)
		s.traceRecord(ctx)(nil)
		endItem(nil)
		endTask(nil)
	})
	if got != 0 {
		t.Errorf("%v allocations an item", got)
	}
}

// BenchmarkServer_trace_off measures the same.
func BenchmarkServer_trace_off(b *testing.B) {
	s := newHandlers(1, nil, nil)
	claim := &gather.Claim{Attempts: 1}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		ctx, endItem := s.traceItem(ctx, "agg_1", 0)
		ctx, endAttempt := s.traceAttempt(ctx, claim)
		endAttempt(nil)
		s.traceRecord(ctx)(nil)
		endItem(nil)
	}
}
