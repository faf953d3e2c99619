package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gather"
)

// WorkerLabels are the values that labels of a worker's metrics have.
type WorkerLabels struct {
	// Queues are those that items wait in, Peers whom requests go to, Losses what the watchdog starts again.
	Queues, Peers, Losses []string
}

// Worker counts what a worker does.
type Worker struct {
	started       prometheus.Histogram
	claimed       map[string]prometheus.Observer
	fetched       map[string]perCode[prometheus.Observer]
	retried       perCode[prometheus.Counter]
	woken, looked prometheus.Counter
	restarted     map[string]prometheus.Counter
}

// Worker returns what a worker is observed by.
func (m *Metrics) Worker(labels WorkerLabels) *Worker {
	w := &Worker{
		started: m.histogram("aggregation_queue_seconds", "Time from accepting an aggregation, or reopening it, until a worker took it up.", longDurations),
		claimed: make(map[string]prometheus.Observer),
		fetched: make(map[string]perCode[prometheus.Observer]),
		woken:   m.counter("worker_wakeups_total", "Hints that a queue has tasks which reached the worker."),
		looked:  m.counter("worker_polls_total", "Looks at the queues without a hint, about one a second: what a lost hint costs at most."),

		restarted: make(map[string]prometheus.Counter),
	}
	claimed := m.histograms("item_queue_seconds", "Time that items waited for a worker in the queue, or since a later attempt of theirs was due.", longDurations, "queue")
	for _, queue := range labels.Queues {
		w.claimed[queue] = claimed.WithLabelValues(queue)
	}
	fetched := m.histograms("fetch_duration_seconds", "Time of one attempt at a request, redirects included, by the class of its outcome and of the address that it went to.", durations, "outcome", "host_class")
	for _, peer := range labels.Peers {
		w.fetched[peer] = newPerCode(func(outcome string) prometheus.Observer { return fetched.WithLabelValues(outcome, peer) })
	}
	retried := m.counters("fetch_retries_total", "Attempts that are followed by another, by the class of what was wrong.", "outcome")
	w.retried = newPerCode(func(outcome string) prometheus.Counter { return retried.WithLabelValues(outcome) })
	restarted := m.counters("watchdog_restarts_total", "What the watchdog started again, by where it was lost: run (which has waited a second for its task) and enqueue count aggregations, claim and task items.", "cause")
	for _, cause := range labels.Losses {
		w.restarted[cause] = restarted.WithLabelValues(cause)
	}
	return w
}

// Started observes how long an aggregation has waited.
func (w *Worker) Started(waited time.Duration) { w.started.Observe(waited.Seconds()) }

// Claimed observes how long an item has waited.
func (w *Worker) Claimed(queue string, waited time.Duration) {
	if o := w.claimed[queue]; o != nil {
		o.Observe(waited.Seconds())
	}
}

// Fetched observes an attempt. The code says why it did not succeed, "" that it did.
func (w *Worker) Fetched(code gather.ErrorCode, peer string, elapsed time.Duration) {
	if per, known := w.fetched[peer]; known {
		per.of(code).Observe(elapsed.Seconds())
	}
}

// Retried counts an attempt that is followed by another.
func (w *Worker) Retried(why gather.ErrorCode) { w.retried.of(why).Inc() }

// Woken counts a hint.
func (w *Worker) Woken() { w.woken.Inc() }

// Looked counts a look without one.
func (w *Worker) Looked() { w.looked.Inc() }

// Restarted counts what the watchdog has started again.
func (w *Worker) Restarted(cause string, n int) {
	if c := w.restarted[cause]; c != nil {
		c.Add(float64(n))
	}
}

// WorkerLoad has the gauges of a worker asked at each scrape.
func (m *Metrics) WorkerLoad(slots, taken, inFlight func() int) {
	m.gauge("worker_slots", "Fetches that the worker may have in flight at once.", slots)
	m.gauge("worker_slots_taken", "Slots that are taken: by an item that the worker has, until its result is kept.", taken)
	m.gauge("fetches_in_flight", "Requests that were sent and are not answered yet.", inFlight)
}
