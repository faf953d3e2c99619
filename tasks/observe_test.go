package tasks

import (
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"gather"
)

func TestQueue_Depths(t *testing.T) {
	q := mustQueue(t)
	for i, delay := range []time.Duration{0, 0, time.Hour} {
		task, err := newFetchTask("agg_1", "low", gather.Subtask{Index: i, Start: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.enqueue(t.Context(), task, asynq.ProcessIn(delay)); err != nil {
			t.Fatal(err)
		}
	}
	key := "asynq:{fetch-low}:t:" + fetchTaskID("agg_1", gather.Subtask{Index: 0, Start: 1})
	if err := q.rdb.HSet(t.Context(), key, "pending_since", time.Now().Add(-time.Hour).UnixNano()).Err(); err != nil {
		t.Fatal(err)
	}
	depths, err := q.Depths(t.Context())
	if err != nil || len(depths) != len(queueWeights) {
		t.Fatalf("%+v, %v", depths, err)
	}
	for _, d := range depths {
		oldest := d.Oldest.Round(time.Minute)
		d.Oldest = 0
		want, age := Depth{Queue: d.Queue}, time.Duration(0)
		if d.Queue == "fetch-low" {
			want, age = Depth{Queue: d.Queue, Pending: 2, Delayed: 1}, time.Hour
		}
		if d != want || oldest != age {
			t.Errorf("%+v, the oldest %v; want %+v, %v", d, oldest, want, age)
		}
	}
}

func TestServer_Alive(t *testing.T) {
	s := newHandlers(1, nil, nil)
	if err := s.Alive(); err != nil {
		t.Errorf("a worker that has just started: %v", err)
	}
	s.intake.asked = time.Now().Add(-2 * askedWithin)
	if err := s.Alive(); err == nil || !strings.Contains(err.Error(), "30s") {
		t.Errorf("one that nobody has asked for half a minute: %v", err)
	}
	s.handling.Store(1 + besideFetches)
	if err := s.Alive(); err != nil {
		t.Errorf("one that has as many tasks as it may: %v", err)
	}
	s.handling.Store(0)
	s.intake.close(t.Context())
	if err := s.Alive(); err != nil || !s.Stopping() {
		t.Errorf("one that stops: %v", err)
	}
}
