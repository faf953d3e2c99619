package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// System is what all processes share, as one of them sees it in Redis.
type System struct {
	Workers, Slots, Aggregations int
	Queues                       []Queue
}

// Queue is what is in one queue.
type Queue struct {
	Name                     string
	Pending, Active, Delayed int
	Oldest                   time.Duration
}

const (
	// systemTimeout bounds what a scrape may wait for Redis.
	systemTimeout = 2 * time.Second
	// systemFresh is how long a look at Redis serves all who scrape.
	systemFresh = time.Second
)

var (
	descUp           = describe("redis_up", "1 if Redis has answered this scrape, else 0.")
	descWorkers      = describe("workers", "Workers seen in the last seconds, by all APIs alike.")
	descSlots        = describe("workers_slots", "Fetches that all workers can have in flight at once.")
	descAggregations = describe("aggregations_stored", "Aggregations in Redis, finished or not.")
	descTasks        = describe("queue_tasks", "Tasks in a queue, by where they stand; one may bring up to 64 items.", "queue", "state")
	descOldest       = describe("queue_oldest_task_age_seconds", "How long the first pending task of a queue has waited; 0 where there is none.", "queue")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// system asks Redis when it is scraped, and not twice within a moment.
type system struct {
	look func(context.Context) (System, error)

	mu     sync.Mutex
	looked time.Time
	last   System
	err    error
}

// System has look asked at scrapes. All processes see the same: one role is enough to tell.
func (m *Metrics) System(look func(context.Context) (System, error)) {
	m.registry.MustRegister(&system{look: look})
}

// Describe implements [prometheus.Collector].
func (s *system) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descUp, descWorkers, descSlots, descAggregations, descTasks, descOldest} {
		out <- desc
	}
}

// Collect implements [prometheus.Collector]. Where Redis is away only that is told.
func (s *system) Collect(out chan<- prometheus.Metric) {
	now, err := s.now()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	if err != nil {
		gauge(descUp, 0)
		return
	}
	gauge(descUp, 1)
	gauge(descWorkers, float64(now.Workers))
	gauge(descSlots, float64(now.Slots))
	gauge(descAggregations, float64(now.Aggregations))
	for _, queue := range now.Queues {
		gauge(descTasks, float64(queue.Pending), queue.Name, "pending")
		gauge(descTasks, float64(queue.Active), queue.Name, "active")
		gauge(descTasks, float64(queue.Delayed), queue.Name, "delayed")
		gauge(descOldest, queue.Oldest.Seconds(), queue.Name)
	}
}

// now is what the last look has found, or a new one where that is old.
func (s *system) now() (System, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.looked) > systemFresh {
		ctx, cancel := context.WithTimeout(context.Background(), systemTimeout)
		defer cancel()
		s.last, s.err = s.look(ctx)
		s.looked = time.Now()
	}
	return s.last, s.err
}
