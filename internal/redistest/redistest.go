// Package redistest starts real Redis servers for tests: each is a process of its
// own, on a socket or a port of its own, gone when the test ends. It never touches
// a server that it did not start.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a server may take to answer, on a busy machine too.
const startTimeout = 30 * time.Second

// Start starts a Redis server for the length of the test and returns its URL. It
// listens on a Unix socket and keeps nothing on disk, unless the configuration
// lines, in the words of redis.conf, say otherwise.
func Start(tb testing.TB, config ...string) string {
	tb.Helper()
	return Launch(tb, config...).URL
}

// Server is a running Redis server, for tests that break it.
type Server struct {
	// URL leads to the server, and stays the same over restarts.
	URL string

	tb      testing.TB
	dir     string
	network string
	address string
	stdin   string
	args    []string
	process *process // nil while it is killed
}

// Launch starts a server as Start does, and returns a handle to break it with.
func Launch(tb testing.TB, config ...string) *Server {
	tb.Helper()
	s := newServer(tb)
	s.network, s.address = "unix", filepath.Join(s.dir, "redis.sock")
	s.URL = "unix://" + s.address
	s.configure(config, "port 0", "unixsocket "+s.address)
	if err := s.start(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// LaunchTCP is Launch on a free port of 127.0.0.1, for what can't use a socket.
func LaunchTCP(tb testing.TB, config ...string) *Server {
	tb.Helper()
	var s *Server
	onFreePorts(tb, func() error {
		s = newServer(tb)
		s.listen(FreePort(tb))
		s.configure(config, s.listening()...)
		return s.start()
	})
	return s
}

// listen has the server listen on the port of 127.0.0.1.
func (s *Server) listen(port string) {
	s.network, s.address = "tcp", net.JoinHostPort("127.0.0.1", port)
	s.URL = "redis://" + s.address
}

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

func (s *Server) listening() []string { return []string{"bind 127.0.0.1", "port " + s.port()} }

func newServer(tb testing.TB) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Fatal("this test needs redis-server, 7.0 or newer: apt-get install redis-server")
	}
	// Not tb.TempDir: a socket's path has at most 107 bytes, and test names are long.
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, dir: dir}
	tb.Cleanup(func() {
		s.Kill()
		_ = os.RemoveAll(dir)
	})
	return s
}

// configure gives the server its lines of configuration; more of them come after the usual
// ones, so that they count.
func (s *Server) configure(more []string, usual ...string) {
	lines := append(usual, "dir "+s.dir, `save ""`, "appendonly no", "daemonize no", "loglevel notice",
		"repl-diskless-sync-delay 0")
	s.stdin, s.args = strings.Join(append(lines, more...), "\n")+"\n", []string{"-"}
}

// keepConfiguration has the server keep in a file what it changes of its configuration, over
// restarts, too.
func (s *Server) keepConfiguration(args ...string) {
	s.tb.Helper()
	path := filepath.Join(s.dir, "redis.conf")
	if err := os.WriteFile(path, []byte(s.stdin), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	s.stdin, s.args = "", append([]string{path}, args...)
}

// Kill ends the process at once, as a crash does. It may be called twice.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	s.process.kill()
	s.process = nil
}

// Restart starts the server again after Kill, with what its configuration kept on disk.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.tb.Fatal(err)
	}
}

// Pause stops the process without ending it: connections stay, and nothing answers.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatalf("redistest: %v to a server that is killed", signal)
	}
	if err := s.process.cmd.Process.Signal(signal); err != nil {
		s.tb.Fatal(err)
	}
}

var errAddressInUse = errors.New("address in use")

// start runs the process and waits until it answers.
func (s *Server) start() error {
	p, err := startProcess(s.stdin, s.args...)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(startTimeout)
	for !p.ready() || !s.answers() {
		select {
		case <-p.done:
			if strings.Contains(p.log.String(), "in use") {
				return errAddressInUse
			}
			return fmt.Errorf("redis-server ended at once:\n%s", p.log.String())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.kill()
			return fmt.Errorf("redis-server did not answer within %v:\n%s", startTimeout, p.log.String())
		}
	}
	s.process = p
	return nil
}

// answers reports whether a PING gets any answer of Redis, an error that asks for
// a password included.
func (s *Server) answers() bool {
	conn, err := s.dial()
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	return err == nil && !bytes.HasPrefix(answer[:n], []byte("-LOADING"))
}

func (s *Server) dial() (net.Conn, error) {
	dialer := net.Dialer{Timeout: time.Second}
	return dialer.DialContext(context.Background(), s.network, s.address)
}

// output keeps what the server says, for the message of a failed start.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
