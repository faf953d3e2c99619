package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// secretSpec has a secret in every place of a request that may hold one.
func secretSpec(u *upstream, path string) object {
	host := strings.TrimPrefix(u.URL, "http://")
	return object{
		"url":     "http://user:" + secret + "@" + host + path + "?token=" + secret + "&page=1",
		"method":  "POST",
		"headers": object{"Authorization": "Bearer " + secret, "X-Api-Key": secret, "Cookie": "session=" + secret},
		"body":    object{"password": secret},
		"retry":   object{"max_attempts": 2, "min_backoff": "1ms", "max_backoff": "1ms"},
		"timeout": "500ms",
	}
}

// testSilence has secrets pass through in every way and looks for them in the logs.
func testSilence(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/fails", answerWith(http.StatusInternalServerError, "text/plain", []byte(secret)))
	u.on("/never", u.never)
	u.on("/garbage", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(secret + "\r\n\r\n"))
		_ = conn.Close()
	})
	u.on("/redirects", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "ftp://"+secret+"/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	requests := []object{secretSpec(u, "/ok"), secretSpec(u, "/fails"), secretSpec(u, "/never"), secretSpec(u, "/garbage"), secretSpec(u, "/redirects")}
	requests = append(requests, object{"url": "http://" + secret + "@10.0.0.1/" + secret + "?x=" + secret})
	a := s.do(t, http.StatusAccepted, http.MethodPost, aggregations, object{"requests": requests},
		"Idempotency-Key: "+secret, "Authorization: Bearer "+secret, "X-Request-Id: see "+secret)
	agg := s.finished(t, a.aggregation(t).ID)
	if agg.Status != "partial" || agg.Counts.Succeeded != 1 {
		t.Errorf("%s with %+v", agg.Status, agg.Counts)
	}
	for i := range agg.Results {
		if e := agg.Results[i].Error; e != nil && strings.Contains(e.Message, secret) {
			t.Errorf("the error of item %d is %q", i, e.Message)
		}
	}
	s.get(t, http.StatusOK, path(agg.ID, "?token="+secret))
	s.get(t, http.StatusNotFound, "/"+secret)
	s.wantSilent(t)
}

// wantSilent wants logs that say something, and no secret.
func (s *system) wantSilent(tb testing.TB) {
	tb.Helper()
	said := 0
	for _, p := range s.processes() {
		log := p.stdout.String() + p.stderr.String()
		said += strings.Count(log, "level=DEBUG")
		for line := range strings.Lines(log) {
			if strings.Contains(line, secret) {
				tb.Errorf("%s logs a secret: %s", p.name, line)
			}
		}
	}
	if said == 0 {
		tb.Error("no process logs anything at debug level: there is nothing to look at")
	}
}

// TestSecrets_Asynq looks for secrets in what asynq, and so its dashboard, knows of tasks.
func TestSecrets_Asynq(t *testing.T) {
	t.Parallel()
	s := startLone(t, "--concurrency", "2")
	u := newUpstream(t)
	u.on("/later", retryAfter("30", http.StatusServiceUnavailable))
	u.on("/never", u.never)
	rdb := s.connect(t)
	var held map[string]string
	holds := func(states ...string) func() bool {
		return func() bool {
			held = contents(t, rdb, "asynq:*")
			return !slices.ContainsFunc(states, func(state string) bool { return held["asynq:{fetch-default}:"+state] == "" })
		}
	}
	// What there are free slots for is fetched with the run task: two items at most.
	quick := func() object { return secretSpec(u, "/ok") }
	s.create(t, object{"requests": []object{quick(), quick(), secretSpec(u, "/later")}}, "Idempotency-Key: "+secret)
	eventually(t, "a task is about to be retried", holds("retry"))
	requests := []object{quick()}
	for range 3 {
		never := secretSpec(u, "/never")
		never["timeout"] = "50s"
		requests = append(requests, never)
	}
	id := s.create(t, object{"requests": requests}).ID
	u.sees(t, "/never", 2)
	eventually(t, "tasks are pending and active too", holds("retry", "active", "pending"))
	for key, text := range held {
		if strings.Contains(key+text, secret) {
			t.Errorf("%s holds a secret: %s", key, text)
		}
	}
	if n := strings.Count(strings.Join(keysOf(held), "\n"), id); n != 3 {
		t.Errorf("%d tasks are of the aggregation, want one that runs it and one each of two items", n)
	}
	s.do(t, http.StatusOK, http.MethodPost, path(id, "/cancel"), nil)
	s.wantSilent(t)
}

func keysOf(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}
