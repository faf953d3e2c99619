package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// upstream is a server that aggregations fetch from. It answers 200 with its path
// as JSON where a test has not said otherwise, and remembers what it has seen.
type upstream struct {
	*httptest.Server
	closing chan struct{}

	mu       sync.Mutex
	handlers map[string]http.HandlerFunc
	seen     []*sighting
	inFlight int
	peak     int // most requests in flight at the same time
	gone     int // requests whose client went away before the answer
}

// sighting is one request as it arrived.
type sighting struct {
	arrived  time.Time
	answered time.Time // zero while it is in flight
	method   string
	path     string
	uri      string
	host     string
	header   http.Header
	body     []byte
}

func newUpstream(tb testing.TB) *upstream {
	u := &upstream{closing: make(chan struct{}), handlers: make(map[string]http.HandlerFunc)}
	u.Server = httptest.NewServer(u)
	tb.Cleanup(func() {
		close(u.closing)
		u.CloseClientConnections()
		u.Close()
	})
	return u
}

// on has requests for the path answered by h.
func (u *upstream) on(path string, h http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.handlers[path] = h
}

// ServeHTTP implements [http.Handler].
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &sighting{
		arrived: time.Now(), method: r.Method, path: r.URL.Path,
		uri: r.RequestURI, host: r.Host, header: r.Header.Clone(),
	}
	s.body, _ = io.ReadAll(r.Body)
	u.mu.Lock()
	u.seen = append(u.seen, s)
	u.inFlight++
	u.peak = max(u.peak, u.inFlight)
	h := u.handlers[r.URL.Path]
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.inFlight--
		s.answered = time.Now()
		if r.Context().Err() != nil {
			u.gone++
		}
	}()
	if h == nil {
		h = ok
	}
	h(w, r)
}

// urls are addresses of the upstream's paths.
func (u *upstream) urls(paths ...string) []string {
	list := make([]string, len(paths))
	for i, p := range paths {
		list[i] = u.URL + p
	}
	return list
}

// numbered are n addresses that differ: prefix0, prefix1, …
func (u *upstream) numbered(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%s%d", u.URL, prefix, i)
	}
	return list
}

// requests are copies of the sightings so far for one path, or for all with "".
func (u *upstream) requests(path string) []sighting {
	u.mu.Lock()
	defer u.mu.Unlock()
	var list []sighting
	for _, s := range u.seen {
		if path == "" || s.path == path {
			list = append(list, *s)
		}
	}
	return list
}

func (u *upstream) count(path string) int { return len(u.requests(path)) }

// counts are the number of requests by path.
func (u *upstream) counts() map[string]int {
	n := make(map[string]int)
	for _, s := range u.requests("") {
		n[s.path]++
	}
	return n
}

// load tells how many requests are in flight, were at most, and were given up by their clients.
func (u *upstream) load() (inFlight, peak, gone int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.inFlight, u.peak, u.gone
}

// sees waits until so many requests for the path have arrived.
func (u *upstream) sees(tb testing.TB, path string, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("the upstream sees %d requests for %q", n, path), func() bool { return u.count(path) >= n })
}

// answerWith writes a fixed answer.
func answerWith(status int, contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.Copy(w, bytes.NewReader(body))
	}
}

// ok answers with the path as JSON.
func ok(w http.ResponseWriter, r *http.Request) {
	answerWith(http.StatusOK, "application/json", fmt.Appendf(nil, `{"path":%q}`, r.URL.Path))(w, r)
}

// fails answers the status without a reason.
func fails(status int) http.HandlerFunc {
	return answerWith(status, "text/plain", []byte(http.StatusText(status)))
}

// first answers the first n requests with before, and then with after.
func first(n int, before, after http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := after
		if n > 0 {
			n, h = n-1, before
		}
		mu.Unlock()
		h(w, r)
	}
}

// slow answers after a while, unless its client goes away before.
func (u *upstream) slow(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			ok(w, r)
		case <-r.Context().Done():
		case <-u.closing:
		}
	}
}

// never answers.
func (u *upstream) never(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-u.closing:
	}
}

// gate holds requests for the path until open is called, and then answers them.
func (u *upstream) gate(path string) (open func()) {
	opened := make(chan struct{})
	u.on(path, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-opened:
			ok(w, r)
		case <-r.Context().Done():
		case <-u.closing:
		}
	})
	return sync.OnceFunc(func() { close(opened) })
}
