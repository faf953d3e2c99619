package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// HTTP counts the requests to the API.
type HTTP struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

// HTTP returns what an API is observed by.
func (m *Metrics) HTTP() *HTTP {
	return &HTTP{
		requests:  m.counters("http_requests_total", "Requests to the API. Status 0: the client went away before the answer.", "route", "method", "status"),
		durations: m.histograms("http_request_duration_seconds", "Time of requests to the API, without the time that clients wanted to be held; streams last as long as their clients read.", durations, "route", "method"),
	}
}

// unknownRoute is the label of what no route answers.
const unknownRoute = "unknown"

// Answered counts a request. Route and method must be bounded.
func (h *HTTP) Answered(route, method string, status int, elapsed time.Duration) {
	if route == "" {
		route = unknownRoute
	}
	h.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	h.durations.WithLabelValues(route, method).Observe(elapsed.Seconds())
}

// Held has the gauges of the clients that are held asked at each scrape.
func (m *Metrics) Held(waiters, maxWaiters, streams, maxStreams func() int) {
	m.gauge("waiters", "Clients that this process holds in a wait.", waiters)
	m.gauge("waiters_limit", "Clients that this process may hold in a wait.", maxWaiters)
	m.gauge("streams", "Streams of results and events that this process serves.", streams)
	m.gauge("streams_limit", "Streams of results and events that this process may serve.", maxStreams)
}
