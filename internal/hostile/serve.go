package hostile

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Serve accepts connections on 127.0.0.1 and hands each to handle. When the test
// ends all are closed, and handle must return then.
func Serve(tb testing.TB, handle func(net.Conn)) (addr string) {
	tb.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ServeOn(tb, listener, handle)
	return listener.Addr().String()
}

// ServeOn is Serve on a listener of the caller's.
func ServeOn(tb testing.TB, listener net.Listener, handle func(net.Conn)) {
	var (
		mu     sync.Mutex
		conns  []net.Conn
		closed bool
		all    sync.WaitGroup
	)
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if conns = append(conns, conn); closed {
				_ = conn.Close()
			}
			mu.Unlock()
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			})
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		closed = true
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// Hang blocks until the other side closes the connection.
func Hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// meeting starts a server that reads one request of each connection and meets it
// with what the test does to the connection.
func meeting(meet func(conn net.Conn)) func(testing.TB, *CA) string {
	return func(tb testing.TB, _ *CA) string {
		return "http://" + Serve(tb, func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				meet(conn)
			}
		})
	}
}

// answering starts a server that meets requests with these bytes and a close.
func answering(answer string) func(testing.TB, *CA) string {
	return meeting(func(conn net.Conn) { _, _ = io.WriteString(conn, answer) })
}

// flooding starts a server that meets requests with a beginning, and then with the
// same block over and over.
func flooding(beginning, block string) func(testing.TB, *CA) string {
	return meeting(func(conn net.Conn) {
		_, _ = io.WriteString(conn, beginning)
		flood(conn, []byte(block), 0)
		Hang(conn)
	})
}

// dripping is flooding with a pause after each block.
func dripping(beginning, block string) func(testing.TB, *CA) string {
	return meeting(func(conn net.Conn) {
		_, _ = io.WriteString(conn, beginning)
		flood(conn, []byte(block), 10*time.Millisecond)
	})
}

// flood writes the block until the other side has enough, mostSent bytes at most.
func flood(w io.Writer, block []byte, pause time.Duration) {
	for sent := 0; sent < mostSent; {
		n, err := w.Write(block)
		if err != nil {
			return
		}
		sent += n
		time.Sleep(pause)
	}
}
