package e2e

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// basicAuth is the header with which a browser sends a password.
func basicAuth(password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
}

// opened gets a page of the monitor, whose answers are not the API's.
func (c *client) opened(tb testing.TB, status int, method, path string, headers ...string) string {
	tb.Helper()
	a, err := c.try(method, path, nil, headers...)
	if err != nil {
		tb.Fatal(err)
	}
	if a.status != status {
		tb.Fatalf("%s %s: %d %.500s, want %d", method, path, a.status, a.body, status)
	}
	return string(a.body)
}

const (
	queueAPI = "/monitor/api/queues/fetch-default"
	taskList = queueAPI + "/pending_tasks"
)

func TestMonitor(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, "--api-keys", "ops:"+strongKey)
	t.Run("a browser finds the page", func(t *testing.T) {
		for _, p := range []string{"/monitor", "/monitor/", "/monitor/queues/fetch-default"} {
			if page := s.opened(t, http.StatusOK, http.MethodGet, p, basicAuth(strongKey)); !strings.Contains(page, "<title>Asynq") {
				t.Errorf("%s: %.300s", p, page)
			}
			a, err := s.try(http.MethodGet, p, nil)
			if err != nil || a.status != http.StatusUnauthorized || !strings.Contains(strings.Join(a.header.Values("WWW-Authenticate"), "\n"), "Basic realm=") {
				t.Errorf("%s without a key: %+v, %v", p, a, err)
			}
		}
		for _, header := range []string{basicAuth("wrong"), basicAuth(""), "Authorization: Basic x"} {
			s.get(t, http.StatusUnauthorized, "/monitor", header)
		}
		// A password opens the monitor and nothing else.
		s.get(t, http.StatusUnauthorized, aggregations, basicAuth(strongKey))
	})
	t.Run("its errors are its own", func(t *testing.T) {
		body := s.with(strongKey).opened(t, http.StatusNotFound, http.MethodGet, "/monitor/api/queues/none/tasks/none")
		if strings.Contains(body, "openapi") {
			t.Errorf("%s", body)
		}
	})
	t.Run("it changes nothing", func(t *testing.T) {
		s.with(strongKey).opened(t, http.StatusMethodNotAllowed, http.MethodPost, queueAPI+":pause")
		s.with(strongKey).opened(t, http.StatusMethodNotAllowed, http.MethodDelete, taskList+":delete_all")
	})
}

// TestMonitor_Embedded has the monitor look into the Redis that is part of the process.
func TestMonitor_Embedded(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	s.run(t, object{"urls": newUpstream(t).urls("/a")})
	if list := s.opened(t, http.StatusOK, http.MethodGet, "/monitor/api/queues"); !strings.Contains(list, `"fetch-default"`) {
		t.Errorf("%s", list)
	}
}

// TestMonitor_Owners holds that where it is open to several owners, none learns from it
// what another fetches, and none learns secrets.
func TestMonitor_Owners(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, "--api-keys", allKeys)
	narrow := newClient(t, s.addAPI(t, "--redis-url", s.redis.URL, "--api-keys", allKeys, "--monitor-owners", "ads").address(t))
	u := newUpstream(t)
	u.on("/private", retryAfter("30", http.StatusServiceUnavailable))
	id := s.with(searchOld).create(t, object{"requests": []object{secretSpec(u, "/private")}}).ID
	const list = queueAPI + "/scheduled_tasks"
	eventually(t, "a task is scheduled for the next attempt", func() bool {
		a, err := s.with(adsKey).try(http.MethodGet, list, nil) // the queue is not there before the first worker
		return err == nil && a.status == http.StatusOK && strings.Contains(string(a.body), id)
	})
	if tasks := s.with(adsKey).opened(t, http.StatusOK, http.MethodGet, list); strings.Contains(tasks, "/private") {
		t.Errorf("another's task: %s", tasks)
	}
	tasks := narrow.with(adsKey).opened(t, http.StatusOK, http.MethodGet, list)
	if !strings.Contains(tasks, "/private") || strings.Contains(tasks, secret) {
		t.Errorf("what --monitor-owners are shown: %s", tasks)
	}
	narrow.with(searchOld).get(t, http.StatusForbidden, "/monitor")
	narrow.with(searchOld).do(t, http.StatusOK, http.MethodPost, path(id, "/cancel"), nil)
}

// TestMonitor_Write changes a queue, which no page of another origin may do.
func TestMonitor_Write(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, "--api-keys", "ops:"+strongKey, "--monitor-write")
	key := basicAuth(strongKey) // which a browser sends by itself
	eventually(t, "the queue is there", func() bool {
		a, err := s.try(http.MethodGet, queueAPI, nil, key)
		return err == nil && a.status == http.StatusOK
	})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Origin: https://evil.example"}, {"Origin: null"},
		{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"},
	} {
		s.do(t, http.StatusForbidden, http.MethodPost, queueAPI+":pause", nil, append(headers, key)...)
	}
	if list := s.opened(t, http.StatusOK, http.MethodGet, queueAPI, key); !strings.Contains(list, `"paused":false`) {
		t.Errorf("it was paused: %s", list)
	}
	s.opened(t, http.StatusNoContent, http.MethodPost, queueAPI+":pause", key, "Sec-Fetch-Site: same-origin", "Origin: "+s.base)
	if list := s.opened(t, http.StatusOK, http.MethodGet, queueAPI, key); !strings.Contains(list, `"paused":true`) {
		t.Errorf("it was not paused: %s", list)
	}
	s.opened(t, http.StatusNoContent, http.MethodPost, queueAPI+":resume", key)
}
