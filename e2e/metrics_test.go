package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// startMeasured runs a system whose workers tell their metrics, too.
func startMeasured(tb testing.TB, workers int, flags ...string) *system {
	tb.Helper()
	s := startBare(tb)
	for range workers {
		s.addWorker(tb, append([]string{"--metrics-listen", "127.0.0.1:0"}, flags...)...)
	}
	s.ready(tb, workers)
	return s
}

// wantSum waits until the sum over all processes is right: what is counted is so after it is done.
func (s *system) wantSum(tb testing.TB, want float64, name string, labels ...string) {
	tb.Helper()
	var got float64
	within(tb, patience, fmt.Sprintf("%s%v is %g", name, labels, want), func() bool {
		got = sum(s.scrapeAll(tb), name, labels...)
		if got > want && strings.HasSuffix(name, "_total") {
			tb.Fatalf("%s%v is %g, want %g", name, labels, got, want)
		}
		return got == want
	})
}

// TestMetrics holds that what is counted, over all processes, is what has happened.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := startMeasured(t, 2)
	u := newUpstream(t)
	u.on("/twice", first(1, fails(http.StatusServiceUnavailable), ok))
	u.on("/404", fails(http.StatusNotFound))
	u.on("/never", u.never)

	s.run(t, object{"urls": u.numbered("/ok/", 300)})
	s.run(t, object{"urls": u.urls("/ok", "/twice", "/404")})
	failed := s.run(t, object{"urls": []string{"http://10.0.0.1/"}})
	s.do(t, http.StatusAccepted, http.MethodPost, path(failed.ID, "/retry"), nil)
	s.finished(t, failed.ID)
	s.run(t, object{"urls": u.urls("/never"), "deadline": "200ms"})
	ids := []string{s.create(t, object{"urls": u.urls("/never")}).ID, s.create(t, object{"urls": u.urls("/never")}).ID}
	u.sees(t, "/never", 3)
	s.wantSum(t, 2, "gather_fetches_in_flight")
	s.do(t, http.StatusOK, http.MethodPost, path(ids[0], "/cancel"), nil)
	s.do(t, http.StatusNoContent, http.MethodDelete, path(ids[1]), nil)
	s.get(t, http.StatusNotFound, "/"+secret)

	for status, n := range map[string]float64{"succeeded": 1, "partial": 1, "failed": 3, "canceled": 2} {
		s.wantSum(t, n, "gather_aggregations_finished_total", "status="+status)
		s.wantSum(t, n, "gather_aggregation_duration_seconds", "status="+status)
	}
	for _, want := range []struct {
		n      float64
		name   string
		labels string
	}{
		{6, "gather_aggregations_created_total", ""},
		{1, "gather_aggregations_reopened_total", ""},
		{7, "gather_aggregation_queue_seconds", ""},
		{300, "gather_item_queue_seconds", "queue=fetch-default-bulk"},
		{302, "gather_fetch_duration_seconds", "outcome=success"},
		{2, "gather_fetch_duration_seconds", "outcome=status host_class=loopback"},
		{2, "gather_fetch_duration_seconds", "outcome=prohibited host_class=none"},
		{3, "gather_fetch_duration_seconds", "outcome=canceled host_class=loopback"},
		{1, "gather_fetch_retries_total", ""},
		{0, "gather_watchdog_restarts_total", ""},
		{0, "gather_fetches_in_flight", ""},
		{0, "gather_worker_slots_taken", ""},
		{512, "gather_worker_slots", ""},
		{512, "gather_workers_slots", ""},
		{2, "gather_workers", ""},
		{5, "gather_aggregations_stored", ""},
		{1, "gather_redis_up", ""},
		{6, "gather_http_requests_total", "route=/v1/aggregations method=POST status=202"},
		{1, "gather_http_requests_total", "method=DELETE status=204"},
		{1, "gather_http_requests_total", "status=404"},
	} {
		s.wantSum(t, want.n, want.name, strings.Fields(want.labels)...)
	}
	all := s.scrapeAll(t)
	for _, some := range []string{"gather_worker_wakeups_total", "gather_redis_roundtrip_duration_seconds", "gather_build_info", "go_goroutines", "process_cpu_seconds_total"} {
		if sum(all, some) == 0 {
			t.Errorf("%s is 0, or missing", some)
		}
	}
	for _, one := range all {
		if strings.Contains(one.text, secret) || strings.Contains(one.text, ids[0]) {
			t.Errorf("a path or an id is among the labels:\n%s", one.text)
		}
	}
}

// TestMetrics_Waiting sees who waits, and what waits in the queues.
func TestMetrics_Waiting(t *testing.T) {
	t.Parallel()
	s := startMeasured(t, 1, "--concurrency", "1")
	u := newUpstream(t)
	open := u.gate("/held")
	id := s.create(t, object{"urls": append(u.urls("/held"), u.numbered("/ok/", 4)...)}).ID
	u.sees(t, "/held", 1)
	s.wantSum(t, 4, "gather_queue_tasks", "queue=fetch-default", "state=pending")
	events := s.follow(t, id, "")
	s.wantSum(t, 1, "gather_streams")
	waited := make(chan *answer, 1)
	go func() {
		a, _ := s.try(http.MethodGet, path(id, "?wait=50s"), nil)
		waited <- a
	}()
	s.wantSum(t, 1, "gather_waiters")
	s.wantSum(t, 1, "gather_worker_slots_taken")
	eventually(t, "the oldest task grows old", func() bool {
		return sum(s.scrapeAll(t), "gather_queue_oldest_task_age_seconds", "queue=fetch-default") > 0.1
	})
	open()
	if a := <-waited; a == nil || !a.aggregation(t).finished() {
		t.Errorf("the wait ended with %+v", a)
	}
	events.results(-1)
	s.wantSum(t, 0, "gather_waiters")
	s.wantSum(t, 0, "gather_streams")
	s.wantSum(t, 0, "gather_queue_tasks", "queue=fetch-default", "state=pending")
	s.wantSum(t, 5, "gather_fetch_duration_seconds")
}

// TestMetrics_Crash kills a worker with an item: its aggregation's end is counted, and once.
func TestMetrics_Crash(t *testing.T) {
	t.Parallel()
	s := startMeasured(t, 1)
	u := newUpstream(t)
	u.on("/lost", first(1, u.never, ok))
	id := s.create(t, object{"requests": []object{{"url": u.URL + "/lost", "timeout": "1s"}}}).ID
	u.sees(t, "/lost", 1)
	s.workers[0].kill()
	for range 2 {
		s.addWorker(t, "--metrics-listen", "127.0.0.1:0")
	}
	s.finished(t, id)
	s.wantSum(t, 1, "gather_aggregations_finished_total")
	s.wantSum(t, 1, "gather_watchdog_restarts_total", "cause=claim")
	lines := 0
	for _, p := range s.processes() {
		lines += strings.Count(p.stderr.String(), `msg="aggregation finished" aggregation=`+id)
	}
	if lines != 1 {
		t.Errorf("%d lines tell of the end, want 1", lines)
	}
}

// TestMetrics_Lint holds the names, units and help of all metrics against Prometheus' conventions.
func TestMetrics_Lint(t *testing.T) {
	t.Parallel()
	s := startMeasured(t, 1)
	s.run(t, object{"urls": newUpstream(t).urls("/ok")})
	all := s.scrapeAll(t)
	for _, one := range all {
		problems, err := promlint.New(strings.NewReader(one.text)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if n := len(names(all)); n < 25 {
		t.Errorf("%d metrics are Gather's own: %v", n, names(all))
	}
}

// TestMetrics_Cost holds what a scrape asks of Redis to a few commands that cost it next to nothing.
func TestMetrics_Cost(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	s := startBare(t)
	for range 100 {
		s.create(t, object{"urls": []string{"http://127.0.0.1:9/"}})
	}
	rdb := s.connect(t)
	calls := func() map[string]int {
		stats, err := rdb.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		counts := make(map[string]int)
		for _, found := range regexp.MustCompile(`cmdstat_(\S+?):calls=(\d+)`).FindAllStringSubmatch(stats, -1) {
			counts[found[1]], _ = strconv.Atoi(found[2])
		}
		return counts
	}
	before := calls()
	s.scrape(t, s.apis[0].address(t))
	total := 0
	for command, n := range calls() {
		n -= before[command]
		switch command {
		case "llen", "zcard", "lindex", "hget", "zrange", "time":
			total += n
		case "info":
		default:
			if n > 0 {
				t.Errorf("a scrape calls %s %d times", command, n)
			}
		}
	}
	if total == 0 || total > 50 {
		t.Errorf("a scrape takes %d commands", total)
	}
}

// TestMetrics_Probes asks a worker what a container's probes ask.
func TestMetrics_Probes(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	s := startMeasured(t, 1)
	worker := newClient(t, s.workers[0].metricsURL(t))
	status := func(path string) int {
		a, err := worker.try(http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.status
	}
	for _, p := range []string{"/healthz", "/readyz", "/metrics"} {
		if got := status(p); got != http.StatusOK {
			t.Errorf("%s answers %d", p, got)
		}
	}
	s.redis.Kill()
	eventually(t, "it is not ready without Redis", func() bool { return status("/readyz") == http.StatusServiceUnavailable })
	if got := status("/healthz"); got != http.StatusOK {
		t.Errorf("/healthz answers %d without Redis", got)
	}
	if got := s.scrape(t, s.apis[0].address(t)); sum([]*scrape{got}, "gather_redis_up") != 0 || sum([]*scrape{got}, "gather_redis_errors_total") == 0 {
		t.Errorf("the API's metrics know nothing of the outage:\n%.3000s", got.text)
	}
	s.redis.Restart()
	eventually(t, "it is ready again", func() bool { return status("/readyz") == http.StatusOK })
}

// TestMetrics_Guarded wants a key for metrics where it is told to.
func TestMetrics_Guarded(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	for _, guarded := range []bool{false, true} {
		s := &system{}
		s.addAPI(t, "--api-keys", strongKey, fmt.Sprintf("--guard-metrics=%v", guarded))
		want := map[bool]int{false: http.StatusOK, true: http.StatusUnauthorized}[guarded]
		s.get(t, want, "/metrics")
		s.with(strongKey).get(t, http.StatusOK, "/metrics")
	}
}
