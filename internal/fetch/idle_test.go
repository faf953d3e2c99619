package fetch

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// idleWire is a wire that idle keeps, and its other end. No goroutine stands behind it.
func idleWire(t *testing.T, idle *idleConns, hostPort string) (w *wire, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	near, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	far, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	w = newWire(&conn{Conn: near}, hostPort, idle)
	idle.put(w)
	return w, far
}

// wantClosed fails the test unless the other end of a connection is closed, or reset.
func wantClosed(t *testing.T, far net.Conn) {
	t.Helper()
	_ = far.SetReadDeadline(time.Now().Add(ample))
	if _, err := far.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v, want the end of the connection", err)
	}
}

// wantTaken takes as many connections to a host as it is given, and fails the test unless
// they are these.
func wantTaken(t *testing.T, idle *idleConns, hostPort string, wires ...*wire) {
	t.Helper()
	for _, want := range wires {
		if got := idle.take(hostPort); got != want {
			t.Errorf("took %p to %s, want %p", got, hostPort, want)
		}
	}
}

func TestIdleConns_take_lastOneFirst(t *testing.T) {
	idle := newIdleConns(10, 10, time.Hour)
	defer idle.close()
	first, _ := idleWire(t, idle, "a:80")
	other, _ := idleWire(t, idle, "b:80")
	last, _ := idleWire(t, idle, "a:80")
	wantTaken(t, idle, "a:80", last, first, nil)
	wantTaken(t, idle, "b:80", other)
}

func TestIdleConns_take_quietOnes(t *testing.T) {
	idle := newIdleConns(10, 10, time.Hour)
	defer idle.close()
	good, _ := idleWire(t, idle, "a:80")
	talking, far := idleWire(t, idle, "a:80")
	_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\n\r\n")
	talking.await()
	left, end := idleWire(t, idle, "a:80")
	_ = end.Close()
	left.await()
	wantTaken(t, idle, "a:80", good)
	wantClosed(t, far)
}

func TestIdleConns_put_withinLimits(t *testing.T) {
	idle := newIdleConns(2, 3, time.Hour)
	defer idle.close()
	_, farOldest := idleWire(t, idle, "a:80")
	second, _ := idleWire(t, idle, "a:80")
	_, farSurplus := idleWire(t, idle, "a:80")
	wantClosed(t, farSurplus) // a host has enough
	_, _ = idleWire(t, idle, "b:80")
	last, _ := idleWire(t, idle, "c:80")
	wantClosed(t, farOldest) // there are enough in all
	wantTaken(t, idle, "a:80", second, nil)
	wantTaken(t, idle, "c:80", last)
}

func TestIdleConns_put_roomOfTheSameHost(t *testing.T) {
	idle := newIdleConns(2, 1, time.Hour)
	defer idle.close()
	_, far := idleWire(t, idle, "a:80")
	last, _ := idleWire(t, idle, "a:80")
	wantClosed(t, far)
	wantTaken(t, idle, "a:80", last, nil)
}

// TestIdleConns_take_expired has a sweep come late, as after a machine has slept.
func TestIdleConns_take_expired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := newIdleConns(10, 10, sweepInterval/2)
		defer idle.close()
		_, far := idleWire(t, idle, "a:80")
		time.Sleep(sweepInterval / 2)
		wantTaken(t, idle, "a:80", nil) // its time is over
		wantClosed(t, far)
	})
}

func TestIdleConns_sweep_expired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := newIdleConns(10, 10, time.Minute)
		defer idle.close()
		first, farFirst := idleWire(t, idle, "a:80")
		time.Sleep(40 * time.Second)
		second, farSecond := idleWire(t, idle, "b:80")
		wantTaken(t, idle, "a:80", first)
		idle.put(first) // its time begins again
		time.Sleep(50 * time.Second)
		wantTaken(t, idle, "b:80", second)
		time.Sleep(10*time.Second + sweepInterval)
		wantClosed(t, farFirst)
		idle.put(second) // nothing was idle any more
		time.Sleep(time.Minute + sweepInterval)
		wantClosed(t, farSecond)
	})
}

func TestIdleConns_sweep_unquiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := newIdleConns(10, 10, time.Hour)
		defer idle.close()
		good, _ := idleWire(t, idle, "a:80")
		left, end := idleWire(t, idle, "b:80")
		_ = end.(*net.TCPConn).CloseWrite()
		left.await()
		used, answer := idleWire(t, idle, "c:80")
		idle.take("c:80")
		_, _ = io.WriteString(answer, "HTTP/1.1 200 OK\r\n\r\n")
		used.await()
		time.Sleep(sweepInterval + 1)
		wantClosed(t, end)
		if _, err := used.conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("the connection that a request uses is closed: %v", err)
		}
		wantTaken(t, idle, "a:80", good)
	})
}

func TestIdleConns_close(t *testing.T) {
	idle := newIdleConns(10, 10, time.Hour)
	_, far := idleWire(t, idle, "a:80")
	idle.close()
	wantClosed(t, far)
	_, late := idleWire(t, idle, "a:80")
	wantClosed(t, late)
}
