package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"gather"
)

// fakeStore keeps aggregations in memory. Tests play the workers: record ends an
// item, and everything that waits hears of it.
type fakeStore struct {
	mu     sync.Mutex
	all    map[string]*fakeAggregation
	order  []string // the newest last
	keys   map[string]fakeKey
	err    error // answered by every method
	ready  gather.Readiness
	filter gather.Filter // of the last List
	cursor string
	limit  int
	// expected is how many creations were announced.
	expected int

	// entered gets a word at the start of every wait and follow, so that tests
	// go on only once somebody waits.
	entered chan string
	// beats makes followers yield a Progress without news: empty, or with the state again.
	beats chan beat
	// finishAtOnce ends every item as it is created.
	finishAtOnce bool
	// breakAfter makes Results and Follow fail after so many lines; -1 never.
	breakAfter int
}

// beat is a Progress without news.
type beat struct{ withState bool }

type fakeKey struct{ id, fingerprint string }

type fakeAggregation struct {
	gather.Aggregation
	items       []gather.Request
	lines       map[int]gather.StoredLine
	completions []gather.Completion
	changed     chan struct{}
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		all: map[string]*fakeAggregation{}, keys: map[string]fakeKey{}, ready: gather.Readiness{Workers: 1},
		entered: make(chan string, 1000), beats: make(chan beat), breakAfter: -1,
	}
}

var fakeStart = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

func (s *fakeStore) ExpectCreation(context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected++
}

func (s *fakeStore) Create(_ context.Context, c *gather.Creation) (*gather.Aggregation, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, false, s.err
	}
	if k, ok := s.keys[c.IdempotencyKey]; ok && c.IdempotencyKey != "" {
		switch agg, ok := s.all[k.id]; {
		case k.fingerprint != c.Fingerprint:
			return nil, false, fmt.Errorf("create: %w", gather.ErrKeyReused)
		case !ok:
			return nil, false, fmt.Errorf("create: %w", gather.ErrKeyGone)
		default:
			return agg.state(), true, nil
		}
	}
	id := fmt.Sprintf("agg_%d", len(s.order)+1)
	agg := &fakeAggregation{items: c.Spec.Items(), lines: map[int]gather.StoredLine{}, changed: make(chan struct{})}
	agg.Aggregation = gather.Aggregation{
		ID: id, Name: c.Spec.Name, Labels: c.Spec.Labels, Status: gather.StatusQueued,
		Counts:    gather.Counts{Total: len(agg.items), Pending: len(agg.items)},
		CreatedAt: gather.Time{Time: fakeStart}, Priority: c.Spec.PriorityOrDefault(),
	}
	s.all[id], s.order = agg, append(s.order, id)
	s.keys[c.IdempotencyKey] = fakeKey{id, c.Fingerprint}
	if s.finishAtOnce {
		for i := range agg.items {
			agg.end(gather.Result{Index: i, Status: gather.ItemSucceeded, HTTPStatus: 200, Body: json.RawMessage(fmt.Sprintf(`{"task_id":"%d"}`, i))})
		}
	}
	return agg.state(), false, nil
}

// add creates an aggregation with n items.
func (s *fakeStore) add(tb testing.TB, n int) string {
	tb.Helper()
	agg, _, err := s.Create(context.Background(), &gather.Creation{Spec: &gather.Spec{URLs: slices.Repeat([]string{"http://a.test/"}, n)}})
	if err != nil {
		tb.Fatal(err)
	}
	return agg.ID
}

// addFinished creates an aggregation with n items that have succeeded.
func (s *fakeStore) addFinished(tb testing.TB, n int) string {
	tb.Helper()
	id := s.add(tb, n)
	for i := range n {
		s.record(id, gather.Result{Index: i, Status: gather.ItemSucceeded, HTTPStatus: 200, Body: json.RawMessage(`"ok"`)})
	}
	return id
}

func (s *fakeStore) record(id string, r gather.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[id].end(r)
}

func (s *fakeStore) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// end records the result of one item.
func (a *fakeAggregation) end(r gather.Result) {
	r.URL = a.items[r.Index].URL
	stored, _ := r.Stored()
	line := gather.StoredLine(stored)
	a.lines[r.Index] = line
	a.completions = append(a.completions, gather.Completion{Position: len(a.completions) + 1, Line: line})
	a.Counts.Pending--
	switch r.Status {
	case gather.ItemSucceeded:
		a.Counts.Succeeded++
	case gather.ItemFailed:
		a.Counts.Failed++
	default:
		a.Counts.Canceled++
	}
	a.Status = gather.StatusRunning
	if a.Counts.Pending == 0 {
		a.finish(gather.StatusPartial)
		if a.Counts.Succeeded == a.Counts.Total {
			a.Status = gather.StatusSucceeded
		}
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *fakeAggregation) finish(s gather.Status) {
	a.Status = s
	a.FinishedAt = &gather.Time{Time: fakeStart.Add(time.Second)}
	a.ElapsedMS = 1000
}

func (a *fakeAggregation) state() *gather.Aggregation {
	agg := a.Aggregation
	return &agg
}

func (s *fakeStore) find(id string) (*fakeAggregation, error) {
	if s.err != nil {
		return nil, s.err
	}
	agg, ok := s.all[id]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", id, gather.ErrNotFound)
	}
	return agg, nil
}

func (s *fakeStore) Get(_ context.Context, id string) (*gather.Aggregation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	agg, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return agg.state(), nil
}

func (s *fakeStore) WaitCreated(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	return s.Wait(ctx, id, atMost, over)
}

func (s *fakeStore) Wait(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	s.entered <- "wait"
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	for {
		s.mu.Lock()
		agg, err := s.find(id)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		reading, changed := s.reading(agg), agg.changed
		s.mu.Unlock()
		if reading.Status.Finished() {
			return reading, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return reading, nil
		case <-over:
			return reading, nil
		case <-ctx.Done():
			return reading, nil
		}
	}
}

var errBroken = fmt.Errorf("connection reset in mid-air, redis://user:hunter2@redis")

func (s *fakeStore) Read(_ context.Context, id string) (*gather.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	agg, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return s.reading(agg), nil
}

// reading is the aggregation as it stands. The caller holds the lock.
func (s *fakeStore) reading(agg *fakeAggregation) *gather.Reading {
	var lines []gather.StoredLine
	for i := range agg.items {
		if line := agg.lines[i]; line != "" {
			lines = append(lines, line)
		}
	}
	breakAfter := s.breakAfter
	return &gather.Reading{Aggregation: agg.state(), Lines: func(context.Context) iter.Seq2[gather.StoredLine, error] {
		return func(yield func(gather.StoredLine, error) bool) {
			for i, line := range lines {
				if i == breakAfter {
					yield("", errBroken)
					return
				}
				if !yield(line, nil) {
					return
				}
			}
		}
	}}
}

func (s *fakeStore) Follow(ctx context.Context, id string, after int) iter.Seq2[gather.Progress, error] {
	return func(yield func(gather.Progress, error) bool) {
		s.entered <- "follow " + strconv.Itoa(after)
		for first := true; ; first = false {
			s.mu.Lock()
			agg, err := s.find(id)
			if err != nil {
				s.mu.Unlock()
				yield(gather.Progress{}, err)
				return
			}
			state, changed, breakAfter := agg.state(), agg.changed, s.breakAfter
			news := slices.Clone(agg.completions[min(after, len(agg.completions)):])
			s.mu.Unlock()
			if breakAfter >= 0 && after+len(news) > breakAfter {
				yield(gather.Progress{}, errBroken)
				return
			}
			after += len(news)
			if (first || len(news) > 0 || state.Status.Finished()) && !yield(gather.Progress{Completions: news, Aggregation: state}, nil) {
				return
			}
			if state.Status.Finished() {
				return
			}
			select {
			case <-changed:
			case b := <-s.beats:
				if !b.withState {
					state = nil
				}
				if !yield(gather.Progress{Aggregation: state}, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (s *fakeStore) List(_ context.Context, f gather.Filter, cursor string, limit int) (gather.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filter, s.cursor, s.limit = f, cursor, limit
	if s.err != nil {
		return gather.Page{}, s.err
	}
	from := 0
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 0 {
			return gather.Page{}, fmt.Errorf("list: %w", gather.ErrBadCursor)
		}
		from = n
	}
	var p gather.Page
	for i := from; i < len(s.order) && len(p.Items) < limit; i++ {
		p.Items = append(p.Items, *s.all[s.order[len(s.order)-1-i]].state())
	}
	if from+limit < len(s.order) {
		p.Next = strconv.Itoa(from + limit)
	}
	return p, nil
}

func (s *fakeStore) Cancel(_ context.Context, id string) (*gather.Aggregation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	agg, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if agg.Status.Finished() {
		return nil, fmt.Errorf("cancel %s: %w", id, gather.ErrFinished)
	}
	for i := range agg.items {
		if agg.lines[i] == "" {
			agg.end(gather.Result{Index: i, Status: gather.ItemCanceled, Error: &gather.ItemError{Code: gather.CodeCanceled, Message: "canceled"}})
		}
	}
	agg.Status = gather.StatusCanceled
	return agg.state(), nil
}

func (s *fakeStore) Retry(_ context.Context, id string) (*gather.Aggregation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	agg, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if !agg.Status.Finished() {
		return nil, fmt.Errorf("retry %s: %w", id, gather.ErrUnfinished)
	}
	agg.Status, agg.FinishedAt, agg.Retries = gather.StatusRunning, nil, agg.Retries+1
	return agg.state(), nil
}

func (s *fakeStore) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(id); err != nil {
		return err
	}
	delete(s.all, id)
	return nil
}

func (s *fakeStore) Pending(_ context.Context, id string) (*gather.Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	agg, err := s.find(id)
	if err != nil {
		return nil, err
	}
	pending := &gather.Pending{AtMS: 7, Items: []gather.PendingItem{}}
	if !agg.Status.Finished() {
		pending.Items = append(pending.Items, gather.PendingItem{Index: 1, Status: gather.ItemRetrying, Attempts: 2, StartedMS: 3})
	}
	return pending, nil
}

func (s *fakeStore) Ready(context.Context) (gather.Readiness, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready, s.err
}

// fakeQueue notes what is handed to the workers.
type fakeQueue struct {
	mu  sync.Mutex
	ids []string
	err error
}

func (q *fakeQueue) Depth(context.Context) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ids), q.err
}

func (q *fakeQueue) Run(_ context.Context, agg *gather.Aggregation) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ids = append(q.ids, agg.ID)
	return q.err
}

func (q *fakeQueue) runs() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.ids)
}
