package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"gather"
	"gather/store"
)

// Model does random things in random order, the same thing twice as soon as once,
// and compares what the store says with what a simple model says.
func Model(t *testing.T, newRedis func(testing.TB) redis.UniversalClient) {
	rdb := newRedis(t)
	s := store.NewWith(rdb, patient)
	t.Cleanup(s.Close)
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{fixture: &fixture{T: rt, ctx: t.Context(), rdb: rdb, timing: patient, store: s}}
		m.check("empty", Empty(m.ctx, rdb))
		rt.Repeat(rapid.StateMachineActions(m))
		for _, a := range m.all {
			for _, after := range []int{0, len(a.order) / 2, len(a.order)} {
				m.compareOrder(a, after)
			}
		}
	})
}

// machine does one thing at a time to one of a few aggregations. The names of its
// exported methods are those of the things that it may do.
type machine struct {
	*fixture
	all     []*model
	touched *model // what the last action was about
}

const manyAggregations = 3

// Create makes an aggregation, in place of the oldest if there are many.
func (m *machine) Create(t *rapid.T) {
	if len(m.all) == manyAggregations {
		m.remove(m.all[0].id)
		m.all = m.all[1:]
	}
	total, c := rapid.IntRange(1, 6).Draw(t, "items"), rapid.IntRange(0, 3).Draw(t, "concurrency")
	spec := cappedSpec(total, c)
	spec.Deadline = gather.After(modelDeadline)
	m.touched = newModel(m.create(spec).ID, total, c)
	m.all = append(m.all, m.touched)
}

// touch chooses what the action is about. It makes the first one, since rapid gives
// up where too many actions in a row have nothing to do.
func (m *machine) touch(t *rapid.T) *model {
	if len(m.all) == 0 {
		m.Create(t)
	}
	m.touched = rapid.SampledFrom(m.all).Draw(t, "aggregation")
	return m.touched
}

// subtaskOf chooses one that was handed out some time, or never.
func subtaskOf(a *model, t *rapid.T) gather.Subtask {
	if len(a.known) > 0 && rapid.IntRange(0, 9).Draw(t, "known") > 0 {
		// The latest are those that matter most.
		return a.known[max(0, len(a.known)-1-rapid.IntRange(0, 12).Draw(t, "ago"))]
	}
	i := rapid.IntRange(-1, a.total).Draw(t, "index")
	return gather.Subtask{Index: i, Start: a.firstStart() + rapid.IntRange(0, 1).Draw(t, "start"), Fetch: "GET " + urlOf(i)}
}

// Begin takes one up, again or for the first time.
func (m *machine) Begin(t *rapid.T) {
	a := m.touch(t)
	room := gather.Room{Items: rapid.IntRange(0, 3).Draw(t, "room"), Holder: theHolder}
	plan, err := m.store.Begin(m.ctx, a.id, room)
	m.check("begin", err)
	wantClaims, want, runs := a.begin(room.Items)
	if runs != (plan != nil) {
		m.Fatalf("begin: %+v, want %t", plan, runs)
	}
	if runs {
		m.handedOut("begin, to the holder", a, claimedBy(plan), wantClaims)
		m.handedOut("begin", a, plan.Subtasks, want)
	}
}

// Claim claims a few.
func (m *machine) Claim(t *rapid.T) {
	a := m.touch(t)
	var wanted []gather.Claim
	for range rapid.IntRange(1, 3).Draw(t, "subtasks") {
		wanted = append(wanted, gather.Claim{Subtask: subtaskOf(a, t), Holder: theHolder, Attempts: rapid.IntRange(0, 3).Draw(t, "attempts known")})
	}
	claims := m.claimAgain(a.id, wanted...)
	for _, t := range wanted {
		attempts, claimed := a.claim(t.Subtask, t.Attempts)
		if !claimed {
			continue
		}
		if len(claims) == 0 || claims[0].Index != t.Index || claims[0].Attempts != attempts || claims[0].Request.URL != urlOf(t.Index) {
			m.Fatalf("claims left %+v, want %+v with %d attempts", claims, t.Subtask, attempts)
		}
		claims = claims[1:]
	}
	if len(claims) > 0 {
		m.Fatalf("claims %+v that are to be refused", claims)
	}
}

// Release releases one.
func (m *machine) Release(t *rapid.T) {
	a := m.touch(t)
	subtask, delay := subtaskOf(a, t), rapid.SampledFrom([]time.Duration{0, 3 * time.Hour}).Draw(t, "delay")
	m.release(a.id, subtask, delay)
	a.release(subtask, delay)
}

// Restart restarts one.
func (m *machine) Restart(t *rapid.T) {
	a := m.touch(t)
	subtask := subtaskOf(a, t)
	again, err := m.store.Restart(m.ctx, a.id, subtask)
	m.check("restart", err)
	var want []int
	if a.restart(subtask) {
		want = []int{subtask.Index}
	}
	m.handedOut("restart", a, again, want)
}

// Record records a few results.
func (m *machine) Record(t *rapid.T) {
	a := m.touch(t)
	var list []gather.Result
	for range rapid.IntRange(1, 3).Draw(t, "results") {
		i := rapid.IntRange(-1, a.total).Draw(t, "index")
		list = append(list, rapid.SampledFrom([]gather.Result{succeeded(i), failed(i)}).Draw(t, "result"))
	}
	recorded := m.record(a.id, list...)
	first, finished, next := a.record(list)
	if recorded.First != first || recorded.Finished != finished {
		m.Fatalf("recorded %+v, want %d, finished %t", recorded, first, finished)
	}
	m.handedOut("record", a, recorded.Next, next)
}

// Visit lets time pass and has a watchdog visit.
func (m *machine) Visit(t *rapid.T) {
	a := m.touch(t)
	d := rapid.SampledFrom([]time.Duration{0, 90 * time.Minute, 90 * time.Minute, 25 * time.Hour}).Draw(t, "passes")
	m.age(a.id, d)
	a.age(d)
	visit := m.visitDue(a.id)
	lost, next, suspects := a.visit(m.timing.ClaimSlack, m.timing.SuspectAfter)
	m.adoptOrder(a)
	if visit.Status != a.status || len(visit.Lost) != len(lost)+len(next) {
		m.Fatalf("visit %+v, want %s, %v lost, %v next", visit, a.status, lost, next)
	}
	byIndex := func(x, y gather.Subtask) int { return x.Index - y.Index }
	slices.Sort(lost)
	slices.SortFunc(visit.Lost[:len(lost)], byIndex)
	m.handedOut("lost", a, visit.Lost, append(lost, next...))
	slices.Sort(suspects)
	slices.SortFunc(visit.Suspects, byIndex)
	m.handedOut("suspects", a, visit.Suspects, suspects)
}

// Cancel cancels one.
func (m *machine) Cancel(t *rapid.T) {
	a := m.touch(t)
	_, err := m.store.Cancel(m.ctx, a.id)
	if !a.unfinished() != errors.Is(err, gather.ErrFinished) {
		m.Fatalf("cancel of what is %s: %v", a.status, err)
	}
	if a.unfinished() {
		a.close(gather.ItemCanceled, gather.StatusCanceled)
	}
}

// Retry retries one.
func (m *machine) Retry(t *rapid.T) {
	a := m.touch(t)
	_, err := m.store.Retry(m.ctx, a.id)
	if a.unfinished() != errors.Is(err, gather.ErrUnfinished) {
		m.Fatalf("retry of what is %s: %v", a.status, err)
	}
	if !a.unfinished() {
		a.retry()
	}
}

// Delete deletes one.
func (m *machine) Delete(t *rapid.T) {
	a := m.touch(t)
	m.remove(a.id)
	m.all = slices.DeleteFunc(m.all, func(other *model) bool { return other == a })
	m.touched = nil
	if keys := m.keys(a.id); len(keys) > 0 {
		m.Fatalf("delete left %q", keys)
	}
}
