package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// recording remembers every answer that passes through it.
type recording struct {
	http.RoundTripper
	mu      sync.Mutex
	answers []*recorded
}

type recorded struct {
	request string
	status  int
	header  http.Header
	body    *output
}

// record has all further answers to the client remembered.
func (c *client) record() *recording {
	r := &recording{RoundTripper: c.http.Transport}
	c.http.Transport = r
	return r
}

// RoundTrip implements [http.RoundTripper].
func (r *recording) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	a := &recorded{req.Method + " " + req.URL.Path, resp.StatusCode, resp.Header.Clone(), new(output)}
	r.mu.Lock()
	r.answers = append(r.answers, a)
	r.mu.Unlock()
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(resp.Body, a.body), resp.Body}
	return resp, nil
}

// urlOfResult is the one place where the contract has a request's URL shown, as sent.
var urlOfResult = regexp.MustCompile(`"url":"(?:[^"\\]|\\.)*"`)

// wantSilent wants no canary in any answer but in results' url.
func (r *recording) wantSilent(tb testing.TB, c *canaries) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	urls := 0
	for _, a := range r.answers {
		body := a.body.String()
		if a.status < 400 && strings.Contains(a.request, aggregations) {
			urls += len(urlOfResult.FindAllString(body, -1))
			body = urlOfResult.ReplaceAllString(body, "")
		}
		var header bytes.Buffer
		_ = a.header.Write(&header)
		if found := c.all(header.String() + body); found != nil {
			tb.Errorf("%s is answered %d with %q in\n%s\n%.4000s", a.request, a.status, found, header.String(), body)
		}
	}
	if urls == 0 {
		tb.Error("no answer has a result: there is nothing to look at")
	}
}

// monitor remembers every command that Redis is sent, over its restarts.
type monitor struct {
	lines output
}

// startMonitor returns once the monitor sees what comes.
func (s *system) startMonitor(tb testing.TB) *monitor {
	tb.Helper()
	m := &monitor{}
	options, err := redis.ParseURL(s.redis.URL)
	if err != nil {
		tb.Skip("a monitor sees one server, and here are several")
	}
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				m.watch(options.Network, options.Addr, over)
			}
		}
	})
	tb.Cleanup(func() {
		close(over)
		watching.Wait()
	})
	eventually(tb, "Redis says what it is sent", func() bool { return strings.Contains(m.lines.String(), "+OK") })
	return m
}

// watch reads until the connection ends, or over is closed.
func (m *monitor) watch(network, address string, over <-chan struct{}) {
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		time.Sleep(10 * time.Millisecond) // Redis is about to be restarted
		return
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-over:
		case <-ended:
		}
		_ = conn.Close()
	}()
	defer close(ended)
	if _, err := conn.Write([]byte("MONITOR\r\n")); err == nil {
		_, _ = bufio.NewReader(conn).WriteTo(&m.lines)
	}
}

// wantSilent wants no canary in what is sent to Redis but in a stored request; the URL's
// in results, too. Of a sealed one there is nothing but the URL.
func (m *monitor) wantSilent(tb testing.TB, c *canaries, sealed bool) {
	tb.Helper()
	stored, leaks := 0, 0
	for line := range strings.Lines(m.lines.String()) {
		found := c.all(line)
		switch {
		case strings.Contains(line, "asynq:"):
		case strings.Contains(line, `:requests"`) && !sealed: // scripts name all keys
			found = in(line, c.ofNobody())
			stored += len(in(line, c.ofURL()))
		case strings.Contains(line, `:requests"`), strings.Contains(line, `:results"`):
			found = in(line, c.ofNobody(), c.hidden())
			stored += len(in(line, c.ofURL()))
		}
		if leaks < 5 && found != nil {
			leaks++
			tb.Errorf("Redis is sent %q in %.1000s", found, line)
		}
	}
	if stored == 0 {
		tb.Error("no request was stored: there is nothing to look at")
	}
}

// wantRedisSilent wants no canary in what Redis holds but in stored requests and, of
// the URL, in results.
func (s *system) wantRedisSilent(tb testing.TB, c *canaries, sealed bool) {
	tb.Helper()
	for key, held := range contents(tb, s.connect(tb), "*") {
		found := c.all(key + held)
		switch {
		case strings.HasSuffix(key, ":requests") && !sealed:
			found = in(key+held, c.ofNobody())
		case strings.HasSuffix(key, ":requests"), strings.HasSuffix(key, ":results"):
			found = in(key+held, c.ofNobody(), c.hidden())
		}
		if found != nil {
			tb.Errorf("Redis holds %q under %s: %.2000q", found, key, held)
		}
	}
}

// wantDiskSilent wants nothing of sealed requests but their URL in what Redis has written.
func (s *system) wantDiskSilent(tb testing.TB, c *canaries) {
	tb.Helper()
	dir, err := s.connect(tb).ConfigGet(tb.Context(), "dir").Result()
	if err != nil {
		tb.Fatal(err)
	}
	written := 0
	err = filepath.WalkDir(dir["dir"], func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		written += len(in(string(content), c.ofURL()))
		if found := in(string(content), c.hidden(), c.ofNobody()); found != nil {
			tb.Errorf("Redis has written %q to %s", found, path)
		}
		return err
	})
	if err != nil || written == 0 {
		tb.Errorf("nothing is written: there is nothing to look at (%v)", err)
	}
}

// wantLogsSilent wants processes that say something, and no canary.
func (s *system) wantLogsSilent(tb testing.TB, c *canaries) {
	tb.Helper()
	for _, p := range s.processes() {
		log := p.stdout.String() + p.stderr.String()
		for line := range strings.Lines(log) {
			if found := c.all(line); found != nil {
				tb.Errorf("%s says %q: %s", p.name, found, line)
			}
		}
		if log == "" {
			tb.Errorf("%s says nothing: there is nothing to look at", p.name)
		}
	}
}
