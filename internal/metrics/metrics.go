// Package metrics counts what Gather does, for Prometheus. It is the only importer of its
// client. The layers know nothing of it: they tell observers of their own, which are here.
//
// Every series is there from the start, at 0, where its labels are known: a rate over one that
// begins with its first event misses that event. Labels are bounded, whatever clients send, and
// none holds an id, an owner, a URL or a host.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "gather"

// Metrics are those of one process.
type Metrics struct {
	registry *prometheus.Registry
	factory  promauto.Factory
}

// New returns metrics that tell of the process alone. version is the binary's.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.factory = promauto.With(m.registry)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.factory.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; its labels tell what was built.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}).Set(1)
	return m
}

// Handler serves them, as text or OpenMetrics. What it is put behind compresses.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true, EnableOpenMetrics: true})
}

// durations are the buckets of what a caller waits for, in seconds: from a millisecond to a minute.
var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// longDurations are those of what may last as long as an aggregation: from 5 ms to a day.
var longDurations = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return m.factory.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return m.factory.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return m.factory.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return m.factory.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// gauge has value asked at each scrape.
func (m *Metrics) gauge(name, help string, value func() int) {
	opts := prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}
	m.factory.NewGaugeFunc(opts, func() float64 { return float64(value()) })
}
