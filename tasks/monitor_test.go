package tasks

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
)

// watched makes clients of a Redis with a fetch task in its queue.
func watched(t *testing.T) (newClient func() redis.UniversalClient) {
	t.Helper()
	options, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	newClient = func() redis.UniversalClient { return redis.NewClient(options) }
	rdb := newClient()
	t.Cleanup(func() { _ = rdb.Close() })
	item := gather.Subtask{Index: 7, Start: 1, Fetch: "GET https://example.com/path"}
	q := NewQueue(rdb)
	if err := q.Run(t.Context(), &gather.Aggregation{ID: "agg_1", Fetches: []string{item.Fetch}}); err != nil {
		t.Fatal(err)
	}
	if err := q.fetch(t.Context(), "agg_1", gather.LaneOf(gather.PriorityDefault, 1), []gather.Subtask{item}); err != nil {
		t.Fatal(err)
	}
	return newClient
}

func newMonitor(t *testing.T, o MonitorOptions) *Monitor {
	t.Helper()
	o.Path = "/monitor"
	if o.HideFetches == nil {
		o.HideFetches = func() bool { return false }
	}
	m := NewMonitor(o)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *Monitor) do(t *testing.T, status int, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	if w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	return w
}

const pendingTasks = "/monitor/api/queues/fetch-default/pending_tasks"

func TestMonitor_ShowsTasks(t *testing.T) {
	newClient := watched(t)
	hidden := false
	m := newMonitor(t, MonitorOptions{NewClient: newClient, HideFetches: func() bool { return hidden }})
	for _, hidden = range []bool{false, true} {
		var list struct {
			Tasks []struct{ ID, Payload string }
		}
		if err := json.Unmarshal(m.do(t, 200, "GET", pendingTasks).Body.Bytes(), &list); err != nil || len(list.Tasks) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		var payload fetchPayload
		if err := json.Unmarshal([]byte(list.Tasks[0].Payload), &payload); err != nil {
			t.Fatal(err)
		}
		if payload.Aggregation != "agg_1" || payload.Item.Index != 7 || (payload.Item.Fetch == "") != hidden {
			t.Errorf("hidden: %t, and yet %+v", hidden, payload)
		}
		if one := m.do(t, 200, "GET", "/monitor/api/queues/fetch-default/tasks/"+list.Tasks[0].ID); strings.Contains(one.Body.String(), "example.com") == hidden {
			t.Errorf("hidden: %t, and yet %s", hidden, one.Body)
		}
		if run := m.do(t, 200, "GET", "/monitor/api/queues/aggregations/tasks/agg_1"); strings.Contains(run.Body.String(), "example.com") == hidden || !strings.Contains(run.Body.String(), "agg_1") {
			t.Errorf("hidden: %t, and yet %s", hidden, run.Body)
		}
	}
}

func TestMonitor_Writes(t *testing.T) {
	newClient := watched(t)
	const pause = "/monitor/api/queues/fetch-default:pause"
	reads := newMonitor(t, MonitorOptions{NewClient: newClient})
	reads.do(t, http.StatusMethodNotAllowed, "POST", pause)
	reads.do(t, http.StatusMethodNotAllowed, "DELETE", pendingTasks+":delete_all")
	writes := newMonitor(t, MonitorOptions{NewClient: newClient, Write: true})
	if body := writes.do(t, 200, "GET", pendingTasks).Body.String(); !strings.Contains(body, "agg_1:7") {
		t.Errorf("the task is gone: %s", body)
	}
	writes.do(t, http.StatusNoContent, "POST", pause)
	writes.do(t, 200, "DELETE", pendingTasks+":delete_all")
	if body := writes.do(t, 200, "GET", pendingTasks).Body.String(); strings.Contains(body, "agg_1:7") || !strings.Contains(body, `"paused":true`) {
		t.Errorf("nothing has changed: %s", body)
	}
}

// TestMonitor_failing holds that a failure is told by its kind, and tells nothing of Redis.
func TestMonitor_failing(t *testing.T) {
	m := newMonitor(t, MonitorOptions{NewClient: watched(t)})
	m.do(t, http.StatusNotFound, "GET", "/monitor/api/queues/none")
	const nowhere = "127.0.0.1:9" // of "discard", which nobody serves
	m = newMonitor(t, MonitorOptions{NewClient: func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: nowhere, MaxRetries: -1})
	}})
	if answer := m.do(t, http.StatusServiceUnavailable, "GET", "/monitor/api/queues"); strings.Contains(answer.Body.String(), nowhere) {
		t.Errorf("it tells where Redis is: %s", answer.Body)
	}
}

// TestMonitor_Page holds that the page's own scripts, and no others, may run.
func TestMonitor_Page(t *testing.T) {
	newClient := watched(t)
	m := newMonitor(t, MonitorOptions{NewClient: newClient})
	for _, path := range []string{"/monitor", "/monitor/", "/monitor/queues/fetch-default", "/monitor/nothing"} {
		page := m.do(t, 200, "GET", path)
		policy := page.Header().Get("Content-Security-Policy")
		scripts := 0
		for _, script := range strings.Split(page.Body.String(), "<script>")[1:] {
			script, _, _ = strings.Cut(script, "</script>")
			sum := sha256.Sum256([]byte(script))
			if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
				t.Errorf("%s: a script that may not run: %.100s", path, script)
			}
			scripts++
		}
		scriptPolicy, _, _ := strings.Cut(policy[strings.Index(policy, "script-src"):], ";")
		if scripts == 0 || strings.Count(scriptPolicy, "sha256-") != scripts || strings.Contains(scriptPolicy, "unsafe") {
			t.Errorf("%s: %d scripts, %s", path, scripts, policy)
		}
		if !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(page.Body.String(), `src="/monitor/static/js/`) {
			t.Errorf("%s: %s\n%s", path, policy, page.Body)
		}
	}
}
