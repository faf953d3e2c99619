package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gather"
)

// event is one server-sent event as a client reads it; a comment has no name.
type event struct{ name, id, data string }

// events reads a stream event by event.
type events struct {
	t *testing.T
	r *opened
}

func readEvents(t *testing.T, o *opened) *events {
	t.Helper()
	if o.status != http.StatusOK || o.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", o.status, o.header)
	}
	return &events{t, o}
}

// next is the next event; a zero one at the clean end.
func (e *events) next() (ev event) {
	e.t.Helper()
	for {
		line, err := e.r.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return ev
		}
		if err != nil {
			e.t.Fatalf("%q: %v", line, err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return ev
		}
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "event":
			ev.name = value
		case "id":
			ev.id = value
		case "data":
			ev.data = value
		case "":
			ev.data = value // a comment
		default:
			e.t.Fatalf("unknown field: %q", line)
		}
	}
}

func (e *events) want(name, id, dataStart string) {
	e.t.Helper()
	if ev := e.next(); ev.name != name || ev.id != id || !strings.HasPrefix(ev.data, dataStart) {
		e.t.Fatalf("got %+v, want %s %s %s", ev, name, id, dataStart)
	}
}

func TestEvents(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 2)
	resp := s.open("/v1/aggregations/"+id+"/events", "Accept-Encoding", "gzip", "Accept", "text/event-stream")
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": ""} {
		if got := resp.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	e := readEvents(t, resp)
	e.want("progress", "", `{"total":2,"succeeded":0,"failed":0,"canceled":0,"pending":2}`)
	s.store.beats <- beat{}
	e.want("", "", "keep-alive")
	s.store.record(id, gather.Result{Index: 1, Status: gather.ItemFailed})
	e.want("result", "1", `{"index":1,`)
	e.want("progress", "", `{"total":2,"succeeded":0,"failed":1,"canceled":0,"pending":1}`)
	s.store.beats <- beat{withState: true}
	e.want("", "", "keep-alive")
	s.store.record(id, gather.Result{Index: 0, Status: gather.ItemSucceeded})
	e.want("result", "2", `{"index":0,`)
	e.want("progress", "", `{"total":2,"succeeded":1,`)
	e.want("done", "", `{"id":"agg_1","name":"","labels":{},"status":"partial",`)
	e.want("", "", "")
}

func TestEvents_Resume(t *testing.T) {
	s := serve(t)
	id := s.store.addFinished(t, 3)
	for _, c := range []struct {
		query, header string
		ids           []string
	}{
		{"", "", []string{"1", "2", "3"}}, {"", "1", []string{"2", "3"}}, {"?last_event_id=2", "", []string{"3"}},
		{"?last_event_id=1", "2", []string{"3"}}, {"?last_event_id=3", "0", []string{"1", "2", "3"}}, {"", "3", nil}, {"", "17", nil},
	} {
		headers := []string{"Last-Event-ID", c.header}
		if c.header == "" {
			headers = nil
		}
		e := readEvents(t, s.open("/v1/aggregations/"+id+"/events"+c.query, headers...))
		for _, id := range c.ids {
			e.want("result", id, "{")
		}
		e.want("progress", "", "{")
		e.want("done", "", "{")
		e.want("", "", "")
	}
}

func TestEvents_BadPosition(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 1)
	for _, bad := range []string{"x", "-1", "1.5", "99999999999999999999"} {
		p := s.get("/v1/aggregations/"+id+"/events", "Last-Event-ID", bad).problem(t, 422)
		if len(p.Errors) != 1 || p.Errors[0].Location != "header.Last-Event-ID" {
			t.Errorf("%q: %+v", bad, p)
		}
		p = s.get("/v1/aggregations/"+id+"/events?last_event_id="+bad).problem(t, 422)
		if len(p.Errors) != 1 || p.Errors[0].Location != "query.last_event_id" {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func TestEvents_ResumeAfterBreak(t *testing.T) {
	s := serve(t)
	const items = 200
	id := s.store.add(t, items)
	last, got := "0", []string{}
	for done := false; !done; {
		e := readEvents(t, s.open("/v1/aggregations/"+id+"/events", "Last-Event-ID", last))
		<-s.store.entered
		for range 10 {
			if n := len(s.store.all[id].completions); n < items {
				s.store.record(id, gather.Result{Index: n * 7 % items, Status: gather.ItemSucceeded})
			}
		}
		for results := 0; results < 7 && !done; {
			switch ev := e.next(); ev.name {
			case "result":
				last, got, results = ev.id, append(got, ev.id), results+1
			case "done":
				done = true
			case "":
				t.Fatal("ended without done")
			}
		}
	}
	for i, id := range got {
		if id != fmt.Sprint(i+1) {
			t.Fatalf("at %d: %v", i, got)
		}
	}
	if len(got) != items {
		t.Errorf("%d results", len(got))
	}
}

func TestEvents_DeletedMeanwhile(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 2)
	e := readEvents(t, s.open("/v1/aggregations/"+id+"/events"))
	e.want("progress", "", "{")
	changed := s.store.all[id].changed
	s.store.set(func() { delete(s.store.all, id); close(changed) })
	if _, err := e.r.ReadString('\n'); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a clean end: %v", err)
	}
}

func TestResults(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 3)
	for _, i := range []int{2, 0} {
		s.store.record(id, gather.Result{Index: i, Status: gather.ItemSucceeded})
	}
	a := s.get("/v1/aggregations/"+id+"/results", "Accept", "application/x-ndjson").want(t, 200)
	lines := strings.Split(string(a.body), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"index":0,`) || !strings.HasPrefix(lines[1], `{"index":2,`) || lines[2] != "" {
		t.Errorf("%s", a.body)
	}
	if a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%v", a.Header)
	}
	none := s.store.add(t, 1)
	if a := s.get("/v1/aggregations/"+none+"/results").want(t, 200); len(a.body) != 0 || a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%q %v", a.body, a.Header)
	}
}

func TestResults_Accept(t *testing.T) {
	s := serve(t)
	id := s.store.addFinished(t, 1)
	for accept, want := range map[string]string{
		"": ndjson, "*/*": ndjson, "application/*": ndjson, ndjson: ndjson, "application/ndjson": "application/ndjson", "text/html, */*;q=0.1": ndjson,
		"Application/X-NDJSON; charset=utf-8": ndjson, "application/ndjson;q=0.5, application/x-ndjson": ndjson,
		"application/json": "", "text/event-stream": "", "application/x-ndjson;q=0": "", "garbage;;": "", "application/x-ndjson;q=x": "", "a;b,c": "",
	} {
		r := s.request("GET", "/v1/aggregations/"+id+"/results", "")
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		status := 200
		if want == "" {
			status, want = 406, "application/problem+json"
		}
		if resp.StatusCode != status || resp.Header.Get("Content-Type") != want {
			t.Errorf("%q: %d %s", accept, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}

func TestResults_Follow(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 3)
	s.store.record(id, gather.Result{Index: 2, Status: gather.ItemSucceeded})
	r := s.open("/v1/aggregations/"+id+"/results?follow=true", "Accept-Encoding", "gzip")
	line := func(start string) {
		t.Helper()
		if got, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(got, start) {
			t.Fatalf("%q, %v; want %s", got, err, start)
		}
	}
	line(`{"index":2,`)
	s.store.beats <- beat{} // is nothing here
	for _, i := range []int{0, 1} {
		s.store.record(id, gather.Result{Index: i, Status: gather.ItemSucceeded})
		line(fmt.Sprintf(`{"index":%d,`, i))
	}
	line(`{"id":"agg_1",`)
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("%v after the summary", err)
	}
}

func TestClose(t *testing.T) {
	s := serve(t, func(o *Options) { o.Demo = true })
	id := s.store.add(t, 2)
	s.store.record(id, gather.Result{Index: 1, Status: gather.ItemSucceeded})
	read := s.later("GET", "/v1/aggregations/"+id+"?wait=60s", "")
	created := s.later("POST", "/v1/aggregations", twoURLs, "Prefer", "wait=60")
	demo := s.later("GET", "/api/aggregated/", "")
	hello := s.later("GET", "/api/?delay_ms=60000", "")
	e := readEvents(t, s.open("/v1/aggregations/"+id+"/events"))
	lines := s.open("/v1/aggregations/" + id + "/results?follow=true")
	var entered []string
	for range 5 {
		entered = append(entered, <-s.store.entered)
	}
	e.want("result", "1", "{")
	e.want("progress", "", "{")
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}

	s.api.Close()
	s.api.Close()
	if a := (<-read).want(t, 200); a.aggregation(t).Status != "running" || a.Header.Get("Retry-After") != "1" {
		t.Errorf("%s", a.body)
	}
	(<-created).want(t, 202)
	(<-demo).problem(t, 503)
	(<-hello).problem(t, 503)
	e.want("", "", "")
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
	slices.Sort(entered)
	if got := strings.Join(entered, ", "); got != "follow 0, follow 0, wait, wait, wait" {
		t.Errorf("%s", got)
	}
	s.get("/v1/aggregations/"+id+"?wait=60s").want(t, 200)
	if p := s.get("/readyz").problem(t, 503); p.Type != "urn:gather:problem:stopping" {
		t.Errorf("%+v", p)
	}
}

func TestTiming(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 1)
	started := int64(3)
	s.store.record(id, gather.Result{Status: gather.ItemSucceeded, Attempts: 2, StartedMS: &started, ElapsedMS: 9, LastAttemptMS: 4})
	const times = `"truncated":false,"started_ms":3,"last_attempt_ms":4}`
	for path, want := range map[string]bool{
		"":                                    false,
		"/results":                            false,
		"/results?follow=true":                false,
		"/events":                             false,
		"/results?timing=true":                true,
		"/results?timing=true&follow=true":    true,
		"/events?timing=true":                 true,
		"/events?timing=true&last_event_id=0": true,
	} {
		body := string(s.get("/v1/aggregations/"+id+path).want(t, 200).body)
		if got := strings.Contains(body, times); got != want || strings.Contains(body, "started_ms") != want {
			t.Errorf("%s has times: %v, want %v\n%s", path, got, want, body)
		}
	}
}
