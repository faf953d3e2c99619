package e2e

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

const ndjson = "Accept: application/x-ndjson"

func testLines(t *testing.T, s *system) {
	t.Run("in input order, of a finished aggregation", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/2", fails(http.StatusNotFound))
		agg := s.run(t, object{"urls": u.numbered("/", 5)})
		a := s.get(t, http.StatusOK, path(agg.ID, "/results"), ndjson)
		if got := a.header.Get("Content-Type"); got != "application/x-ndjson" {
			t.Errorf("Content-Type = %q", got)
		}
		lines := bytes.Split(bytes.TrimSuffix(a.body, []byte("\n")), []byte("\n"))
		if len(lines) != 5 || !bytes.HasSuffix(a.body, []byte("\n")) {
			t.Fatalf("%d lines, want 5, each with its end: %s", len(lines), a.body)
		}
		for i, line := range lines {
			if r := parseResult(t, line); r.Index != i || r.Status != agg.Results[i].Status {
				t.Errorf("line %d = %s", i, line)
			}
		}
	})
	t.Run("of a running aggregation, what is there", func(t *testing.T) {
		u := newUpstream(t)
		open := u.gate("/held")
		id := s.create(t, object{"urls": u.urls("/held", "/a")}).ID
		eventually(t, "the other item's line is there", func() bool {
			a := s.get(t, http.StatusOK, path(id, "/results"), ndjson)
			return len(a.body) > 0 && parseResult(t, a.body).Index == 1
		})
		open()
		s.finished(t, id)
	})
	t.Run("followed, in order of completion, as they come", func(t *testing.T) {
		u := newUpstream(t)
		open := make([]func(), 3)
		for i, p := range []string{"/0", "/1", "/2"} {
			open[i] = u.gate(p)
		}
		id := s.create(t, object{"urls": u.urls("/0", "/1", "/2")}).ID
		resp, err := s.open(http.MethodGet, path(id, "/results?follow=true"), nil, ndjson, "Accept-Encoding: gzip")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		lines := bufio.NewScanner(resp.Body)
		for _, i := range []int{2, 0, 1} {
			open[i]()
			if !lines.Scan() {
				t.Fatalf("the stream ended before the line of %d: %v", i, lines.Err())
			}
			if r := parseResult(t, lines.Bytes()); r.Index != i {
				t.Errorf("the line of %d came, and %d was let go", r.Index, i)
			}
		}
		if !lines.Scan() {
			t.Fatalf("the stream ended without the summary: %v", lines.Err())
		}
		agg := parseAggregation(t, lines.Bytes())
		if agg.ID != id || agg.Status != "succeeded" || agg.Results != nil {
			t.Errorf("the last line is %s", lines.Bytes())
		}
		if lines.Scan() {
			t.Errorf("after the summary came %s", lines.Bytes())
		}
	})
}

func parseResult(tb testing.TB, line []byte) *result {
	tb.Helper()
	r := new(result)
	mustDecodeStrictly(tb, line, r)
	return r
}
