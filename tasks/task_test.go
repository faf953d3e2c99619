package tasks

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gather"
)

func TestFetchTaskID(t *testing.T) {
	cases := map[string]struct {
		item gather.Subtask
		want string
	}{
		"the first start":                {gather.Subtask{Index: 3, Start: 1}, "agg_1:3"},
		"a start after a lost worker":    {gather.Subtask{Index: 3, Start: 2}, "agg_1:3:2"},
		"the first start of a retry":     {gather.Subtask{Index: 0, Start: 1001}, "agg_1:0:1001"},
		"what is fetched plays no part":  {gather.Subtask{Index: 3, Start: 1, Fetch: "GET http://a"}, "agg_1:3"},
		"an item with the start's digit": {gather.Subtask{Index: 32, Start: 1}, "agg_1:32"},
		"a batch":                        {gather.Subtask{Index: 64, Start: 1, Batch: 2, Items: "64-127"}, "agg_1:batch:2"},
		"a batch that is started again":  {gather.Subtask{Index: 64, Start: 3, Batch: 2, Items: "64-127"}, "agg_1:batch:2:3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := fetchTaskID("agg_1", c.item); got != c.want {
				t.Errorf("fetchTaskID = %q, want %q", got, c.want)
			}
		})
	}
}

func TestFetchTaskID_isOfOneStartOnly(t *testing.T) {
	start := rapid.Custom(func(t *rapid.T) gather.Subtask {
		return gather.Subtask{
			Index: rapid.IntRange(0, 20_000).Draw(t, "index"), Start: rapid.IntRange(1, 5_000).Draw(t, "start"),
			Batch: rapid.IntRange(0, 3).Draw(t, "batch"), Fetch: rapid.String().Draw(t, "fetch"),
		}
	})
	// A batch is known by its number, an item by its position.
	place := func(s gather.Subtask) [2]int {
		if s.Batch > 0 {
			return [2]int{s.Batch, 0}
		}
		return [2]int{0, s.Index}
	}
	rapid.Check(t, func(t *rapid.T) {
		one, other := start.Draw(t, "one"), start.Draw(t, "another")
		same := place(one) == place(other) && one.Start == other.Start
		if got := fetchTaskID("agg_1", one) == fetchTaskID("agg_1", other); got != same {
			t.Fatalf("%+v and %+v have the same task id: %v, want %v", one, other, got, same)
		}
	})
}

func TestNewRunTask(t *testing.T) {
	q := mustQueue(t)
	seen := map[string]bool{}
	long := "GET https://a/" + strings.Repeat("b", 10_000)
	for retries, wantID := range []string{"agg_1", "agg_1:run:1", "agg_1:run:2"} {
		task, err := newRunTask(&gather.Aggregation{ID: "agg_1", Retries: retries, Counts: gather.Counts{Pending: 2}, Fetches: []string{"GET https://a/?key=***", long}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		info := mustEnqueue(t, q, task)
		if info.ID != wantID || info.Queue != "aggregations" || info.Type != "aggregation:run" {
			t.Errorf("run %d is task %q of type %q in queue %q, want %q", retries, info.ID, info.Type, info.Queue, wantID)
		}
		if got, want := string(info.Payload), `{"aggregation":"agg_1","items":2,"fetch":["GET https://a/?key=***","`+long[:100]+`"]}`; got != want {
			t.Errorf("payload = %s, want %s", got, want)
		}
		if seen[info.ID] {
			t.Errorf("task id %q is used twice", info.ID)
		}
		seen[info.ID] = true
	}
}

func TestNewFetchTask(t *testing.T) {
	q := mustQueue(t)
	item := gather.Subtask{Index: 3, Start: 1, Fetch: "GET https://a/?key=***"}
	for _, lane := range lanes() {
		task, err := newFetchTask("agg_1", lane, item, nil)
		if err != nil {
			t.Fatal(err)
		}
		info := mustEnqueue(t, q, task)
		if want := "fetch-" + string(lane); info.Queue != want || info.Type != "fetch" || info.ID != "agg_1:3" {
			t.Errorf("task %q of type %q is in queue %q, want %q", info.ID, info.Type, info.Queue, want)
		}
		if _, served := queueWeights[info.Queue]; !served {
			t.Errorf("no worker serves queue %q", info.Queue)
		}
		if !isFetch(info.Queue) || isBulk(info.Queue) != lane.Bulk() {
			t.Errorf("queue %q is one of fetches: %v, of large aggregations: %v", info.Queue, isFetch(info.Queue), isBulk(info.Queue))
		}
		// Attempts are counted, and timed out, elsewhere.
		if info.MaxRetry < 1_000_000 || info.Timeout <= gather.MaxDeadline {
			t.Errorf("asynq ends it after %d retries or %v", info.MaxRetry, info.Timeout)
		}
	}
}

// lanes are all that an aggregation may be in.
func lanes() []gather.Lane {
	var list []gather.Lane
	for _, priority := range gather.Priorities {
		list = append(list, gather.LaneOf(priority, 1), gather.LaneOf(priority, 100_000))
	}
	return list
}

func TestQueueWeights_areOfEveryLane(t *testing.T) {
	want := []string{runQueue}
	for _, lane := range lanes() {
		want = append(want, fetchQueue(lane))
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(queueWeights)); !slices.Equal(got, want) {
		t.Errorf("the workers serve %v, want %v", got, want)
	}
	if isFetch(runQueue) || isBulk(runQueue) {
		t.Error("a run task would need a slot")
	}
}

// TestFetchPayload_holdsNoSecrets lists all that dashboards show of a task: a field
// more needs a thought about what it tells.
func TestFetchPayload_holdsNoSecrets(t *testing.T) {
	cases := map[string]struct {
		item gather.Subtask
		want string
	}{
		"an item": {
			gather.Subtask{Index: 3, Start: 2, Fetch: "GET https://a/"},
			`{"aggregation":"agg_1","item":{"index":3,"start":2,"fetch":"GET https://a/"}}`,
		},
		"a batch": {
			gather.Subtask{Index: 64, Start: 1, Fetch: "GET https://a/", Batch: 2, Items: "64-70,72"},
			`{"aggregation":"agg_1","item":{"index":64,"start":1,"fetch":"GET https://a/","batch":2,"items":"64-70,72"}}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			task, err := newFetchTask("agg_1", gather.LaneOf(gather.PriorityDefault, 1), c.item, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(task.Payload()); got != c.want {
				t.Errorf("payload = %s, want %s", got, c.want)
			}
			if len(task.Headers()) > 0 {
				t.Errorf("headers = %v, want none", slices.Collect(maps.Keys(task.Headers())))
			}
		})
	}
}

func TestCeilSecond(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		now         time.Time
		delay, want time.Duration
	}{
		"whole seconds stay":                     {noon, 2 * time.Second, 2 * time.Second},
		"no delay at a whole second stays":       {noon, 0, 0},
		"a fraction is rounded up":               {noon, 1500 * time.Millisecond, 2 * time.Second},
		"it is the due time that is rounded":     {noon.Add(700 * time.Millisecond), 2 * time.Second, 2300 * time.Millisecond},
		"a due time at a whole second stays":     {noon.Add(700 * time.Millisecond), 1300 * time.Millisecond, 1300 * time.Millisecond},
		"a nanosecond late is a second too late": {noon, time.Second + 1, 2 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ceilSecond(c.now, c.delay); got != c.want {
				t.Errorf("ceilSecond = %v, want %v", got, c.want)
			}
		})
	}
}

func TestCeilSecond_neverEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		delay := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "delay"))
		got := ceilSecond(now, delay)
		if got < delay || got >= delay+time.Second {
			t.Fatalf("ceilSecond = %v, want %v and less than a second more", got, delay)
		}
		if kept := time.Unix(now.Add(got).Unix(), 0); kept.Before(now.Add(delay)) {
			t.Fatalf("cut to whole seconds it is due at %v, before %v", kept, now.Add(delay))
		}
	})
}
