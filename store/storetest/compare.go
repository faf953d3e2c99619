package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"gather"
)

// handedOut compares and remembers subtasks.
func (m *machine) handedOut(what string, a *model, got []gather.Subtask, want []int) {
	m.Helper()
	if !slices.Equal(indexesOf(got), want) {
		m.Fatalf("%s: %+v, want %v", what, got, want)
	}
	for _, t := range got {
		if item := a.flight[t.Index]; t.Start != item.start || t.Fetch != "GET "+urlOf(t.Index) {
			m.Fatalf("%s: %+v, want start %d", what, t, item.start)
		}
		a.known = append(a.known, t)
	}
}

// adoptOrder takes over the order of what a visit gave up at once, which is anyone's.
func (m *machine) adoptOrder(a *model) {
	m.Helper()
	order, before := m.order(a.id), a.order[:a.settled]
	if !slices.Equal(order[:min(len(order), len(before))], before) || !slices.Equal(slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(a.order))) {
		m.Fatalf("order %q, want %q", order, a.order)
	}
	a.order = order
}

// order is index and status of each completion.
func (m *machine) order(id string) []string {
	m.Helper()
	order, err := m.rdb.LRange(m.ctx, "gather:{"+id+"}:order", 0, -1).Result()
	m.check("read the order", err)
	return order
}

// Check compares what the last action was about, and checks what always holds.
func (m *machine) Check(*rapid.T) {
	a := m.touched
	if a == nil {
		return
	}
	agg := m.get(a.id)
	counts := gather.Counts{
		Total: a.total, Succeeded: a.count(gather.ItemSucceeded), Failed: a.count(gather.ItemFailed), Canceled: a.count(gather.ItemCanceled),
	}
	counts.Pending = a.total - len(a.results)
	if agg.Status != a.status || agg.Counts != counts || agg.Retries != a.retries {
		m.Fatalf("%+v, want %s, %+v, %d retries", agg, a.status, counts, a.retries)
	}
	if n := m.inFlight(a.id); n != len(a.flight) || n > a.window {
		m.Fatalf("%d in flight, want %d of at most %d", n, len(a.flight), a.window)
	}
	var got, want []int
	for _, r := range m.results(a.id) {
		got = append(got, r.Index)
		if a.results[r.Index] != r.Status {
			m.Fatalf("result %+v, want %s", r, a.results[r.Index])
		}
	}
	for i := range a.total {
		if a.results[i] != "" {
			want = append(want, i)
		}
	}
	if !slices.Equal(got, want) {
		m.Fatalf("results of %v, want %v", got, want)
	}
	if order := m.order(a.id); !slices.Equal(order, a.order) {
		m.Fatalf("order %q, want %q", order, a.order)
	}
	at, planned := m.scheduled(a.id)
	if !planned || !m.listed(a.id) || a.unfinished() && time.Until(at) > limit {
		m.Fatalf("%s, visited at %v (planned: %t), listed: %t", a.status, at, planned, m.listed(a.id))
	}
}

// compareOrder reads in order of completion. What a follower sees is the same from
// wherever it starts: a position is never another item's.
func (m *machine) compareOrder(a *model, after int) {
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	var got []gather.Completion
	for progress, err := range m.store.Follow(ctx, a.id, after) {
		m.check("follow", err)
		got = progress.Completions // all: they are few
		break
	}
	for place, entry := range a.order[after:] {
		if entry == "-" {
			continue
		}
		if len(got) == 0 || got[0].Position != after+place+1 {
			m.Fatalf("after %d: %q, want position %d of %q", after, m.summary(got), after+place+1, a.order)
		}
		r := m.decode(got[0].Line)
		if entry != fmt.Sprintf("%d%c", r.Index, r.Status[0]) {
			m.Fatalf("position %d: %+v, want %s", got[0].Position, r, entry)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		m.Fatalf("after %d: too much: %q", after, m.summary(got))
	}
}
