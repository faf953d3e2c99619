package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes within the process, so that their
// time is the test's.
type pipes struct {
	conns chan net.Conn
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

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// untilClosed is how long the server lets the connection be.
func untilClosed(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	return time.Since(start)
}

// TestServer_SlowClients holds that a client costs a connection for so long and no longer,
// before its request is there and after it was answered.
func TestServer_SlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), slog.New(slog.DiscardHandler))
		served := make(chan error, 1)
		go func() { served <- server.Serve(p) }()

		silent := p.dial()
		if took := untilClosed(t, silent); took != readHeaderTimeout {
			t.Errorf("a client that sends nothing was dropped after %v, want %v", took, readHeaderTimeout)
		}
		trickling := p.dial()
		go func() { // a header a second, for ever
			_, err := fmt.Fprint(trickling, "GET / HTTP/1.1\r\n")
			for i := 0; err == nil; i++ {
				time.Sleep(time.Second)
				_, err = fmt.Fprintf(trickling, "X-%d: x\r\n", i)
			}
		}()
		if took := untilClosed(t, trickling); took != readHeaderTimeout {
			t.Errorf("a client whose header trickles was dropped after %v, want %v", took, readHeaderTimeout)
		}
		long := p.dial()
		go func() {
			_, _ = fmt.Fprintf(long, "GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 2*maxHeaderBytes))
		}()
		response, err := http.ReadResponse(bufio.NewReader(long), nil)
		if err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header that is too long: %+v, %v", response, err)
		}
		_ = long.Close()
		idle := p.dial()
		go func() { _, _ = fmt.Fprint(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
		if took := untilClosed(t, idle); took != idleTimeout {
			t.Errorf("a client that asks no more was dropped after %v, want %v", took, idleTimeout)
		}
		for _, conn := range []net.Conn{silent, trickling, idle} {
			_ = conn.Close()
		}
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		time.Sleep(time.Second) // net/http gives clients time to read what it said
	})
}
