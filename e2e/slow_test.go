package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// dial opens a bare connection to the API.
func (c *client) dial(tb testing.TB) *net.TCPConn {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(c.base, "http://"), patience)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// trickle writes a line now and then until the connection is closed.
func trickle(conn net.Conn, line string) {
	for err := error(nil); err == nil; _, err = fmt.Fprint(conn, line) {
		time.Sleep(200 * time.Millisecond)
	}
}

func TestSlow_Header(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	conn := s.dial(t)
	began := time.Now()
	_, _ = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
	go trickle(conn, "X: x\r\n")
	_, _ = io.Copy(io.Discard, conn) // the end may be a reset
	if took := time.Since(began); took < 9*time.Second || took > 10*time.Second+patience/4 {
		t.Errorf("a client whose header trickles was dropped after %v, want 10 s", took)
	}
}

func TestSlow_Body(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes thirty seconds")
	}
	s := startGuarded(t, "--api-keys", strongKey)
	for name, c := range map[string]struct {
		key         string
		status      int
		least, most time.Duration
	}{
		"with a key":    {strongKey, http.StatusRequestTimeout, 29 * time.Second, 30*time.Second + patience/4},
		"without a key": {"wrong", http.StatusUnauthorized, 0, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			began := time.Now()
			_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n", aggregations, c.key)
			go trickle(conn, `{"urls":[],`)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if took := time.Since(began); resp.StatusCode != c.status || took < c.least || took > c.most {
				t.Errorf("answered %d after %v, want %d within %v to %v", resp.StatusCode, took, c.status, c.least, c.most)
			}
		})
	}
}

// TestSlow_Reader has a client open the one stream that there may be, and read nothing
// of it: another one gets its place when it is dropped.
func TestSlow_Reader(t *testing.T) {
	t.Parallel()
	s := startBare(t)
	s.addWorker(t)
	api := newClient(t, s.addAPI(t, "--redis-url", s.redis.URL, "--max-streams", "1").address(t))
	u := newUpstream(t)
	u.on("/large", answerWith(http.StatusOK, "text/plain", []byte(strings.Repeat("x", 1<<20))))
	urls := make([]string, 32) // more than the buffers of a connection hold
	for i := range urls {
		urls[i] = u.URL + "/large"
	}
	id := api.run(t, object{"urls": urls}).ID
	for _, below := range []string{"/events", "/results", "/results?follow=true"} {
		var conn *net.TCPConn
		eventually(t, below+" has the place that was free, once the one who has asked is gone", func() bool {
			conn = api.dial(t)
			_ = conn.SetReadBuffer(4096)
			_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path(id, below))
			head, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
			return err == nil && strings.Contains(head, "200")
		})
		began := time.Now()
		a := api.get(t, http.StatusServiceUnavailable, path(id, "/events"))
		if p := a.problem(t); p.Type != "urn:gather:problem:busy" {
			t.Errorf("%+v", p)
		}
		retryAfterOf(t, a)
		within(t, 10*time.Second+patience/4, below+" of a client that reads nothing ends", func() bool {
			a, err := api.try(http.MethodHead, path(id, "/events"), nil)
			return err == nil && a.status == http.StatusOK
		})
		t.Logf("%s: dropped within %v", below, time.Since(began))
		_ = conn.Close()
	}
}

// TestWaiters holds as many clients as it may in waits for one aggregation, and answers
// them all.
func TestWaiters(t *testing.T) {
	n := 10_000
	if raceEnabled {
		n = 2000 // the race detector knows no more than 8,128 goroutines
	}
	s := startBare(t)
	s.addWorker(t)
	flags := []string{"--redis-url", s.redis.URL, "--api-keys", strongKey, "--rate-limit", "1000000", "--max-open", "10", "--max-waits", fmt.Sprint(n), "--max-wait", "1h"}
	api := newClient(t, s.addAPI(t, flags...).address(t)).with(strongKey)
	u := newUpstream(t)
	open := u.gate("/held")
	id := api.create(t, object{"requests": []object{{"url": u.URL + "/held", "timeout": "50m"}}, "deadline": "1h"}).ID
	const tooMany = 10
	outcomes := make(chan string, n+tooMany)
	var clients sync.WaitGroup
	defer clients.Wait()
	for i := range n + tooMany {
		conn := api.dial(t)
		_ = conn.SetReadDeadline(time.Now().Add(3 * patience))
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", path(id, "?wait=1h"), api.headers[0]); err != nil {
			t.Fatal(err)
		}
		clients.Go(func() { outcomes <- outcomeOf(conn) })
		if i%50 == 49 { // a machine that is slower than this test must not fall behind without end
			api.get(t, http.StatusOK, path(id))
		}
	}
	// Once those are refused that are too many, all others are held.
	for range tooMany {
		if got := <-outcomes; got != "503 busy" {
			t.Errorf("too many clients, and yet %s", got)
		}
	}
	// A wish to be held is passed over where there is no place for it.
	api.do(t, http.StatusAccepted, http.MethodPost, aggregations, object{"urls": u.urls("/held")}, "Prefer: wait=30")
	began := time.Now()
	open()
	for range n {
		if got := <-outcomes; got != "200 succeeded" {
			t.Errorf("a client that waited was answered %s", got)
		}
	}
	t.Logf("%d waiters were answered within %v", n, time.Since(began))
}

// outcomeOf is what a client is answered, in short: the status code, and that of the
// aggregation or the problem's type.
func outcomeOf(conn net.Conn) string {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct{ Status, Type any }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return err.Error()
	}
	if kind, isProblem := body.Type.(string); isProblem {
		return fmt.Sprint(resp.StatusCode, " ", kind[strings.LastIndex(kind, ":")+1:])
	}
	return fmt.Sprint(resp.StatusCode, " ", body.Status)
}
