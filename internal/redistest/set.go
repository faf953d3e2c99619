package redistest

import (
	"context"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Set is one Redis to its clients, made of one server or of several.
type Set struct {
	// URL leads to it, in the words of --redis-url, and stays the same over restarts.
	URL string
	// Servers are all that it is made of.
	Servers []*Server

	connect func() redis.UniversalClient
}

// Alone is a set of one.
func Alone(s *Server) *Set {
	return &Set{URL: s.URL, Servers: []*Server{s}, connect: func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Network: s.network, Addr: s.address})
	}}
}

// Connect returns a client for the length of the test.
func (s *Set) Connect(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	rdb := s.connect()
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// Addrs are the addresses of all servers.
func (s *Set) Addrs() []string { return addresses(s.Servers) }

// Kill ends all processes at once, as a power failure does. It may be called twice.
func (s *Set) Kill() {
	for _, server := range s.Servers {
		server.Kill()
	}
}

// Restart starts all servers again after Kill, with what they kept on disk.
func (s *Set) Restart() {
	s.Kill()
	for _, server := range s.Servers {
		server.tb.Helper()
		server.Restart()
	}
}

// Pause stops all processes without ending them.
func (s *Set) Pause() {
	for _, server := range s.Servers {
		server.Pause()
	}
}

// Resume lets paused processes go on.
func (s *Set) Resume() {
	for _, server := range s.Servers {
		server.Resume()
	}
}

// start starts all servers, or none.
func (s *Set) start() error {
	for _, server := range s.Servers {
		if err := server.start(); err != nil {
			s.Kill()
			return err
		}
	}
	return nil
}

// Settle waits until the replicas have all that was written before.
func (s *Set) Settle() {
	for _, server := range s.Servers {
		server.tb.Helper()
		written, _ := server.offsets()
		eventually(server.tb, "the replicas of "+server.URL+" have everything", func() bool {
			_, acknowledged := server.offsets()
			return acknowledged >= written
		})
	}
}

var offset = regexp.MustCompile(`(?m)^(master_repl_offset:|slave\d.*offset=)(\d+)`)

// offsets tell how much the server has written, and how much of it its replicas have; with no
// replica, all of it.
func (s *Server) offsets() (written, acknowledged int) {
	acknowledged = math.MaxInt
	for _, found := range offset.FindAllStringSubmatch(s.replication(), -1) {
		n, _ := strconv.Atoi(found[2])
		if strings.HasPrefix(found[1], "master") {
			written = n
		} else {
			acknowledged = min(acknowledged, n)
		}
	}
	return written, acknowledged
}

// Lose has the server fail with what it writes meanwhile, which none of its replicas gets.
func (s *Server) Lose(replicas []*Server, meanwhile func()) {
	s.tb.Helper()
	for _, replica := range replicas {
		replica.Pause()
	}
	// What is sent to a process that stands still waits for it.
	if err := s.ask(func(ctx context.Context, c *redis.Client) error {
		return c.ClientKillByFilter(ctx, "TYPE", "replica").Err()
	}); err != nil {
		s.tb.Fatal(err)
	}
	meanwhile()
	s.Kill()
	for _, replica := range replicas {
		replica.Resume()
	}
}

// at is the server that listens on the port.
func (s *Set) at(port string) *Server {
	for _, server := range s.Servers {
		if server.port() == port {
			return server
		}
	}
	return nil
}

func addresses(servers []*Server) []string {
	list := make([]string, len(servers))
	for i, server := range servers {
		list[i] = server.address
	}
	return list
}

// Addr is where the server listens, host:port or the path of a socket.
func (s *Server) Addr() string { return s.address }

// askTimeout bounds a question to a server.
const askTimeout = time.Second

// ask puts a question to the server on a connection of its own.
func (s *Server) ask(question func(context.Context, *redis.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	c := redis.NewClient(s.options())
	defer func() { _ = c.Close() }()
	return question(ctx, c)
}

func (s *Server) options() *redis.Options {
	return &redis.Options{Network: s.network, Addr: s.address, MaxRetries: -1, DialerRetries: 1}
}

// replicasOnline counts the replicas that keep up with the server.
func (s *Server) replicasOnline() int { return strings.Count(s.replication(), "state=online") }

// replication is what the server says of its replicas, or of its master; "" if it does not answer.
func (s *Server) replication() (info string) {
	if s.process == nil {
		return ""
	}
	_ = s.ask(func(ctx context.Context, c *redis.Client) (err error) {
		info, err = c.Info(ctx, "replication").Result()
		return err
	})
	return info
}

// eventually waits for what takes servers a while to agree on.
func eventually(tb testing.TB, what string, yes func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(startTimeout); !yes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("redistest: not within %v: %s", startTimeout, what)
		}
	}
}

// Knows reports whether the server, a master or a replica, has the key.
func (s *Server) Knows(key string) (known bool) {
	_ = s.ask(func(ctx context.Context, c *redis.Client) error {
		conn := c.Conn() // READONLY, for a replica in a cluster, is a property of the connection
		defer func() { _ = conn.Close() }()
		_ = conn.ReadOnly(ctx).Err()
		n, err := conn.Exists(ctx, key).Result()
		known = n > 0
		return err
	})
	return known
}
