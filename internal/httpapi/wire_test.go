package httpapi

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gather"
)

// dial opens a bare connection.
func (s *service) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// pipes is a listener whose connections are pipes within the process. They hold
// nothing back: what is written waits until it is read.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// bubble is a service whose time is the test's: it passes when all have nothing
// to do but wait.
type bubble struct {
	store  *fakeStore
	api    *API
	client *http.Client
	pipes  *pipes
	active atomic.Int32 // requests that are being answered
}

func inBubble(t *testing.T, test func(t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{store: newFakeStore(), pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
		b.api = New(Options{Store: b.store, Queue: &fakeQueue{}, Demo: true})
		server := &http.Server{ReadTimeout: time.Second, WriteTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.active.Add(1)
			defer b.active.Add(-1)
			b.api.ServeHTTP(w, r)
		})}
		go func() { _ = server.Serve(b.pipes) }()
		transport := &http.Transport{DialContext: b.pipes.dial, DisableCompression: true}
		b.client = &http.Client{Transport: transport}
		defer func() {
			b.api.Close()
			transport.CloseIdleConnections()
			_ = server.Close()
		}()
		test(t, b)
	})
}

func (b *bubble) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), method, "http://gather"+path, strings.NewReader(body))
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, content}
}

func TestWait_IsCutToTheLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		id := b.store.add(t, 1)
		for _, c := range []struct {
			method, path, body, prefer string
			lasts                      time.Duration
		}{
			{"POST", "", twoURLs, "wait=3600", time.Minute},
			{"POST", "", twoURLs, "wait=45", 45 * time.Second}, // longer than a body may take
			{"GET", "/" + id + "?wait=2h", "", "", time.Minute},
			{"GET", "/" + id + "?wait=1500ms", "", "", 1500 * time.Millisecond},
			{"GET", "/" + id, "", "wait=99999999999999999999", time.Minute},
		} {
			start := time.Now()
			a := b.do(t, c.method, "/v1/aggregations"+c.path, c.body, "Prefer", c.prefer)
			if elapsed := time.Since(start); elapsed != c.lasts {
				t.Errorf("%s %s, Prefer: %s: %v", c.method, c.path, c.prefer, elapsed)
			}
			want := 200
			if c.method == "POST" {
				want = 202
			}
			a.want(t, want)
			if timing, want := a.Header.Get("Server-Timing"), fmt.Sprintf("app;dur=0.000, wait;dur=%.3f", milliseconds(c.lasts)); timing != want {
				t.Errorf("%s, want %s", timing, want)
			}
		}
	})
}

func TestCreate_BodyThatDoesNotCome(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, headers := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
			conn, _ := b.pipes.dial(t.Context(), "", "")
			start := time.Now()
			_, _ = fmt.Fprintf(conn, "POST /v1/aggregations HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", headers)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusRequestTimeout || time.Since(start) != bodyTimeout || resp.Header.Get("Content-Type") != problemType {
				t.Errorf("%d after %v", resp.StatusCode, time.Since(start))
			}
			_ = resp.Body.Close()
			_ = conn.Close()
		}
	})
}

// TestAPI_BodyThatNobodyReads holds that a body that is announced and doesn't
// come costs a connection for 5 s, not for ever.
func TestAPI_BodyThatNobodyReads(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, items := range []int{1, 1000} {
			id := b.store.add(t, items)
			conn, _ := b.pipes.dial(t.Context(), "", "")
			start := time.Now()
			_, _ = fmt.Fprintf(conn, "POST /v1/aggregations/%s/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", id)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusOK || !resp.Close || json.Valid(body) != (err == nil) || time.Since(start) != passTimeout {
				t.Errorf("%d items: %d, %d bytes, %v, after %v", items, resp.StatusCode, len(body), err, time.Since(start))
			}
			_ = resp.Body.Close()
			_ = conn.Close()
		}
	})
}

// TestStream_ReaderThatDoesNotRead holds that such a client costs a connection
// for 10 s, not for ever.
func TestStream_ReaderThatDoesNotRead(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		id := b.store.addFinished(t, 1000)
		for _, path := range []string{"/events", "/results", "/results?follow=true", ""} {
			conn, _ := b.pipes.dial(t.Context(), "", "")
			_, _ = fmt.Fprintf(conn, "GET /v1/aggregations/%s%s HTTP/1.1\r\nHost: x\r\n\r\n", id, path)
			r := bufio.NewReader(conn)
			if _, err := r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			time.Sleep(writeTimeout + time.Second) // in the bubble: at once
			rest, err := io.ReadAll(r)
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || len(rest) > streamBuffer {
				t.Errorf("%s: got %d more bytes, %v", path, len(rest), err)
			}
			_ = conn.Close()
		}
	})
}

func TestStream_LastsLongerThanAnyTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		id := b.store.add(t, 1)
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gather/v1/aggregations/"+id+"/events", nil)
		e := readEvents(t, open(t, b.client, r))
		e.want("progress", "", "{")
		for range 10 {
			time.Sleep(15 * time.Minute)
			b.store.beats <- beat{}
			e.want("", "", "keep-alive")
		}
		b.store.record(id, gather.Result{Status: gather.ItemSucceeded})
		e.want("result", "1", "{")
		e.want("progress", "", "{")
		e.want("done", "", "{")
		e.want("", "", "")
	})
}

// lineAMinute is a store that takes its time over results.
type lineAMinute struct{ *fakeStore }

func (s lineAMinute) Read(ctx context.Context, id string) (*gather.Reading, error) {
	reading, err := s.fakeStore.Read(ctx, id)
	reading.Lines = func(context.Context) iter.Seq2[gather.StoredLine, error] {
		return func(yield func(gather.StoredLine, error) bool) {
			for i := range 4 {
				if !yield(gather.StoredLine(fmt.Sprintf(`{"index":%d}`, i)), nil) {
					return
				}
				time.Sleep(time.Minute)
			}
		}
	}
	return reading, err
}

func TestResults_SlowLinesAreFlushed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		id := b.store.addFinished(t, 1)
		b.api.store = lineAMinute{b.store}
		for _, encoding := range []string{"identity", "gzip"} {
			start := time.Now()
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gather/v1/aggregations/"+id+"/results", nil)
			r.Header.Set("Accept-Encoding", encoding)
			resp, err := b.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			var body io.Reader = resp.Body
			if encoding == "gzip" {
				if body, err = gzip.NewReader(resp.Body); err != nil {
					t.Fatal(err)
				}
			}
			lines := bufio.NewReader(body)
			for i := range 4 {
				got, err := lines.ReadString('\n')
				if err != nil || got != fmt.Sprintf("{\"index\":%d}\n", i) {
					t.Fatalf("%s: %q, %v", encoding, got, err)
				}
				// The first is held back to be sent with the second.
				if elapsed := time.Since(start); elapsed > time.Duration(max(i, 1))*time.Minute {
					t.Errorf("%s: line %d after %v", encoding, i, elapsed)
				}
			}
			if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
				t.Errorf("%s: %q, %v", encoding, rest, err)
			}
			_ = resp.Body.Close()
		}
	})
}

func TestDemo_Hello(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for path, want := range map[string]struct {
			body  string
			lasts time.Duration
		}{
			"/api/?task_id=7":              {`{"message":"Hello World","task_id":"7"}`, time.Second},
			"/api?task_id=x":               {`{"message":"Hello World","task_id":"x"}`, time.Second},
			"/api/":                        {`{"message":"Hello World"}`, time.Second},
			"/api/?delay_ms=0":             {`{"message":"Hello World"}`, 0},
			"/api/?delay_ms=60000":         {`{"message":"Hello World"}`, time.Minute},
			"/api/?task_id=1&delay_ms=250": {`{"message":"Hello World","task_id":"1"}`, 250 * time.Millisecond},
		} {
			start := time.Now()
			a := b.do(t, "GET", path, "").want(t, 200)
			if string(a.body) != want.body+"\n" || time.Since(start) != want.lasts {
				t.Errorf("%s: %s after %v", path, a.body, time.Since(start))
			}
		}
		for _, bad := range []string{"delay_ms=60001", "delay_ms=-1", "delay_ms=x"} {
			if p := b.do(t, "GET", "/api/?"+bad, "").problem(t, 422); p.Errors[0].Location != "query.delay_ms" {
				t.Errorf("%+v", p)
			}
		}
	})
}

func TestDemo_ClientThatHangsUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		conn, _ := b.pipes.dial(t.Context(), "", "")
		_, _ = fmt.Fprint(conn, "GET /api/?delay_ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		if b.active.Load() != 1 {
			t.Fatal("not begun")
		}
		_ = conn.Close()
		synctest.Wait()
		if b.active.Load() != 0 {
			t.Error("goes on for nobody")
		}
	})
}

func TestDemo_Elapsed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		go func() {
			<-b.store.entered
			time.Sleep(10*time.Second + 30100*time.Microsecond)
			for i := range 10 {
				b.store.record("agg_1", gather.Result{Index: i, Status: gather.ItemSucceeded, Body: []byte(`1`)})
			}
		}()
		a := b.do(t, "GET", "/api/aggregated_sync/", "").want(t, 200)
		if want := `{"message":"Hello Sync World!","aggregated_responses":[1,1,1,1,1,1,1,1,1,1],"debug_message":"fetch executed in 10.03 seconds.","elapsed":10.0301}` + "\n"; string(a.body) != want {
			t.Errorf("%s", a.body)
		}
	})
}

// TestStream_SlowReader holds that a client may be slow, if it reads at all.
func TestStream_SlowReader(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		id := b.store.add(t, 1)
		large := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		b.store.record(id, gather.Result{Status: gather.ItemSucceeded, HTTPStatus: 200, Body: large})
		for _, path := range []string{"/events", "/results", "/results?follow=true", ""} {
			conn, _ := b.pipes.dial(t.Context(), "", "")
			_, _ = fmt.Fprintf(conn, "GET /v1/aggregations/%s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", id, path)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, piece := 0, make([]byte, 32<<10)
			for err == nil {
				time.Sleep(writeTimeout - time.Second)
				var n int
				n, err = io.ReadFull(resp.Body, piece)
				got += n
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) || got < len(large) {
				t.Errorf("%s: %d bytes, %v", path, got, err)
			}
			_ = conn.Close()
		}
	})
}
