package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// fakeNode is the one server of a cluster, which answers GET as a test wants it to.
type fakeNode struct {
	listener net.Listener

	mu      sync.Mutex
	asked   map[string]int // how often each key was asked for
	answers map[string][]string
}

// The answers that are no replies.
const (
	hangUp = "hang up"
	silent = "silent"
)

// newFakeNode starts a node that answers GET of a key with the key's answers, one after the
// other, and then with +OK.
func newFakeNode(t *testing.T, answers map[string][]string) *fakeNode {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{listener: listener, asked: make(map[string]int), answers: answers}
	var serving sync.WaitGroup
	var conns []net.Conn
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.mu.Lock()
			conns = append(conns, conn)
			n.mu.Unlock()
			serving.Go(func() { n.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		n.mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		n.mu.Unlock()
		serving.Wait()
	})
	return n
}

func (n *fakeNode) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	commands := bufio.NewReader(conn)
	for {
		command, err := readCommand(commands)
		if err != nil {
			return
		}
		switch reply := n.reply(command); reply {
		case hangUp:
			return
		case silent:
		default:
			if _, err := io.WriteString(conn, reply+"\r\n"); err != nil {
				return
			}
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	parts, err := number()
	var command []string
	for range parts {
		var size int
		if size, err = number(); err != nil {
			return nil, err
		}
		part := make([]byte, size+2)
		if _, err = io.ReadFull(r, part); err != nil {
			return nil, err
		}
		command = append(command, string(part[:size]))
	}
	return command, err
}

func (n *fakeNode) reply(command []string) string {
	switch strings.ToLower(command[0]) {
	case "get":
		n.mu.Lock()
		defer n.mu.Unlock()
		key := command[1]
		n.asked[key]++
		if left := n.answers[key]; len(left) > 0 {
			n.answers[key] = left[1:]
			return left[0]
		}
		return "+OK"
	case "cluster":
		host, port, _ := net.SplitHostPort(n.listener.Addr().String())
		return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$4\r\nnode", len(host), host, port)
	case "command":
		return "*0"
	}
	return "-ERR unknown command"
}

func (n *fakeNode) count(key string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[key]
}

func (n *fakeNode) connect(t *testing.T, options string) redis.UniversalClient {
	t.Helper()
	return mustConnect(t, "redis-cluster://"+n.listener.Addr().String()+options)
}

func TestFailover_sendsOnce(t *testing.T) {
	for name, answer := range map[string]string{"a broken connection": hangUp, "a late reply": silent, "a refusal": "-OOM not allowed", "too few replicas": "-NOREPLICAS not enough"} {
		t.Run("what may have been done before "+name, func(t *testing.T) {
			t.Parallel()
			n := newFakeNode(t, map[string][]string{"one": {answer}, "two": {answer}, "three": {answer}})
			rdb := n.connect(t, "?read_timeout=200ms")
			if err := rdb.Get(t.Context(), "one").Err(); err == nil {
				t.Error("no error")
			}
			_, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				p.Get(t.Context(), "two")
				p.Get(t.Context(), "three")
				return nil
			})
			if err == nil {
				t.Error("no error in a pipeline")
			}
			time.Sleep(50 * time.Millisecond) // in which it would be sent again
			for _, key := range []string{"one", "two", "three"} {
				if got := n.count(key); got > 1 {
					t.Errorf("%s was sent %d times", key, got)
				}
			}
		})
	}
}

func TestFailover_sendsAgain(t *testing.T) {
	for _, answer := range []string{
		"-CLUSTERDOWN The cluster is down", "-LOADING Redis is loading", "-MASTERDOWN Link is down", "-TRYAGAIN Multiple keys",
		"-READONLY You can't write against a read only replica. script: f, on @user_script:1.",
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			away := []string{answer, answer, answer, answer, answer}
			n := newFakeNode(t, map[string][]string{"one": away, "three": away[:2]})
			rdb := n.connect(t, "")
			if got, err := rdb.Get(t.Context(), "one").Result(); err != nil || got != "OK" {
				t.Errorf("%q, %v", got, err)
			}
			cmds, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				p.Get(t.Context(), "two")
				p.Get(t.Context(), "three")
				return nil
			})
			if err != nil || cmds[0].Err() != nil || cmds[1].Err() != nil {
				t.Errorf("%v", err)
			}
			if n.count("two") != 1 || n.count("three") != 3 {
				t.Errorf("sent %d and %d times, want 1 and 3", n.count("two"), n.count("three"))
			}
		})
	}
}

func TestFailover_limit(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	away := make([]string, 1000)
	for i := range away {
		away[i] = "-CLUSTERDOWN The cluster is down"
	}
	n := newFakeNode(t, map[string][]string{"down": away, "silent": {silent, silent}})
	rdb := n.connect(t, "?read_timeout="+limit.String())
	for key, want := range map[string]func(error) bool{
		"down": func(err error) bool { // the limit may cut the last try off
			return redis.IsClusterDownError(err) || errors.Is(err, context.DeadlineExceeded)
		},
		"silent": func(err error) bool { var answer redis.Error; return err != nil && !errors.As(err, &answer) },
	} {
		for name, send := range map[string]func() error{
			"alone": func() error { return rdb.Get(t.Context(), key).Err() },
			"in a pipeline": func() error {
				_, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error { return p.Get(t.Context(), key).Err() })
				return err
			},
		} {
			began := time.Now()
			err := send()
			if took := time.Since(began); !want(err) || took < limit || took > 10*limit {
				t.Errorf("%s %s: %v after %v", key, name, err, took)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := rdb.Get(ctx, "down").Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("to a caller that gave up: %v", err)
	}
}
