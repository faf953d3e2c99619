package e2e

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// event is one server-sent event.
type event struct{ name, id, data string }

// stream reads events from a connection of its own.
type stream struct {
	tb    testing.TB
	resp  *http.Response
	lines *bufio.Scanner
}

// follow opens the aggregation's events, after the one with this id ("" = all).
func (c *client) follow(tb testing.TB, id, after string) *stream {
	tb.Helper()
	headers := []string{"Accept: text/event-stream", "Connection: close"}
	if after != "" {
		headers = append(headers, "Last-Event-ID: "+after)
	}
	resp, err := c.open(http.MethodGet, path(id, "/events"), nil, headers...)
	if err != nil {
		tb.Fatal(err)
	}
	s := &stream{tb, resp, bufio.NewScanner(resp.Body)}
	s.lines.Buffer(nil, 1<<20)
	tb.Cleanup(s.cut)
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(got, "text/event-stream") {
		tb.Fatalf("events: %d, Content-Type %q", resp.StatusCode, got)
	}
	return s
}

// cut ends the connection.
func (s *stream) cut() { _ = s.resp.Body.Close() }

// next reads one event; there is none once the stream has ended.
func (s *stream) next() (e event, more bool) {
	s.tb.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e != (event{}):
			return e, true
		case line == "" || strings.HasPrefix(line, ":"): // a comment
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data += value
		default:
			s.tb.Fatalf("a line %q among the events", line)
		}
	}
	return event{}, false
}

// results reads up to n result events, and to the end with -1. It also returns the
// last event's name.
func (s *stream) results(n int) (list []event, last string) {
	s.tb.Helper()
	for n < 0 || len(list) < n {
		e, more := s.next()
		if !more {
			return list, last
		}
		if last = e.name; e.name == "result" {
			list = append(list, e)
		}
	}
	return list, last
}

func testEvents(t *testing.T, s *system) {
	const n = 6
	t.Run("a finished aggregation's events can be cut and resumed at every position", func(t *testing.T) {
		u := newUpstream(t)
		id := s.run(t, object{"urls": u.numbered("/", n)}).ID
		all, last := s.follow(t, id, "").results(-1)
		wantAllResults(t, all, n)
		if last != "done" {
			t.Errorf("the last event is %q, want done", last)
		}
		for at := range n + 1 {
			cut := s.follow(t, id, "")
			before, _ := cut.results(at)
			cut.cut()
			after, last := s.follow(t, id, strconv.Itoa(at)).results(-1)
			wantSameEvents(t, append(before, after...), all)
			if last != "done" {
				t.Errorf("resumed after %d, the last event is %q, want done", at, last)
			}
		}
	})
	t.Run("a running aggregation's events can be cut after each", func(t *testing.T) {
		u := newUpstream(t)
		open := make([]func(), n)
		for i := range open {
			open[i] = u.gate("/" + strconv.Itoa(i))
		}
		id := s.create(t, object{"urls": u.numbered("/", n)}).ID
		var seen []event
		after := ""
		for i := range open {
			cut := s.follow(t, id, after)
			open[n-1-i]()
			got, _ := cut.results(1)
			cut.cut()
			if len(got) != 1 || parseResult(t, []byte(got[0].data)).Index != n-1-i {
				t.Fatalf("after item %d was let go came %v", n-1-i, got)
			}
			seen, after = append(seen, got...), got[0].id
		}
		rest, last := s.follow(t, id, after).results(-1)
		if len(rest) != 0 || last != "done" {
			t.Errorf("after the last result came %v, and at last %q", rest, last)
		}
		wantAllResults(t, seen, n)
	})
	t.Run("progress counts and done sums up", func(t *testing.T) {
		u := newUpstream(t)
		id := s.run(t, object{"urls": u.numbered("/", n)}).ID
		events := s.follow(t, id, "")
		var progress, done string
		for e, more := events.next(); more; e, more = events.next() {
			switch e.name {
			case "progress":
				progress = e.data
			case "done":
				done = e.data
			}
		}
		var c counts
		mustDecodeStrictly(t, []byte(progress), &c)
		if c != (counts{Total: n, Succeeded: n}) {
			t.Errorf("the last progress is %s", progress)
		}
		if agg := parseAggregation(t, []byte(done)); agg.ID != id || agg.Status != "succeeded" || agg.Results != nil {
			t.Errorf("done says %s", done)
		}
	})
	t.Run("a position that is none is refused", func(t *testing.T) {
		u := newUpstream(t)
		id := s.run(t, object{"urls": u.urls("/a")}).ID
		s.get(t, http.StatusUnprocessableEntity, path(id, "/events"), "Last-Event-ID: x")
	})
}

// wantAllResults wants each of n items once, and positions that count up from 1.
func wantAllResults(tb testing.TB, events []event, n int) {
	tb.Helper()
	seen := make(map[int]bool)
	for i, e := range events {
		seen[parseResult(tb, []byte(e.data)).Index] = true
		if e.id != strconv.Itoa(i+1) {
			tb.Errorf("result %d in order of completion has the id %q", i+1, e.id)
		}
	}
	if len(events) != n || len(seen) != n {
		tb.Errorf("%d results of %d items, want %d", len(events), len(seen), n)
	}
}

func wantSameEvents(tb testing.TB, got, want []event) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%d results, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			tb.Errorf("result %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// TestEvents_KeepAlive reads a stream on which nothing happens.
func TestEvents_KeepAlive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes fifteen seconds")
	}
	s := startLone(t)
	u := newUpstream(t)
	open := u.gate("/held")
	id := s.create(t, object{"requests": []object{{"url": u.URL + "/held", "timeout": "50s"}}}).ID
	u.sees(t, "/held", 1) // from here on there is no news
	events := s.follow(t, id, "")
	for events.lines.Scan() && !strings.HasPrefix(events.lines.Text(), ":") {
	}
	open()
	if list, last := events.results(-1); len(list) != 1 || last != "done" {
		t.Errorf("after the comment came %v and at last %q", list, last)
	}
}
