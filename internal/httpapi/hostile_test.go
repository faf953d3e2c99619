package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gather"
)

// hostileBound is how long any answer may take: nothing here is slow but the machine.
const hostileBound = 20 * time.Second

// bearer is a secret that every request of the fuzz targets carries.
const bearer = "s3cr3t-bearer"

// hostile is the whole of the API behind net/http's server, on a store that never
// fails, and connections within the process.
type hostile struct {
	store *steadyStore
	pipes *pipes
	leaks leakWriter
}

// steadyStore ends whatever waits after a moment: no follower is held for long.
type steadyStore struct{ *fakeStore }

func (s steadyStore) Follow(ctx context.Context, id string, after int) iter.Seq2[gather.Progress, error] {
	return func(yield func(gather.Progress, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		s.fakeStore.Follow(ctx, id, after)(yield)
	}
}

// leakWriter is a log that notes whether the secret comes by.
type leakWriter struct {
	mu     sync.Mutex
	leaked string
}

func (l *leakWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(p, []byte(bearer)) {
		l.leaked = string(p)
	}
	return len(p), nil
}

func newHostile(tb testing.TB) *hostile {
	tb.Helper()
	h := &hostile{pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
	h.store = &steadyStore{newFakeStore()}
	h.store.finishAtOnce = true
	logger := slog.New(slog.NewTextHandler(&h.leaks, &slog.HandlerOptions{Level: slog.LevelDebug}))
	api := New(Options{Store: h.store, Queue: &fakeQueue{}, MaxRequests: 100, MaxBody: 4 << 10, MaxWait: time.Millisecond, Logger: logger})
	server := &http.Server{Handler: api, ReadHeaderTimeout: hostileBound, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug)}
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(h.pipes) })
	running.Go(func() {
		for {
			select {
			case <-h.store.entered:
			case <-over:
				return
			}
		}
	})
	tb.Cleanup(func() {
		api.Close()
		_ = server.Close()
		close(over)
		running.Wait()
	})
	h.reset()
	return h
}

// reset leaves three aggregations: one that has finished, one with labels, one that runs.
func (h *hostile) reset() {
	h.store.set(func() {
		h.store.all, h.store.keys, h.store.order = map[string]*fakeAggregation{}, map[string]fakeKey{}, nil
	})
	for _, spec := range []gather.Spec{
		{URLs: []string{"http://a.test/", "http://b.test/"}},
		{URLs: []string{"http://a.test/"}, Name: "labeled", Labels: map[string]string{"team": "search", "a.b/c": ""}},
	} {
		_, _, _ = h.store.Create(context.Background(), &gather.Creation{Spec: &spec}) // it never fails
	}
	h.store.set(func() {
		h.store.all["agg_3"] = &fakeAggregation{
			Aggregation: gather.Aggregation{ID: "agg_3", Status: gather.StatusRunning, Counts: gather.Counts{Total: 1, Pending: 1}},
			items:       []gather.Request{{URL: "http://a.test/"}}, lines: map[int]gather.StoredLine{}, changed: make(chan struct{}),
		}
		h.store.order = append(h.store.order, "agg_3")
	})
}

// send puts a request on the wire as it is, but for the length of its body and the end
// of its connection: else both sides would wait for each other. It wants an answer that
// is none of ours if it is a 5xx, and that tells no secret.
func (h *hostile) send(t *testing.T, method, target, headers, body string) (status int, header http.Header, answer []byte) {
	t.Helper()
	var raw strings.Builder
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: gather.test\r\nConnection: close\r\nAuthorization: Bearer %s\r\n", method, target, bearer)
	for line := range strings.SplitSeq(headers, "\n") {
		name, _, named := strings.Cut(strings.ToLower(line), ":")
		if name = strings.TrimSpace(name); named && name != "content-length" && name != "transfer-encoding" && name != "connection" && name != "host" {
			raw.WriteString(strings.TrimSuffix(line, "\r") + "\r\n")
		}
	}
	fmt.Fprintf(&raw, "Content-Length: %d\r\n\r\n%s", len(body), body)
	conn, _ := h.pipes.dial(t.Context(), "", "")
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(hostileBound))
	go func() { _, _ = io.WriteString(conn, raw.String()) }() // what nobody reads is over with the connection
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q is not answered: %v", raw.String(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	ours := resp.Header.Get("X-Request-Id") != ""
	if err != nil || resp.StatusCode >= 500 && (ours || resp.StatusCode != http.StatusNotImplemented) {
		t.Fatalf("%q: %d %s %v", raw.String(), resp.StatusCode, answer, err)
	}
	if compressed := resp.Header.Get("Content-Encoding") != ""; ours && resp.StatusCode >= 400 && method != http.MethodHead && !compressed && !json.Valid(answer) {
		t.Errorf("%q: %d %q is no problem", raw.String(), resp.StatusCode, answer)
	}
	h.leaks.mu.Lock()
	defer h.leaks.mu.Unlock()
	if h.leaks.leaked != "" || bytes.Contains(answer, []byte(bearer)) || strings.Contains(fmt.Sprint(resp.Header), bearer) {
		t.Errorf("%q: the secret is in the answer %v %s, or the log %s", raw.String(), resp.Header, answer, h.leaks.leaked)
	}
	return resp.StatusCode, resp.Header, answer
}

// FuzzHandler finds requests that make the server fail, hang, or tell a secret.
func FuzzHandler(f *testing.F) {
	h := newHostile(f)
	f.Add("GET", "/v1/aggregations/agg_1?wait=1s", "Prefer: wait=10\nAccept-Encoding: gzip", "")
	f.Add("POST", "/v1/aggregations", "Content-Type: application/json\nIdempotency-Key: k", twoURLs)
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		if strings.ContainsAny(method+target, "\r\n") { // they would be another request
			t.Skip()
		}
		h.send(t, method, target, headers, body)
		h.reset()
	})
}

// FuzzIdempotencyKey finds keys that are refused without a fault, or that create twice.
func FuzzIdempotencyKey(f *testing.F) {
	h := newHostile(f)
	f.Add("k")
	f.Fuzz(func(t *testing.T, key string) {
		if strings.ContainsAny(key, "\r\n") {
			t.Skip()
		}
		defer h.reset()
		status, _, first := h.send(t, "POST", "/v1/aggregations", "Idempotency-Key: "+key, twoURLs)
		again, header, second := h.send(t, "POST", "/v1/aggregations", "Idempotency-Key: "+key, twoURLs)
		switch status {
		case http.StatusAccepted:
			if again != status || header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(first, second) {
				t.Errorf("%q: %s, and again %d %s", key, first, again, second)
			}
			if other, _, answer := h.send(t, "POST", "/v1/aggregations", "Idempotency-Key: "+key, `{"urls":["http://c.test/"]}`); other != http.StatusUnprocessableEntity {
				t.Errorf("%q with another body: %d %s", key, other, answer)
			}
		case http.StatusUnprocessableEntity:
			if n := len([]rune(strings.Trim(key, " \t"))); n > 0 && n <= 256 {
				t.Errorf("%q of %d characters is refused: %s", key, n, first)
			}
		case http.StatusBadRequest: // by net/http: not a header's value
		default:
			t.Errorf("%q: %d %s", key, status, first)
		}
	})
}

// FuzzList finds filters that are neither kept nor refused, and pages that don't lead on.
func FuzzList(f *testing.F) {
	h := newHostile(f)
	f.Add("team:search", "", "finished", "1", "")
	f.Fuzz(func(t *testing.T, label, other, status, limit, cursor string) {
		q := url.Values{"label": {label, other}, "status": {status}, "limit": {limit}, "cursor": {cursor}}
		for name, values := range q {
			if values[0] == "" {
				q.Del(name)
			}
		}
		code, header, answer := h.send(t, "GET", "/v1/aggregations?"+q.Encode(), "", "")
		if code == http.StatusUnprocessableEntity {
			return
		}
		var page struct {
			Items      []aggregationBody
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &page); code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s %v", q.Encode(), code, answer, err)
		}
		for key, want := range h.store.filter.Labels {
			if !strings.HasPrefix(label, key+":"+want) && !strings.HasPrefix(other, key+":"+want) {
				t.Errorf("filters by %q = %q, which is neither %q nor %q", key, want, label, other)
			}
		}
		next, _, _ := strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
		if (next == "") != (page.NextCursor == "") {
			t.Errorf("%s: Link %q, next_cursor %q", q.Encode(), next, page.NextCursor)
		}
		if next == "" {
			return
		}
		filter := h.store.filter
		if code, _, answer := h.send(t, "GET", next, "", ""); code != http.StatusOK || fmt.Sprint(filter) != fmt.Sprint(h.store.filter) {
			t.Errorf("%s leads to %s: %d %s, with the filter %+v, and %+v before", q.Encode(), next, code, answer, h.store.filter, filter)
		}
	})
}

// FuzzWait finds waits that are neither followed nor refused.
func FuzzWait(f *testing.F) {
	h := newHostile(f)
	f.Add("30s", "wait=5")
	f.Fuzz(func(t *testing.T, wait, prefer string) {
		if strings.ContainsAny(prefer, "\r\n") {
			t.Skip()
		}
		d, valid := waitParam(wait).parse()
		if valid && d < 0 {
			t.Errorf("%q is a wait of %v", wait, d)
		}
		for _, id := range []string{"agg_1", "agg_3"} {
			code, _, answer := h.send(t, "GET", "/v1/aggregations/"+id+"?wait="+url.QueryEscape(wait), "Prefer: "+prefer, "")
			if want := map[bool]int{true: http.StatusOK, false: http.StatusUnprocessableEntity}[valid]; code != want && code != http.StatusBadRequest {
				t.Errorf("wait=%q, Prefer: %q: %d %s, want %d", wait, prefer, code, answer, want)
			}
		}
	})
}

// FuzzLastEventID finds positions that are refused without a reason, or that events are
// lost or repeated after.
func FuzzLastEventID(f *testing.F) {
	h := newHostile(f)
	f.Add("1", "")
	f.Fuzz(func(t *testing.T, header, query string) {
		if strings.ContainsAny(header, "\r\n") {
			t.Skip()
		}
		target := "/v1/aggregations/agg_1/events"
		if query != "" {
			target += "?last_event_id=" + url.QueryEscape(query)
		}
		code, _, answer := h.send(t, "GET", target, "Last-Event-ID: "+header, "")
		given := strings.Trim(header, " \t")
		if given == "" {
			given = query
		}
		after, err := strconv.Atoi(given)
		number := given == "" || err == nil && after >= 0
		switch {
		case code == http.StatusOK && !number:
			t.Errorf("Last-Event-ID: %q, last_event_id=%q is followed: %s", header, query, answer)
		case code == http.StatusOK:
			if got, want := strings.Count(string(answer), "event: result\n"), max(0, 2-after); got != want || !strings.Contains(string(answer), "event: done\n") {
				t.Errorf("after %q come %d results, want %d: %s", given, got, want, answer)
			}
		case code != http.StatusUnprocessableEntity && code != http.StatusBadRequest:
			t.Errorf("Last-Event-ID: %q: %d %s", header, code, answer)
		}
	})
}

// FuzzDemoBodies finds stored results that crash who reads them.
func FuzzDemoBodies(f *testing.F) {
	f.Add(`{"index":0,"url":"http://a.test/","status":"succeeded","body":{"a":1}}`, `{"error":{"code":"canceled"}}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		reading := &gather.Reading{Aggregation: &gather.Aggregation{ID: "agg_1"}, Lines: func(context.Context) iter.Seq2[gather.StoredLine, error] {
			return func(yield func(gather.StoredLine, error) bool) {
				_ = yield(gather.StoredLine(first), nil) && yield(gather.StoredLine(second), nil)
			}
		}}
		bodies, err := demoBodies(t.Context(), reading, 2)
		if err == nil && len(bodies) != 2 {
			t.Errorf("%d bodies of %q and %q", len(bodies), first, second)
		}
		for _, body := range bodies {
			if body != nil && !json.Valid(body) {
				t.Errorf("%q is no JSON", body)
			}
		}
	})
}
