package fetch

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"

	"gather"
)

// watched is what a client's guard let pass.
type watched struct {
	mu     sync.Mutex
	passed []string
}

// watch keeps a client from connecting to anything, but for the addresses given, and
// records what its guard lets pass.
func (c *Client) watch(open ...string) *watched {
	w := &watched{}
	check := c.guard.guarded.ControlContext
	c.guard.guarded.ControlContext = func(ctx context.Context, network, address string, conn syscall.RawConn) error {
		if err := check(ctx, network, address, conn); err != nil {
			return err
		}
		return w.pass(address)
	}
	c.guard.open.Control = func(_, address string, _ syscall.RawConn) error {
		if slices.Contains(open, address) {
			return nil
		}
		return w.pass(address)
	}
	return w
}

func (w *watched) pass(address string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed = append(w.passed, address)
	return syscall.ECONNREFUSED
}

// addresses are those that were about to be connected to since the last call.
func (w *watched) addresses() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	passed := w.passed
	w.passed = nil
	return passed
}

// serveRedirector starts a server, known as redirector.example, that redirects to
// wherever it is told.
func serveRedirector(t *testing.T) (to func(location string) string, port string) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	})
	port = portOf(t, srv.URL)
	return func(location string) string {
		return "http://redirector.example:" + port + "/?to=" + url.QueryEscape(location)
	}, port
}

// plain is a request for the URL as it is.
func plain(url string) *gather.Request {
	return &gather.Request{URL: url, Timeout: gather.After(ample)}
}
