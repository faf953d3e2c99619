package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gather/internal/redistest"
)

// proxy stands between a process and Redis. After the last command that it lets
// pass it forwards no byte in either direction, and takes no connection: Redis has
// done what it was told, and the process never learns of it.
type proxy struct {
	// URL is where the process finds it.
	URL string
	// cut is closed once the last command has been done.
	cut chan struct{}

	listeners []net.Listener
	counts    func(command []byte) bool

	mu    sync.Mutex
	count int // commands that counted
	last  int // number of the last one to pass, 0 for no end
	conns []net.Conn
	over  bool
}

// proxied is the address under which a process finds the proxy of a server that listens on
// direct. The ports are the same.
const (
	direct  = "127.0.0.1"
	proxied = "127.0.0.2"
)

// newProxy starts a proxy that cuts after the last command of those that count.
func newProxy(tb testing.TB, redis *redistest.Set, last int, counts func(command []byte) bool) *proxy {
	tb.Helper()
	p := &proxy{URL: strings.ReplaceAll(redis.URL, direct, proxied), cut: make(chan struct{}), counts: counts, last: last}
	var serving sync.WaitGroup
	for _, server := range redis.Servers {
		network, listenOn := "tcp", strings.Replace(server.Addr(), direct, proxied, 1)
		if strings.HasPrefix(server.Addr(), "/") {
			network, listenOn = "unix", "127.0.0.1:0"
		}
		listener, err := net.Listen("tcp", listenOn)
		if err != nil {
			tb.Fatal(err)
		}
		if network == "unix" {
			p.URL = "redis://" + listener.Addr().String()
		}
		p.listeners = append(p.listeners, listener)
		serving.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { p.serve(conn, network, server.Addr()) })
			}
		})
	}
	tb.Cleanup(func() {
		p.close()
		serving.Wait()
	})
	return p
}

func (p *proxy) isCut() bool {
	select {
	case <-p.cut:
		return true
	default:
		return false
	}
}

// counted is the number of commands that counted so far.
func (p *proxy) counted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// close ends every connection and refuses new ones.
func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for _, listener := range p.listeners {
		_ = listener.Close()
	}
	for _, conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *proxy) serve(client net.Conn, network, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	over := p.over
	p.mu.Unlock()
	if over {
		return
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		p.forwardAnswers(client, server)
	}()
	if p.forwardCommands(client, server) {
		_ = server.(interface{ CloseWrite() error }).CloseWrite()
		<-answered // Redis has done everything, and closed its side
		p.close()
		close(p.cut)
		return
	}
	_ = server.Close()
	<-answered
}

// forwardCommands reports whether the last command has passed here.
func (p *proxy) forwardCommands(client io.Reader, server io.Writer) (last bool) {
	commands := bufio.NewReader(client)
	for {
		command, err := readCommand(commands)
		if err != nil {
			return false
		}
		p.mu.Lock()
		if p.over {
			p.mu.Unlock()
			return false
		}
		if p.counts(command) {
			p.count++
			p.over = p.count == p.last
		}
		last = p.over
		_, err = server.Write(command)
		p.mu.Unlock()
		if last || err != nil {
			return last
		}
	}
}

// forwardAnswers also has the process find the proxy where Redis names its servers: then an
// address is a string for itself.
func (p *proxy) forwardAnswers(client io.Writer, server io.Reader) {
	answers, out := bufio.NewReaderSize(server, 64<<10), bufio.NewWriterSize(client, 64<<10)
	var before, line []byte
	for err := error(nil); err == nil || errors.Is(err, bufio.ErrBufferFull); {
		before = append(before[:0], line...)
		line, err = answers.ReadSlice('\n')
		if string(before) == "$9\r\n" && string(line) == direct+"\r\n" {
			line = []byte(proxied + "\r\n")
		}
		p.mu.Lock()
		over := p.over
		p.mu.Unlock()
		if over {
			continue
		}
		_, _ = out.Write(line)
		if answers.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// readCommand reads one command as it is on the wire: an array of bulk strings.
func readCommand(r *bufio.Reader) ([]byte, error) {
	var raw bytes.Buffer
	parts, err := readHeader(r, &raw, '*')
	for range parts {
		if err != nil {
			return nil, err
		}
		var size int64
		if size, err = readHeader(r, &raw, '$'); err == nil {
			_, err = io.CopyN(&raw, r, size+2)
		}
	}
	return raw.Bytes(), err
}

func readHeader(r *bufio.Reader, raw *bytes.Buffer, kind byte) (int64, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("%q where %q was expected", line, kind)
	}
	raw.WriteString(line)
	return strconv.ParseInt(strings.TrimSpace(line[1:]), 10, 64)
}
