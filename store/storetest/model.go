package storetest

import (
	"fmt"
	"slices"
	"time"

	"gather"
)

// model is what an aggregation must be like, in the simplest words: no Redis, no
// time but the one that it is told about.
type model struct {
	id            string
	total, window int
	status        gather.Status
	retries       int
	aged          time.Duration
	todo          []int
	flight        map[int]*itemModel // the items handed out that have no result
	results       map[int]gather.ItemStatus
	order         []string // index and status of each completion, "-" where a retry dropped it
	settled       int      // how many of them were there before the last visit
	known         []gather.Subtask
}

type itemModel struct {
	start, attempts int
	claimed         bool
	aged, delay     time.Duration
}

const modelDeadline = gather.MaxDeadline

func newModel(id string, total, concurrency int) *model {
	m := &model{id: id, total: total, window: concurrency, status: gather.StatusQueued, results: make(map[int]gather.ItemStatus)}
	if concurrency == 0 {
		m.window = windowSize
	}
	m.todo = upTo(total)
	m.flight = make(map[int]*itemModel)
	return m
}

func (m *model) firstStart() int { return m.retries*1_000_000 + 1 }

func (m *model) unfinished() bool { return !m.status.Finished() }

// handOut is the items that there is room for now.
func (m *model) handOut() []int {
	// Without a cap, windows are larger than what the tests make.
	n := min(m.window-len(m.flight), len(m.todo))
	handedOut := m.todo[:n]
	m.todo = m.todo[n:]
	for _, i := range handedOut {
		m.flight[i] = &itemModel{start: m.firstStart()}
	}
	return handedOut
}

// age lets so much time pass.
func (m *model) age(d time.Duration) {
	m.aged += d
	for _, item := range m.flight {
		item.aged += d
	}
}

// begin is for the holder of all claims.
func (m *model) begin(room int) (claims, waiting []int, runs bool) {
	if !m.unfinished() {
		return nil, nil, false
	}
	first := m.status == gather.StatusQueued
	m.status = gather.StatusRunning
	handedOut := m.handOut()
	if first {
		for _, i := range handedOut[:min(room, len(handedOut))] {
			m.claim(gather.Subtask{Index: i, Start: m.firstStart()}, 0)
		}
	}
	for i, item := range m.flight {
		switch {
		case !item.claimed && item.aged >= item.delay:
			waiting = append(waiting, i)
		case item.claimed && room > 0 && item.attempts == 1:
			item.aged = 0
			claims = append(claims, i)
		}
	}
	slices.Sort(claims)
	slices.Sort(waiting)
	return claims, waiting, true
}

// under is the item if it is in flight under the subtask's start.
func (m *model) under(t gather.Subtask) *itemModel {
	item := m.flight[t.Index]
	if item == nil || item.start != t.Start {
		return nil
	}
	return item
}

// claim is for one holder, who alone knows how many attempts were made.
func (m *model) claim(t gather.Subtask, known int) (attempts int, claimed bool) {
	item := m.under(t)
	switch {
	case item == nil:
		return 0, false
	case item.claimed && known == item.attempts-1: // the reply to the last claim was lost
		item.aged = 0
		return item.attempts, true
	case item.claimed && known != item.attempts:
		return 0, false
	}
	*item = itemModel{start: item.start, attempts: item.attempts + 1, claimed: true}
	return item.attempts, true
}

func (m *model) release(t gather.Subtask, delay time.Duration) {
	if item := m.under(t); item != nil && item.claimed {
		item.claimed, item.aged, item.delay = false, 0, delay
	}
}

func (m *model) restart(t gather.Subtask) bool {
	item := m.under(t)
	if item == nil || item.claimed {
		return false
	}
	item.start++
	item.aged, item.delay = 0, 0
	return true
}

func (m *model) record(list []gather.Result) (first int, finished bool, next []int) {
	if m.status != gather.StatusRunning {
		return 0, false, nil
	}
	for _, r := range list {
		if m.flight[r.Index] != nil {
			m.end(r.Index, r.Status)
			first++
		}
	}
	if first == 0 {
		return 0, false, nil
	}
	if len(m.results) == m.total {
		m.finish("")
		return first, true, nil
	}
	return first, false, m.handOut()
}

func (m *model) end(i int, status gather.ItemStatus) {
	delete(m.flight, i)
	m.results[i] = status
	m.order = append(m.order, fmt.Sprintf("%d%c", i, status[0]))
}

func (m *model) count(status gather.ItemStatus) int {
	n := 0
	for _, s := range m.results {
		if s == status {
			n++
		}
	}
	return n
}

func (m *model) finish(status gather.Status) {
	switch succeeded := m.count(gather.ItemSucceeded); {
	case status != "":
		m.status = status
	case succeeded == m.total:
		m.status = gather.StatusSucceeded
	case succeeded > 0:
		m.status = gather.StatusPartial
	default:
		m.status = gather.StatusFailed
	}
	m.todo = nil
	clear(m.flight)
}

func (m *model) close(item gather.ItemStatus, status gather.Status) {
	for i := range m.total {
		if m.results[i] == "" {
			m.end(i, item)
		}
	}
	m.finish(status)
}

// visit is what is handed out: what was lost, in any order, and then the next.
func (m *model) visit(slack, grace time.Duration) (lost, next, suspects []int) {
	m.settled = len(m.order)
	if m.unfinished() && m.aged >= modelDeadline {
		m.close(gather.ItemFailed, "")
	}
	if m.status != gather.StatusRunning {
		return nil, nil, nil
	}
	for i, item := range m.flight {
		if !item.claimed || item.aged < slack {
			continue
		}
		if item.start-m.firstStart()+1 >= mostStarts {
			m.end(i, gather.ItemFailed)
			continue
		}
		*item = itemModel{start: item.start + 1, attempts: item.attempts}
		lost = append(lost, i)
	}
	if len(m.results) == m.total {
		m.finish("")
		return nil, nil, nil
	}
	next = m.handOut()
	for i, item := range m.flight {
		if !item.claimed && item.aged-item.delay >= grace {
			suspects = append(suspects, i)
		}
	}
	return lost, next, suspects
}

func (m *model) retry() {
	var again []int
	for place, entry := range m.order {
		var i int
		var status rune
		if n, _ := fmt.Sscanf(entry, "%d%c", &i, &status); n == 2 && status != 's' {
			again = append(again, i)
			m.order[place] = "-"
			delete(m.results, i)
		}
	}
	if len(again) == 0 {
		return
	}
	slices.Sort(again)
	m.todo, m.aged, m.status = again, 0, gather.StatusQueued
	m.retries++
}
