package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"gather"
)

// Aggregations counts what becomes of aggregations. It is told by the process whose call has
// made it happen: sums over all processes are right.
type Aggregations struct {
	created, reopened prometheus.Counter
	finished          map[gather.Status]prometheus.Counter
	durations         map[gather.Status]prometheus.Observer
}

// Aggregations returns what a store is observed by.
func (m *Metrics) Aggregations() *Aggregations {
	a := &Aggregations{
		created:   m.counter("aggregations_created_total", "Aggregations that were accepted."),
		reopened:  m.counter("aggregations_reopened_total", "Finished aggregations that clients had run again."),
		finished:  make(map[gather.Status]prometheus.Counter),
		durations: make(map[gather.Status]prometheus.Observer),
	}
	finished := m.counters("aggregations_finished_total", "Aggregations that ended, by the status that they ended with. Those created and reopened end once each.", "status")
	durations := m.histograms("aggregation_duration_seconds", "Time from accepting an aggregation, or reopening it, to its end.", longDurations, "status")
	for _, status := range gather.Statuses {
		if status.Finished() {
			a.finished[status], a.durations[status] = finished.WithLabelValues(string(status)), durations.WithLabelValues(string(status))
		}
	}
	return a
}

// Created counts one that was accepted.
func (a *Aggregations) Created() { a.created.Inc() }

// Reopened counts one that is run again.
func (a *Aggregations) Reopened() { a.reopened.Inc() }

// Ended counts an end.
func (a *Aggregations) Ended(_ context.Context, e *gather.Ending) {
	if counter := a.finished[e.Status]; counter != nil {
		counter.Inc()
		a.durations[e.Status].Observe(e.Elapsed.Seconds())
	}
}
