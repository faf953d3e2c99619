package metrics

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"gather"
)

// all has every metric registered.
func all() (*Metrics, *Worker, *Aggregations, *HTTP) {
	m := New("1.2.3")
	w := m.Worker(WorkerLabels{Queues: []string{"fetch-low"}, Peers: []string{"public", "none"}, Losses: []string{"run"}})
	one := func() int { return 1 }
	m.WorkerLoad(one, one, one)
	m.Held(one, one, one, one)
	m.System(func(context.Context) (System, error) { return System{Queues: []Queue{{Name: "fetch-low"}}}, nil })
	m.Redis()
	return m, w, m.Aggregations(), m.HTTP()
}

func TestMetrics_lint(t *testing.T) {
	m, _, _, _ := all()
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestWorker_costs holds what is counted for each item to no allocation.
func TestWorker_costs(t *testing.T) {
	_, w, a, _ := all()
	ctx, ending := t.Context(), &gather.Ending{Status: gather.StatusPartial}
	got := testing.AllocsPerRun(100, func() {
		w.Claimed("fetch-low", time.Second)
		w.Fetched(gather.CodeHTTPStatus, "public", time.Second)
		w.Retried(gather.CodeHTTPStatus)
		w.Started(time.Second)
		w.Woken()
		a.Ended(ctx, ending)
	})
	if got != 0 {
		t.Errorf("%v allocations an item", got)
	}
}

// TestWorker_unknown holds that what no label is known of adds no series.
func TestWorker_unknown(t *testing.T) {
	m, w, a, _ := all()
	before, err := testutil.GatherAndCount(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	w.Claimed("another", time.Second)
	w.Fetched("another", "public", time.Second)
	w.Fetched("", "another", time.Second)
	w.Restarted("another", 1)
	a.Ended(t.Context(), &gather.Ending{Status: "another"})
	if after, err := testutil.GatherAndCount(m.registry); err != nil || after != before {
		t.Errorf("%d series became %d, %v", before, after, err)
	}
}

// TestOutcomes holds that each error code has a class.
func TestOutcomes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../result.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	classes := newPerCode(func(outcome string) string { return outcome })
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, isValue := n.(*ast.ValueSpec)
		if !isValue || fmt.Sprint(spec.Type) != "ErrorCode" {
			return true
		}
		codes++
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, known := classes.known[gather.ErrorCode(code)]; !known {
			t.Errorf("%s has no class", code)
		}
		return true
	})
	if codes < 20 || len(classes.known) != codes+1 {
		t.Errorf("%d codes, and classes of %d", codes, len(classes.known)-1)
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestKindOf(t *testing.T) {
	for want, list := range map[string][]error{
		"":              {nil, redis.Nil, context.Canceled, reply("NOSCRIPT no such script")},
		errorTimeout:    {context.DeadlineExceeded, &net.OpError{Op: "read", Err: timeout{}}, redis.ErrPoolTimeout},
		errorReply:      {reply("OOM command not allowed")},
		errorConnection: {errors.New("EOF"), net.ErrClosed},
	} {
		for _, err := range list {
			if got := kindOf(err); got != want {
				t.Errorf("%v is %q, want %q", err, got, want)
			}
		}
	}
}

func TestSystem(t *testing.T) {
	m := New("")
	looks, answer := 0, error(nil)
	m.System(func(context.Context) (System, error) {
		looks++
		return System{Workers: 2, Queues: []Queue{{Name: "fetch-low", Pending: 3, Oldest: time.Second}}}, answer
	})
	want := `
# HELP gather_queue_oldest_task_age_seconds How long the first pending task of a queue has waited; 0 where there is none.
# TYPE gather_queue_oldest_task_age_seconds gauge
gather_queue_oldest_task_age_seconds{queue="fetch-low"} 1
# HELP gather_workers Workers seen in the last seconds, by all APIs alike.
# TYPE gather_workers gauge
gather_workers 2
`
	for range 3 {
		if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want), "gather_workers", "gather_queue_oldest_task_age_seconds"); err != nil {
			t.Error(err)
		}
	}
	if looks != 1 {
		t.Errorf("three scrapes in a moment look %d times", looks)
	}

	away := New("")
	away.System(func(context.Context) (System, error) { return System{}, errors.New("away") })
	want = `
# HELP gather_redis_up 1 if Redis has answered this scrape, else 0.
# TYPE gather_redis_up gauge
gather_redis_up 0
`
	if err := testutil.GatherAndCompare(away.registry, strings.NewReader(want), "gather_redis_up", "gather_workers"); err != nil {
		t.Error(err)
	}
}
