package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// upstreamCommand is the argument that makes the benchmark's binary an upstream.
const upstreamCommand = "upstream"

// listeners share the upstream's port: each has a backlog of its own, so that 10,000
// connections that come at once all find room. One that does not is tried again by
// the kernel after a second, and that second would be measured.
const listeners = 4

// upstream answers GET /api/?task_id=K&delay_ms=D after D ms, 1,000 if none is
// given. It must cost as little as possible, since all systems share the machine
// with it: a connection is one parked goroutine with a small buffer, and an answer
// that sleeps is a timer. It knows just enough HTTP for that: no bodies, no pipelining.
//
// GET /api/?task_id=K&hold=1 is answered when GET /release comes.
type upstream struct {
	mu      sync.Mutex
	release chan struct{} // closed, and made new, by each release
}

func newUpstream() *upstream { return &upstream{release: make(chan struct{})} }

func runUpstream(args []string) error {
	flags := flag.NewFlagSet(upstreamCommand, flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "address to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	raiseFileLimit()
	config := net.ListenConfig{Control: shareport}
	u := newUpstream()
	failed := make(chan error)
	for i := range listeners {
		listener, err := config.Listen(context.Background(), "tcp", *address)
		if err != nil {
			return err
		}
		*address = listener.Addr().String() // the others share the port that the first one got
		if i == listeners-1 {
			fmt.Println("listening on", *address)
		}
		go func() { failed <- u.serve(listener) }()
	}
	return <-failed
}

func shareport(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}

func (u *upstream) serve(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go u.converse(conn)
	}
}

// converse answers the requests of one connection until it ends.
func (u *upstream) converse(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 2<<10)
	var sleeping *time.Timer
	for {
		target, last, err := readRequest(in)
		if sleeping != nil {
			sleeping.Stop() // it has fired, unless the client is gone
		}
		if err != nil {
			return
		}
		answer, delay := u.answer(target)
		if delay <= 0 {
			if _, err := conn.Write(answer); err != nil || last {
				return
			}
			continue
		}
		sleeping = time.AfterFunc(delay, func() {
			if _, err := conn.Write(answer); err != nil || last {
				_ = conn.Close()
			}
		})
	}
}

// readRequest reads up to the end of the headers. It returns the request target,
// and whether the client wants no more than this on the connection.
func readRequest(in *bufio.Reader) (target string, last bool, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", false, err
	}
	method, rest, _ := bytes.Cut(line, []byte{' '})
	path, _, _ := bytes.Cut(rest, []byte{' '})
	if string(method) != "GET" {
		return "", false, fmt.Errorf("method %q is not known here", method)
	}
	target = string(path)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", false, io.ErrUnexpectedEOF
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return target, last, nil
		}
		last = last || strings.EqualFold(string(bytes.TrimSpace(line)), "connection: close")
	}
}

// answer returns the response to a request, and how long to sleep before it.
func (u *upstream) answer(target string) ([]byte, time.Duration) {
	where, err := url.ParseRequestURI(target)
	if err != nil {
		return response("400 Bad Request", `{}`), 0
	}
	query := where.Query()
	switch where.Path {
	case "/api/":
	case "/release":
		u.mu.Lock()
		defer u.mu.Unlock()
		close(u.release)
		u.release = make(chan struct{})
		return response("200 OK", `{}`), 0
	default:
		return response("404 Not Found", `{}`), 0
	}
	if query.Has("hold") {
		u.mu.Lock()
		held := u.release
		u.mu.Unlock()
		<-held
	}
	delay := time.Second
	if ms := query.Get("delay_ms"); ms != "" {
		n, err := strconv.Atoi(ms)
		if err != nil {
			return response("400 Bad Request", `{}`), 0
		}
		delay = time.Duration(n) * time.Millisecond
	}
	return response("200 OK", `{"message": "Hello World", "task_id": `+strconv.Quote(query.Get("task_id"))+`}`), delay
}

func response(status, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}
