package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// testBatch sends more items than go one by one.
func (w *watched) testBatch(t *testing.T) {
	requests := make([]object, 300)
	for i := range requests {
		requests[i] = w.request(w.u.URL+"/ok", nil)
	}
	w.finished(t, w.accept(t, object{"requests": requests}))
}

// testChanges has tasks be in every state that asynq knows while Redis is looked into.
func (w *watched) testChanges(t *testing.T) {
	rdb := w.connect(t)
	later := w.accept(t, object{"requests": []object{w.request(w.u.URL+"/later", nil)}})
	eventually(t, "a task is scheduled", func() bool { // while there are slots for it
		return strings.Contains(contents(t, rdb, "asynq:*")["asynq:{fetch-default}:scheduled"], later)
	})
	requests := make([]object, 600) // two workers hold 512 at once
	for i := range requests {
		requests[i] = w.request(w.u.URL+"/never", nil)
	}
	id := w.accept(t, object{"requests": requests})
	eventually(t, "others are pending and active", func() bool {
		held := contents(t, rdb, "asynq:*")
		return held["asynq:{fetch-default-bulk}:active"] != "" && held["asynq:{fetch-default-bulk}:pending"] != ""
	})
	w.wantRedisSilent(t, w.canaries, w.sealed)
	for text, state := range map[string]string{id: "bulk/active", later: "/scheduled"} {
		if shown := w.monitored(t); !strings.Contains(shown[state], text) {
			t.Errorf("the monitor does not show %s: %q", state, shown)
		}
	}
	w.do(t, http.StatusConflict, http.MethodPost, path(id, "/retry"), nil)
	for _, id := range []string{id, later} {
		w.do(t, http.StatusOK, http.MethodPost, path(id, "/cancel"), nil)
		w.finished(t, id)
	}
	w.u.on("/never", ok)
	w.do(t, http.StatusAccepted, http.MethodPost, path(id, "/retry"), nil)
	w.finished(t, id)
	w.u.on("/never", w.u.never)
	w.do(t, http.StatusNoContent, http.MethodDelete, path(later), nil)
}

// monitored has the monitor show all that it knows of tasks, by queue and state, such as
// "bulk/active" and "/retry". The answers are looked at in the end.
func (w *watched) monitored(t *testing.T) map[string]string {
	t.Helper()
	shown := make(map[string]string)
	for _, suffix := range []string{"", "-bulk"} {
		for _, state := range []string{"pending", "active", "scheduled", "retry", "archived", "completed"} {
			shown[strings.TrimPrefix(suffix, "-")+"/"+state] = w.opened(t, http.StatusOK, http.MethodGet, queueAPI+suffix+"/"+state+"_tasks?size=1000")
		}
	}
	for _, p := range []string{"/monitor", "/monitor/api/queues", "/monitor/api/servers", "/monitor/api/redis_info", queueAPI} {
		w.opened(t, http.StatusOK, http.MethodGet, p)
	}
	return shown
}

// testRefused puts canaries where nothing of the kind belongs.
func (w *watched) testRefused(t *testing.T) {
	const valid = `"urls":["http://127.0.0.1:9/"]`
	for body, status := range map[string]int{
		`{"urls":["CANARY"]}`: 422,
		`{"urls":["ftp://CANARY:CANARY@example.com/?CANARY=CANARY"]}`:                                                                     422,
		`{"urls":["http://u:CANARY@exa mple.com/%zz?CANARY"]}`:                                                                            422,
		`{` + valid + `,"unknown":"CANARY","name":{"a":"CANARY"}}`:                                                                        422,
		`{` + valid + `,"deadline":"CANARY","priority":"CANARY","retention":"CANAR"}`:                                                     422,
		`{` + valid + `,"concurrency":"CANARY","labels":{"a":["CANARY"]}}`:                                                                422,
		`{` + valid + `,"labels":"CANARY"}`:                                                                                               422,
		`{"requests":[{"url":"http://a/","headers":{"A":"CANARY\n"},"method":"CANARY x","timeout":"CANARY"}]}`:                            422,
		`{"requests":[{"url":"http://a/","headers":"CANARY","retry":"CANARY","expect_status":["CANARY"],"body":1,"body_text":"CANARY"}]}`: 422,
		`{"requests":[{"url":"http://a/","headers":{"A":["CANARY"]},"retry":{"max_attempts":"CANARY","min_backoff":"CANARY"}},"CANARY"]}`: 422,
		`{"requests":[{"url":"http://a/","headers":{"A":"CANARY","A":"CANARY","a":"CANARY","Content-Length":"CANARY"}}]}`:                 422,
		`{"requests":[{"url":"http://a/","key":"CANARY"},{"url":"http://a/","key":"CANARY"}]}`:                                            422,
		`{"requests":[{"url":"http://a/","body":{"a":CANARY}}]}`:                                                                          400,
		`{"urls":["http://a/"],"name":"x" CANARY`:                                                                                         400,
		`CANARY`: 400, `"CANARY"`: 422, `["CANARY"]`: 422, "{\"a\":\"CANARY\xff\"}": 400,
		`{"name":"CANARY` + strings.Repeat("x", 9<<20) + `"}`: 413,
	} {
		w.do(t, status, http.MethodPost, aggregations, strings.ReplaceAll(body, "CANARY", w.stray), "Idempotency-Key: "+w.idempotency)
	}
	good := object{"urls": []string{w.url(w.u.URL + "/ok")}}
	for header, status := range map[string]int{
		"Content-Type: text/" + w.stray:                   http.StatusUnsupportedMediaType,
		"Content-Encoding: " + w.stray:                    http.StatusUnsupportedMediaType,
		"Idempotency-Key: " + w.idempotency + "0":         http.StatusUnprocessableEntity, // with another body
		"Idempotency-Key: " + strings.Repeat(w.stray, 20): http.StatusUnprocessableEntity,
	} {
		w.do(t, status, http.MethodPost, aggregations, good, header)
	}
	id := path(w.ids[0])
	for _, p := range []string{
		aggregations + "?limit=CANARY", aggregations + "?status=CANARY", aggregations + "?label=CANARY", aggregations + "?cursor=CANARY",
		id + "?wait=CANARY", id + "?results=CANARY", id + "/results?follow=CANARY", id + "/events?last_event_id=CANARY",
	} {
		w.get(t, http.StatusUnprocessableEntity, strings.ReplaceAll(p, "CANARY", w.stray))
	}
	for _, p := range []string{"/CANARY", path("CANARY"), path("CANARY", "/events"), id + "/CANARY", "/CANARY?a=CANARY"} {
		w.get(t, http.StatusNotFound, strings.ReplaceAll(p, "CANARY", w.stray))
	}
	w.get(t, http.StatusUnauthorized, id, "Authorization: Bearer "+w.stray)
	w.do(t, http.StatusForbidden, http.MethodPost, aggregations, good, "Origin: http://"+w.stray+".test", "Sec-Fetch-Site: cross-site")
	w.get(t, http.StatusUnprocessableEntity, id+"/events", "Last-Event-ID: "+w.stray)
	w.get(t, http.StatusNotAcceptable, id+"/results", "Accept: text/"+w.stray)
	w.get(t, http.StatusOK, id, "Prefer: wait="+w.stray, "If-None-Match: "+w.stray, "traceparent: "+w.stray, "Cookie: "+w.stray)
	w.do(t, http.StatusMethodNotAllowed, http.MethodPut, id, w.stray)
}

// testBroken has stored requests be no requests, and keys be of a wrong type.
func (w *watched) testBroken(t *testing.T) {
	rdb := w.connect(t)
	key := func(id, name string) string { return "gather:{" + id + "}:" + name }
	t.Run("a request that is none", func(t *testing.T) {
		open := w.u.gate("/held")
		broken := w.request(w.u.URL+"/broken", nil)
		id := w.accept(t, object{"requests": []object{w.request(w.u.URL+"/held", nil), broken}, "concurrency": 1})
		w.u.sees(t, "/held", 1)
		lines := strings.SplitN(rdb.HGet(t.Context(), key(id, "requests"), "1").Val(), "\n", 4)
		lines[3] = `{"url":7,"headers":`
		if !w.sealed {
			lines[3] += w.header
		}
		if err := rdb.HSet(t.Context(), key(id, "requests"), "1", strings.Join(lines, "\n")).Err(); err != nil {
			t.Fatal(err)
		}
		open()
		if r := w.finished(t, id).Results[1]; r.code() != "proxy_internal_error" || r.URL != broken["url"] {
			t.Errorf("it ended as %+v with %+v", r, r.Error)
		}
	})
	t.Run("a key of a wrong type", func(t *testing.T) {
		w.u.on("/soon", retryAfter("2", http.StatusServiceUnavailable))
		id := w.accept(t, object{"requests": []object{w.request(w.u.URL+"/soon", nil)}})
		eventually(t, "it waits to be tried again", func() bool {
			return strings.Contains(contents(t, rdb, "asynq:{fetch-default}:scheduled")["asynq:{fetch-default}:scheduled"], id)
		})
		for _, name := range []string{"progress", "results"} {
			if err := rdb.Del(t.Context(), key(id, name)).Err(); err != nil {
				t.Fatal(err)
			}
			if err := rdb.Set(t.Context(), key(id, name), "no hash", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "a worker says so in the log, and to asynq", func() bool {
			return slices.ContainsFunc(w.workers, func(p *process) bool { return strings.Contains(p.stderr.String(), "WRONGTYPE") }) &&
				strings.Contains(fmt.Sprint(contents(t, rdb, "asynq:{fetch-default}:t:"+id+"*")), "WRONGTYPE")
		})
		w.wantRedisSilent(t, w.canaries, w.sealed)
		eventually(t, "the monitor shows it", func() bool { return strings.Contains(fmt.Sprint(w.monitored(t)), "WRONGTYPE") })
		w.get(t, http.StatusServiceUnavailable, path(id))
		w.do(t, http.StatusNoContent, http.MethodDelete, path(id), nil)
	})
}

// testCrash ends all workers at once, one of which is at the request, and has another
// take over. SIGQUIT makes them dump what they have on their stacks.
func (w *watched) testCrash(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGQUIT} {
		p := fmt.Sprint("/crash/", int(signal))
		w.u.on(p, first(1, w.u.never, ok))
		id := w.accept(t, object{"requests": []object{w.request(w.u.URL+p, object{"timeout": "1s", "method": "PUT"})}})
		w.u.sees(t, p, 1)
		for _, worker := range w.workers {
			if !worker.running() {
				continue
			}
			_ = worker.cmd.Process.Signal(signal)
			worker.exit(patience)
			if dumped := strings.Contains(worker.stderr.String(), "goroutine "); dumped != (signal == syscall.SIGQUIT) {
				t.Errorf("after %v a dump: %v", signal, dumped)
			}
		}
		w.worker()
		w.finished(t, id)
	}
}

// testOutage has Redis refuse to write, and be gone for a while.
func (w *watched) testOutage(t *testing.T) {
	rdb := w.connect(t)
	configure := func(value string) {
		if err := rdb.ConfigSet(t.Context(), "maxmemory", value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	spec := func(p string) object { return object{"requests": []object{w.request(w.u.URL+p, nil)}} }
	open := w.u.gate("/full")
	full := w.accept(t, spec("/full"))
	w.u.sees(t, "/full", 1)
	configure("1")
	w.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, spec("/ok"), "Idempotency-Key: "+w.idempotency+"full")
	open() // its result can't be written
	configure("0")
	w.finished(t, full)

	open = w.u.gate("/gone")
	gone := w.accept(t, spec("/gone"))
	w.u.sees(t, "/gone", 1)
	w.redis.Kill()
	open()
	w.do(t, http.StatusServiceUnavailable, http.MethodPost, aggregations, spec("/ok"), "Idempotency-Key: "+w.idempotency+"gone")
	w.get(t, http.StatusServiceUnavailable, path(gone))
	w.redis.Restart()
	w.finished(t, gone)
}
