package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/store"
)

// T is what the suite needs of a *testing.T, and of its counterpart in property tests.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// fixture is a store on a Redis of its own, with helpers that fail the test in
// place of an error.
type fixture struct {
	T
	ctx    context.Context
	rdb    redis.UniversalClient
	timing store.Timing
	store  *store.Store
	// cleanup has a function called when the test ends.
	cleanup func(func())

	interceptor *interceptor // nil before the first interception
}

func (f *fixture) check(what string, err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("%s: %v", what, err)
	}
}

func (f *fixture) create(spec *gather.Spec) *gather.Aggregation {
	f.Helper()
	agg, replayed, err := f.store.Create(f.ctx, &gather.Creation{Spec: spec})
	f.check("create", err)
	if replayed {
		f.Errorf("a creation without an idempotency key was replayed")
	}
	return agg
}

// running creates an aggregation and takes it up.
func (f *fixture) running(spec *gather.Spec) (id string, handedOut []gather.Subtask) {
	f.Helper()
	id = f.create(spec).ID
	return id, f.begin(id).Subtasks
}

// finished creates an aggregation and ends it; the items given failed.
func (f *fixture) finished(n int, failedItems ...int) (id string) {
	f.Helper()
	id, handedOut := f.running(specOf(n))
	for _, t := range handedOut {
		result := succeeded(t.Index)
		if slices.Contains(failedItems, t.Index) {
			result = failed(t.Index)
		}
		f.record(id, result)
	}
	return id
}

func (f *fixture) begin(id string) *gather.Plan {
	f.Helper()
	return f.beginWith(id, gather.Room{})
}

func (f *fixture) beginWith(id string, room gather.Room) *gather.Plan {
	f.Helper()
	plan, err := f.store.Begin(f.ctx, id, room)
	f.check("begin", err)
	if plan == nil {
		f.Fatalf("begin %s: nothing to run", id)
	}
	return plan
}

// claimedBy is what a plan's claims are on, in input order.
func claimedBy(plan *gather.Plan) []gather.Subtask {
	var list []gather.Subtask
	for _, claim := range plan.Claims {
		list = append(list, claim.Subtask)
	}
	slices.SortFunc(list, func(a, b gather.Subtask) int { return a.Index - b.Index })
	return list
}

// theHolder makes the suite's claims, where a test does not name another.
const theHolder = "worker"

func (f *fixture) claim(id string, list ...gather.Subtask) []gather.Claim {
	f.Helper()
	var wanted []gather.Claim
	for _, t := range each(list) {
		wanted = append(wanted, gather.Claim{Subtask: t, Holder: theHolder})
	}
	return f.claimAgain(id, wanted...)
}

func (f *fixture) claimAgain(id string, held ...gather.Claim) []gather.Claim {
	f.Helper()
	claims, err := f.store.Claim(f.ctx, id, held)
	f.check("claim", err)
	return claims
}

func (f *fixture) release(id string, t gather.Subtask, delay time.Duration) {
	f.Helper()
	f.check("release", f.store.Release(f.ctx, id, &gather.Claim{Subtask: t, Holder: theHolder}, delay))
}

// record records results of the aggregation's present run.
func (f *fixture) record(id string, list ...gather.Result) *gather.Recorded {
	f.Helper()
	if agg, err := f.store.Get(f.ctx, id); err == nil {
		for i := range list {
			list[i].Run = agg.Retries
		}
	}
	recorded, err := f.store.Record(f.ctx, id, list)
	f.check("record", err)
	return recorded
}

func (f *fixture) cancel(id string) *gather.Aggregation {
	f.Helper()
	agg, err := f.store.Cancel(f.ctx, id)
	f.check("cancel", err)
	return agg
}

// cancelFleeting is cancel of one that may be gone before Cancel reads what it has ended.
func (f *fixture) cancelFleeting(id string) {
	f.Helper()
	if _, err := f.store.Cancel(f.ctx, id); !errors.Is(err, gather.ErrNotFound) {
		f.check("cancel", err)
	}
}

func (f *fixture) retry(id string) *gather.Aggregation {
	f.Helper()
	agg, err := f.store.Retry(f.ctx, id)
	f.check("retry", err)
	return agg
}

func (f *fixture) remove(id string) {
	f.Helper()
	f.check("delete", f.store.Delete(f.ctx, id))
}

// get reads the aggregation and checks that its counts add up.
func (f *fixture) get(id string) *gather.Aggregation {
	f.Helper()
	agg, err := f.store.Get(f.ctx, id)
	f.check("get", err)
	c := agg.Counts
	if c.Succeeded+c.Failed+c.Canceled+c.Pending != c.Total || c.Pending < 0 {
		f.Errorf("counts %+v do not add up", c)
	}
	if agg.Status.Finished() != (c.Pending == 0) {
		f.Errorf("status %s with counts %+v", agg.Status, c)
	}
	return agg
}

// lines are the result lines in input order.
func (f *fixture) lines(id string) []gather.StoredLine {
	f.Helper()
	var lines []gather.StoredLine
	reading, err := f.store.Read(f.ctx, id)
	f.check("read", err)
	for line, err := range reading.Lines(f.ctx) {
		f.check("results", err)
		lines = append(lines, line)
	}
	return lines
}

// results are the results in input order.
func (f *fixture) results(id string) []gather.Result {
	f.Helper()
	var list []gather.Result
	for _, line := range f.lines(id) {
		list = append(list, f.decode(line))
	}
	return list
}

func (f *fixture) decode(stored gather.StoredLine) gather.Result {
	f.Helper()
	line := stored.Timed()
	if strings.Contains(line, "\n") {
		f.Errorf("a result of several lines: %q", line)
	}
	var r gather.Result
	f.check("decode "+line, json.Unmarshal([]byte(line), &r))
	return r
}

// eventually asks until the answer is yes. It gives the others time between.
func (f *fixture) eventually(what string, yes func() bool) {
	f.Helper()
	for !yes() {
		select {
		case <-f.ctx.Done():
			f.Fatalf("it never came that %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// together runs the calls at the same time and waits for them.
func together(n int, call func(i int)) {
	var calls sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		calls.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	calls.Wait()
}
