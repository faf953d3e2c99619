// Package storetest is what a store promises, as one suite of tests. Every kind of
// Redis that Gather runs on must pass it.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/store"
)

// patient is the timing of most tests: what they wait for comes by a hint, never
// by a poll, and no claim gets lost on a busy machine.
var patient = store.Timing{
	Poll: time.Hour, KeepAlive: time.Hour, ClaimSlack: time.Hour, SuspectAfter: time.Hour,
}

// hasty is the timing of tests that wait for a watchdog: with a request timeout of
// a millisecond, whatever stands still is taken for lost at once.
var hasty = store.Timing{
	Poll: time.Hour, KeepAlive: time.Hour, ClaimSlack: time.Millisecond, SuspectAfter: time.Millisecond,
	VisitInterval: 5 * time.Millisecond, ForgetAfter: time.Millisecond,
}

// Run runs the suite. newRedis returns a client of an empty Redis, which lives as
// long as the test.
func Run(t *testing.T, newRedis func(testing.TB) redis.UniversalClient) {
	s := suite{newRedis}
	for _, group := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"Create", s.create},
		{"Create with an idempotency key", s.idempotency},
		{"Create without a reply", s.settle},
		{"Begin", s.begin},
		{"Claim", s.claim},
		{"Release", s.release},
		{"Restart", s.restart},
		{"Keep", s.keep},
		{"Record", s.record},
		{"Results", s.results},
		{"Follow", s.follow},
		{"Pending", s.pending},
		{"Wait", s.wait},
		{"Cancel", s.cancel},
		{"Retry", s.retry},
		{"Delete", s.remove},
		{"Tick", s.tick},
		{"Visit", s.visit},
		{"Visit at the deadline", s.deadline},
		{"Retention", s.retention},
		{"List", s.list},
		{"Owner", s.owner},
		{"Open", s.open},
		{"Rate", s.rate},
		{"Ready", s.ready},
		{"Names", s.names},
		{"Seal", s.seal},
		{"Outage", s.outage},
		{"Crash", s.crash},
		{"Confirm", s.confirm},
		{"Observe", s.observe},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.run(t)
		})
	}
}

type suite struct {
	newRedis func(testing.TB) redis.UniversalClient
}

// test runs one test of the suite beside the others, on an empty Redis of its own.
func (s suite) test(t *testing.T, name string, test func(f *fixture)) {
	t.Helper()
	s.timed(t, name, patient, test)
}

// timed is test with a timing of its own.
func (s suite) timed(t *testing.T, name string, timing store.Timing, test func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		test(s.newFixture(t, timing))
	})
}

// limit is how long a test may wait for anything, on a busy machine too.
const limit = 3 * time.Minute

func (s suite) newFixture(tb testing.TB, timing store.Timing) *fixture {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), limit)
	tb.Cleanup(cancel)
	rdb := s.newRedis(tb)
	f := &fixture{T: tb, ctx: ctx, rdb: rdb, timing: timing, store: store.NewWith(rdb, timing), cleanup: tb.Cleanup}
	tb.Cleanup(f.store.Close)
	return f
}
