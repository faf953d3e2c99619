package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gather"
)

func TestRead_AsItStands(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 3)
	s.store.record(id, gather.Result{Index: 2, Status: gather.ItemSucceeded})
	s.store.record(id, gather.Result{Index: 0, Status: gather.ItemFailed})
	a := s.get("/v1/aggregations/"+id).want(t, 200)
	agg := a.aggregation(t)
	if agg.Status != "running" || agg.Counts.Pending != 1 || len(agg.Results) != 2 || !strings.HasPrefix(string(agg.Results[0]), `{"index":0`) {
		t.Errorf("%s", a.body)
	}
	if a.Header.Get("Retry-After") != "1" || a.Header.Get("ETag") != "" || a.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%v", a.Header)
	}
}

func TestRead_Results(t *testing.T) {
	s := serve(t)
	none, done := s.store.add(t, 2), s.store.addFinished(t, 2)
	for _, c := range []struct {
		path    string
		present bool
		count   int
	}{
		{none, true, 0}, {none + "?results=true", true, 0}, {none + "?results=false", false, 0},
		{done, true, 2}, {done + "?results=false", false, 0}, {done + "?wait=1s&results=false", false, 0},
	} {
		a := s.get("/v1/aggregations/"+c.path).want(t, 200)
		if strings.Contains(string(a.body), `"results":[`) != c.present || len(a.aggregation(t).Results) != c.count {
			t.Errorf("%s: %s", c.path, a.body)
		}
	}
}

func TestRead_Waits(t *testing.T) {
	for name, c := range map[string]struct{ query, prefer, applied string }{
		"a duration":           {"?wait=30s", "", ""},
		"seconds":              {"?wait=30", "", ""},
		"a preference":         {"", "wait=30", "wait=30"},
		"a long preference":    {"", "wait=300", "wait=60"},
		"both: the query wins": {"?wait=30s", "wait=0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			id := s.store.add(t, 1)
			pending := s.later("GET", "/v1/aggregations/"+id+c.query, "", "Prefer", c.prefer)
			<-s.store.entered
			s.store.record(id, gather.Result{Status: gather.ItemSucceeded})
			a := (<-pending).want(t, 200)
			s.checkAnswer(a)
			if a.aggregation(t).Status != "succeeded" || a.Header.Get("Retry-After") != "" || a.Header.Get("Preference-Applied") != c.applied {
				t.Errorf("%v %s", a.Header, a.body)
			}
		})
	}
}

func TestRead_NoWait(t *testing.T) {
	s := serve(t)
	id := s.store.add(t, 1)
	for _, path := range []string{"?wait=0", "?wait=0s", "?wait=", ""} {
		s.get("/v1/aggregations/"+id+path).want(t, 200)
	}
	if len(s.store.entered) != 0 {
		t.Error("waited")
	}
}

func TestRead_BadParameters(t *testing.T) {
	s := serve(t)
	for _, c := range []struct{ path, location string }{
		{"?wait=soon", "query.wait"}, {"?wait=-1", "query.wait"}, {"?wait=-1s", "query.wait"}, {"?wait=1.5", "query.wait"}, {"?results=maybe", "query.results"},
	} {
		p := s.get("/v1/aggregations/x"+c.path).problem(t, 422)
		if len(p.Errors) != 1 || p.Errors[0].Location != c.location || !strings.HasPrefix(p.Errors[0].Message, "must be ") {
			t.Errorf("%s: %+v", c.path, p)
		}
	}
	if p := s.get("/v1/aggregations/x?wait=no&results=no").problem(t, 422); len(p.Errors) != 2 {
		t.Errorf("%+v", p)
	}
}

func TestRead_NotFound(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"", "?wait=10s", "?results=false"} {
		if p := s.get("/v1/aggregations/agg_9"+path).problem(t, 404); p.Type != "urn:gather:problem:not-found" {
			t.Errorf("%+v", p)
		}
	}
}

func TestRead_ETag(t *testing.T) {
	s := serve(t)
	id := s.store.addFinished(t, 40) // large enough to be compressed
	path := "/v1/aggregations/" + id
	tags := map[string]string{}
	for name, c := range map[string][2]string{"plain": {"", ""}, "gzip": {"", "gzip"}, "zstd": {"", "zstd, gzip"}, "summary": {"?results=false", ""}} {
		a := s.get(path+c[0], "Accept-Encoding", c[1]).want(t, 200)
		tag := a.Header.Get("ETag")
		if other, taken := tags[tag]; taken || !strings.HasPrefix(tag, `"agg_1.0.`) {
			t.Errorf("the tag of %s is %s, as of %s", name, tag, other)
		}
		tags[tag] = name
		again := s.get(path+c[0], "Accept-Encoding", c[1], "If-None-Match", tag).want(t, 304)
		if again.Header.Get("ETag") != tag || len(again.body) != 0 {
			t.Errorf("%s: 304 with %s", name, again.Header.Get("ETag"))
		}
	}
	tag := s.get(path).Header.Get("ETag")
	for condition, status := range map[string]int{
		`"other", W/` + tag: 304, "*": 304, `"other"`: 200, strings.Trim(tag, `"`): 200, strings.Replace(tag, ".results", ".summary", 1): 200, "": 200,
	} {
		if a := s.get(path, "If-None-Match", condition); a.StatusCode != status {
			t.Errorf("If-None-Match: %s: %d", condition, a.StatusCode)
		}
	}
	s.do("POST", path+"/retry", "").want(t, 202)
	if a := s.get(path, "If-None-Match", "*").want(t, 200); a.Header.Get("ETag") != "" {
		t.Error("an unfinished aggregation has a tag")
	}
	s.store.set(func() { s.store.all[id].finish(gather.StatusSucceeded) })
	if a := s.get(path, "If-None-Match", tag).want(t, 200); a.Header.Get("ETag") == tag {
		t.Error("the same tag after a retry")
	}
}

func TestRead_StoreFails(t *testing.T) {
	s := serve(t)
	id := s.store.addFinished(t, 2000)
	t.Run("before the first result", func(t *testing.T) {
		s.store.set(func() { s.store.breakAfter = 0 })
		for _, path := range []string{"", "/results"} {
			a := s.get("/v1/aggregations/" + id + path)
			a.problem(t, 500)
			if a.Header.Get("ETag") != "" || strings.Contains(string(a.body), "hunter2") {
				t.Errorf("%v %s", a.Header, a.body)
			}
		}
	})
	t.Run("in the middle", func(t *testing.T) {
		for _, after := range []int{1, 1000} {
			s.store.set(func() { s.store.breakAfter = after })
			for _, path := range []string{"", "/results", "/results?follow=true", "/events"} {
				for _, encoding := range []string{"identity", "gzip", "zstd"} {
					resp, err := s.client.Do(s.request("GET", "/v1/aggregations/"+id+path, "", "Accept-Encoding", encoding))
					if err != nil {
						continue // cut before the header left
					}
					body, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if err == nil {
						t.Errorf("%s, %s, after %d: looks whole: %d bytes", path, encoding, after, len(body))
					}
				}
			}
		}
	})
	if !strings.Contains(s.log.String(), "in mid-air") {
		t.Error("not logged")
	}
}

func TestRead_LargeResultsPassThrough(t *testing.T) {
	s := serve(t)
	id := s.store.addFinished(t, 5000)
	a := s.get("/v1/aggregations/"+id).want(t, 200)
	agg := a.aggregation(t)
	if len(agg.Results) != 5000 || !strings.HasPrefix(string(agg.Results[4999]), `{"index":4999,`) {
		t.Errorf("%d results", len(agg.Results))
	}
}

func TestRead_Head(t *testing.T) {
	s := serve(t)
	id := s.store.addFinished(t, 40)
	running := s.store.add(t, 1)
	for path, status := range map[string]int{
		"/healthz": 200, "/v1/aggregations": 200, "/v1/aggregations/" + id: 200, "/v1/aggregations/" + id + "?results=false": 200, "/v1/aggregations/agg_9": 404,
		"/v1/aggregations/" + id + "/results": 200, "/v1/aggregations/" + running + "/events": 200, "/v1/aggregations/" + running + "/results?follow=true": 200, "/openapi.json": 200,
	} {
		if a := s.do("HEAD", path, "").want(t, status); len(a.body) != 0 || a.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

func TestCompression(t *testing.T) {
	s := serve(t)
	large, small := s.store.addFinished(t, 40), s.store.addFinished(t, 1)
	for _, c := range []struct{ path, accepts, encoding string }{
		{large, "gzip", "gzip"}, {large, "zstd", "zstd"}, {large, "gzip, deflate, br, zstd", "zstd"}, {large, "gzip;q=1, zstd;q=0.5", "gzip"},
		{large, "", ""}, {large, "gzip;q=0", ""}, {large, "br", ""}, {small, "gzip", ""},
		{large + "/results", "zstd", "zstd"}, {large + "/events", "gzip", ""}, {large + "/results?follow=true", "gzip", ""},
	} {
		a := s.get("/v1/aggregations/"+c.path, "Accept-Encoding", c.accepts).want(t, 200)
		if got := a.Header.Get("Content-Encoding"); got != c.encoding {
			t.Errorf("%s for %q: %q, want %q", c.path, c.accepts, got, c.encoding)
		}
		if a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary: %q", a.Header.Get("Vary"))
		}
	}
}

func TestList(t *testing.T) {
	s := serve(t)
	for range 5 {
		s.store.addFinished(t, 1)
	}
	type list struct {
		Items []aggregationBody `json:"items"`
		Next  *string           `json:"next_cursor"`
	}
	path, seen := "/v1/aggregations?status=succeeded&limit=2&label=team:search&label=a:b:c&label=app.kubernetes.io/name:x,y", []string{}
	for page := 1; path != ""; page++ {
		a := s.get(path).want(t, 200)
		var l list
		a.decode(t, &l)
		for _, item := range l.Items {
			seen = append(seen, item.ID)
		}
		path = strings.TrimSuffix(strings.TrimPrefix(a.Header.Get("Link"), "<"), `>; rel="next"`)
		if l.Next == nil || (*l.Next == "") != (path == "") || strings.Contains(string(a.body), `"results"`) {
			t.Errorf("page %d: %s, Link: %s", page, a.body, path)
		}
		f := s.store.filter
		if f.Status != "succeeded" || len(f.Labels) != 3 || f.Labels["team"] != "search" || f.Labels["a"] != "b:c" || f.Labels["app.kubernetes.io/name"] != "x,y" || s.store.limit != 2 {
			t.Errorf("page %d: %+v, limit %d", page, f, s.store.limit)
		}
	}
	if got := strings.Join(seen, " "); got != "agg_5 agg_4 agg_3 agg_2 agg_1" {
		t.Errorf("%s", got)
	}
}

func TestList_Empty(t *testing.T) {
	s := serve(t)
	if a := s.get("/v1/aggregations").want(t, 200); string(a.body) != `{"items":[],"next_cursor":""}`+"\n" || a.Header.Get("Link") != "" {
		t.Errorf("%s", a.body)
	}
	if s.store.limit != 50 {
		t.Errorf("limit %d", s.store.limit)
	}
}

func TestList_BadParameters(t *testing.T) {
	s := serve(t)
	for _, c := range []struct{ query, location string }{
		{"limit=0", "query.limit"}, {"limit=201", "query.limit"}, {"limit=x", "query.limit"}, {"status=done", "query.status"},
		{"label=x", "query.label"}, {"label=:x", "query.label"}, {"label=&label=a:b", "query.label"}, {"label=a:1&label=a:2", "query.label"},
		{"cursor=garbage", "query.cursor"}, {"cursor=" + strings.Repeat("9", 513), "query.cursor"},
	} {
		if p := s.get("/v1/aggregations?"+c.query).problem(t, 422); len(p.Errors) != 1 || p.Errors[0].Location != c.location {
			t.Errorf("%s: %+v", c.query, p)
		}
	}
	if p := s.get("/v1/aggregations?limit=x&label=y&status=z").problem(t, 422); len(p.Errors) != 3 {
		t.Errorf("%+v", p)
	}
	s.get("/v1/aggregations?label=a:1&label=a:1&limit=200").want(t, 200)
}

func TestChange(t *testing.T) {
	s := serve(t)
	running := s.store.add(t, 2)
	s.store.record(running, gather.Result{Index: 1, Status: gather.ItemSucceeded})
	one := "/v1/aggregations/" + running
	s.do("POST", one+"/retry", "").problem(t, 409)
	if a := s.do("POST", one+"/cancel", "").want(t, 200); a.aggregation(t).Status != "canceled" || len(a.aggregation(t).Results) != 2 {
		t.Errorf("%s", a.body)
	}
	if p := s.do("POST", one+"/cancel", "").problem(t, 409); p.Type != "urn:gather:problem:finished" {
		t.Errorf("%+v", p)
	}
	a := s.do("POST", one+"/retry", "").want(t, 202)
	if agg := a.aggregation(t); agg.Status != "running" || a.Header.Get("Location") != one || a.Header.Get("Retry-After") != "1" || strings.Contains(string(a.body), "results") {
		t.Errorf("%v %s", a.Header, a.body)
	}
	if runs := s.queue.runs(); len(runs) != 1 || runs[0] != running {
		t.Errorf("ran %v", runs)
	}
	if p := s.do("POST", one+"/retry", "").problem(t, 409); p.Type != "urn:gather:problem:unfinished" {
		t.Errorf("%+v", p)
	}
	if a := s.do("DELETE", one, "").want(t, 204); len(a.body) != 0 {
		t.Errorf("%s", a.body)
	}
	for _, r := range [][2]string{{"DELETE", ""}, {"POST", "/cancel"}, {"POST", "/retry"}, {"GET", ""}, {"GET", "/results"}, {"GET", "/results?follow=true"}, {"GET", "/events"}, {"GET", "/pending"}} {
		s.do(r[0], one+r[1], "").problem(t, 404)
	}
}

func TestStoreUnavailable(t *testing.T) {
	s := serve(t)
	s.store.err = fmt.Errorf("dial: %w", gather.ErrUnavailable)
	for _, r := range [][2]string{
		{"GET", ""}, {"GET", "/x"}, {"GET", "/x?wait=1s"}, {"GET", "/x/results"}, {"GET", "/x/events"}, {"GET", "/x/pending"}, {"DELETE", "/x"}, {"POST", "/x/cancel"}, {"POST", "/x/retry"},
	} {
		a := s.do(r[0], "/v1/aggregations"+r[1], "")
		if p := a.problem(t, http.StatusServiceUnavailable); a.Header.Get("Retry-After") != "1" || p.Type != "urn:gather:problem:unavailable" {
			t.Errorf("%s %s: %v %+v", r[0], r[1], a.Header, p)
		}
	}
}
