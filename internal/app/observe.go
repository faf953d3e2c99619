package app

import (
	"context"
	"log/slog"

	"gather"
	"gather/internal/fetch"
	"gather/internal/httpapi"
	"gather/internal/metrics"
	"gather/internal/tracing"
	"gather/store"
	"gather/tasks"
)

// telemetry is what a process shows of what it does. The layers tell it through observers of
// their own; in embedded mode API and worker share it.
type telemetry struct {
	metrics      *metrics.Metrics
	aggregations *metrics.Aggregations
	redis        *metrics.Redis
	tracer       *tracing.Tracer // nil where nothing is traced
	log          *slog.Logger
}

// newTelemetry returns what the process of that name shows, and traces where the environment
// says so.
func newTelemetry(ctx context.Context, name string, log *slog.Logger) (*telemetry, error) {
	tracer, err := tracing.FromEnvironment(ctx, tracing.Service{Name: name, Version: Version()}, log)
	if err != nil {
		return nil, err
	}
	return tracedBy(tracer, log), nil
}

func tracedBy(tracer *tracing.Tracer, log *slog.Logger) *telemetry {
	m := metrics.New(Version())
	return &telemetry{metrics: m, aggregations: m.Aggregations(), redis: m.Redis(), tracer: tracer, log: log}
}

// Close exports the last spans.
func (t *telemetry) Close() { t.tracer.Close() }

// The tracer as the layers know it. A nil one must be nil to them, too.

func (t *telemetry) taskTracer() tasks.Tracer {
	if t.tracer == nil {
		return nil
	}
	return t.tracer
}

func (t *telemetry) requestTracer() httpapi.Tracer {
	if t.tracer == nil {
		return nil
	}
	return t.tracer
}

// traceparent is what goes out with a fetch; nil where nothing is traced.
func (t *telemetry) traceparent() func(context.Context) string {
	if t.tracer == nil {
		return nil
	}
	return t.tracer.Traceparent
}

// endings counts what became of aggregations, and logs their ends.
type endings struct {
	*metrics.Aggregations
	log *slog.Logger
}

// Ended counts an end, and writes the one line at info level that an aggregation gets.
func (e endings) Ended(ctx context.Context, ended *gather.Ending) {
	e.Aggregations.Ended(ctx, ended)
	attrs := []slog.Attr{
		slog.String("aggregation", ended.ID), slog.String("status", string(ended.Status)),
		slog.Int("total", ended.Counts.Total), slog.Int("succeeded", ended.Counts.Succeeded),
		slog.Int("failed", ended.Counts.Failed), slog.Int("canceled", ended.Counts.Canceled),
		slog.Float64("elapsed_ms", gather.Milliseconds(ended.Elapsed)),
	}
	if ended.Reason != "" {
		attrs = append(attrs, slog.String("reason", ended.Reason))
	}
	e.log.LogAttrs(ctx, slog.LevelInfo, "aggregation finished", attrs...)
}

// endings is what a store is observed by.
func (t *telemetry) endings() store.Observer { return endings{t.aggregations, t.log} }

// work is what a worker is observed by.
type work struct{ *metrics.Worker }

// Restarted counts what the watchdog has started again.
func (w work) Restarted(what tasks.Lost, n int) { w.Worker.Restarted(string(what), n) }

// work returns what a worker is observed by. It is called once.
func (t *telemetry) work() work {
	return work{t.metrics.Worker(metrics.WorkerLabels{
		Queues: tasks.Queues(), Peers: texts(fetch.Peers), Losses: texts(tasks.Losses),
	})}
}

func (w work) fetched(o fetch.Observation) { w.Fetched(o.Code, string(o.Peer), o.Elapsed) }

// watchLoad has the gauges of a worker tell of the server's load.
func (t *telemetry) watchLoad(server *tasks.Server) {
	t.metrics.WorkerLoad(
		func() int { return server.Load().Slots },
		func() int { return server.Load().Taken },
		func() int { return server.Load().InFlight },
	)
}

// requests is what an API is observed by. It is called once.
func (t *telemetry) requests() func(httpapi.Observation) {
	h := t.metrics.HTTP()
	return func(o httpapi.Observation) { h.Answered(o.Route, o.Method, o.Status, o.Elapsed) }
}

// watchHeld has the gauges of an API tell of the clients that it holds.
func (t *telemetry) watchHeld(api *httpapi.API) {
	t.metrics.Held(
		func() int { return api.Held().Waiters }, func() int { return api.Held().MaxWaiters },
		func() int { return api.Held().Streams }, func() int { return api.Held().MaxStreams },
	)
}

// watchSystem has the gauges of what all processes share tell what is in Redis.
func (t *telemetry) watchSystem(s *store.Store, q *tasks.Queue) {
	t.metrics.System(func(ctx context.Context) (metrics.System, error) {
		census, err := s.Census(ctx)
		if err != nil {
			return metrics.System{}, err
		}
		depths, err := q.Depths(ctx)
		system := metrics.System{Workers: census.Workers, Slots: census.Slots, Aggregations: census.Aggregations}
		for _, d := range depths {
			system.Queues = append(system.Queues, metrics.Queue{Name: d.Queue, Pending: d.Pending, Active: d.Active, Delayed: d.Delayed, Oldest: d.Oldest})
		}
		return system, err
	})
}

// texts are the values of a label.
func texts[S ~string](values []S) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}
