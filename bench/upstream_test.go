package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func startTestUpstream(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- newUpstream().serve(listener) }()
	t.Cleanup(func() {
		_ = listener.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func testClient(t *testing.T) *http.Client {
	client := newHTTPClient(4)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestUpstream(t *testing.T) {
	address, client := startTestUpstream(t), testClient(t)
	t.Run("answers with the item's number, again and again on a connection", func(t *testing.T) {
		for i := range 3 {
			r, err := fetchReply(t.Context(), client, itemURL(address, i, 0))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.check(i); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("sleeps for as long as it is asked to", func(t *testing.T) {
		started := time.Now()
		if _, err := fetchReply(t.Context(), client, itemURL(address, 1, 50*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < 50*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
	t.Run("closes the connection when asked to", func(t *testing.T) {
		for _, delay := range []time.Duration{0, time.Millisecond} {
			var dialer net.Dialer
			conn, err := dialer.DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "GET "+itemURL("", 1, delay)[len("http://"):]+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.ReadAll(conn); err != nil {
				t.Errorf("after an answer that took %v: %v", delay, err)
			}
			_ = conn.Close()
		}
	})
	t.Run("refuses what it does not know", func(t *testing.T) {
		for _, path := range []string{"/nowhere", "/api/?delay_ms=soon"} {
			if _, err := fetch(t.Context(), client, "http://"+address+path); err == nil {
				t.Errorf("GET %s succeeds", path)
			}
		}
	})
}

func TestUpstream_Hold(t *testing.T) {
	address, client := startTestUpstream(t), testClient(t)
	answered := make(chan error, 1)
	go func() {
		_, err := fetchReply(t.Context(), client, itemURL(address, 0, 0)+"&hold=1")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("answered before the release: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	for {
		if _, err := fetch(t.Context(), client, "http://"+address+"/release"); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-answered:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(10 * time.Millisecond): // it had not come to hold yet
		}
	}
}
