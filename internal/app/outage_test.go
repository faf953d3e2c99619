package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
)

// lines is a log that several goroutines write to.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

// untilSays waits until the log says so.
func (l *lines) untilSays(t *testing.T, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(l.String(), what); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q: %s", what, l)
		}
	}
}

// standIn is a Redis that answers PING, or not, whatever a test wants.
type standIn struct {
	mu  sync.Mutex
	err error
}

func (s *standIn) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *standIn) connect() redis.UniversalClient {
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	rdb.AddHook(s)
	return rdb
}

func (s *standIn) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *standIn) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err
	}
}

func (s *standIn) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return s.err }
}

var errGone = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

// TestOutage_told holds what the log tells of an outage, and how often.
func TestOutage_told(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		s := &standIn{err: errGone}
		_, o := watchRedis(s.connect, log.logger(slog.LevelInfo))
		defer o.close()
		for range 100 {
			o.note(errGone)
		}
		for range 100 {
			time.Sleep(time.Second)
			o.note(errGone)
		}
		s.set(nil)
		time.Sleep(time.Second)
		told := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(told) != 5 || !strings.Contains(told[0], `level=WARN msg="Redis is lost;`) || !strings.Contains(told[0], "connection refused") {
			t.Fatalf("%d lines: %s", len(told), &log)
		}
		for _, line := range told[1:4] {
			if !strings.Contains(line, `level=WARN msg="Redis is still lost" for=`) {
				t.Errorf("%s", line)
			}
		}
		if !strings.Contains(told[4], `level=INFO msg="Redis is back" after=1m40`) {
			t.Errorf("%s", told[4])
		}
		time.Sleep(afterglow)
		o.note(errGone) // while Redis answers others
		time.Sleep(time.Second)
		if got := strings.TrimPrefix(log.String(), strings.Join(told, "\n")); strings.Count(got, "\n") != 2 || !strings.Contains(got, "left a command without an answer") {
			t.Errorf("of one that failed alone: %q", got)
		}
		before := log.String()
		for range 20 {
			o.note(errGone)
			time.Sleep(time.Second)
		}
		if log.String() != before {
			t.Errorf("others that failed alone are told soon after: %s", &log)
		}
	})
}

// TestOutage_passesOver holds what is no outage.
func TestOutage_passesOver(t *testing.T) {
	for _, err := range []error{nil, redis.Nil, redis.ErrClosed, context.Canceled, fmt.Errorf("x: %w", context.Canceled), refusal("OOM command not allowed"), refusal("NOSCRIPT x")} {
		if unanswered(err) {
			t.Errorf("%v counts", err)
		}
	}
	for _, err := range []error{errGone, context.DeadlineExceeded, redis.ErrPoolTimeout, refusal("LOADING Redis is loading"), refusal("CLUSTERDOWN x")} {
		if !unanswered(err) {
			t.Errorf("%v does not count", err)
		}
	}
}

type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

// TestOutage_calmed holds what of the others' lines is kept back while Redis is lost.
func TestOutage_calmed(t *testing.T) {
	var log lines
	_, o := watchRedis(new(standIn).connect, log.logger(slog.LevelInfo))
	defer o.close()
	say := func() string {
		before := len(log.String())
		calm := o.calmed(log.logger(slog.LevelInfo)).With("a", 1).WithGroup("g")
		calm.Error("watchdog failed", "error", fmt.Errorf("tick: %w", gather.ErrUnavailable))
		calm.Warn("dequeue", "from", "asynq")
		calm.Error("a bug", "error", errors.New("index out of range"))
		calm.Info("worker stops")
		return log.String()[before:]
	}
	if got := say(); strings.Count(got, "\n") != 4 {
		t.Errorf("while Redis is there: %s", got)
	}
	o.lost.Store(true)
	if got := say(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "a bug") || !strings.Contains(got, "worker stops") {
		t.Errorf("while it is lost: %s", got)
	}
	o.calmed(log.logger(slog.LevelDebug)).Error("looked at closer", "from", "asynq")
	if !strings.Contains(log.String(), `level=DEBUG msg="looked at closer"`) {
		t.Errorf("who looks closer gets %s", &log)
	}
}

// TestOutage_system loses Redis and gets it back under an API and a worker in full swing.
func TestOutage_system(t *testing.T) {
	server := redistest.Launch(t)
	var ofAPI, ofWorker lines
	o := mustParse(t, "--redis-url", server.URL)
	api, err := NewAPI(t.Context(), o, ofAPI.logger(slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve() }()
	defer func() {
		api.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	worker, err := NewWorker(t.Context(), &WorkerOptions{Common: o.Common, WorkerFlags: o.WorkerFlags}, ofWorker.logger(slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Stop()
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	list := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+api.Addr()+"/v1/aggregations", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := list(); got != http.StatusOK {
		t.Fatalf("answered %d", got)
	}
	server.Kill()
	for range 20 {
		if got := list(); got != http.StatusServiceUnavailable {
			t.Errorf("without Redis answered %d", got)
		}
	}
	ofAPI.untilSays(t, "Redis is lost")
	ofWorker.untilSays(t, "Redis is lost")
	time.Sleep(2 * time.Second) // in which the worker asks for tasks, and its watchdog for aggregations
	server.Restart()
	ofAPI.untilSays(t, "Redis is back")
	ofWorker.untilSays(t, "Redis is back")
	for name, log := range map[string]*lines{"API": &ofAPI, "worker": &ofWorker} {
		if text := log.String(); strings.Count(text, "level=WARN")+strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "Redis is back") != 1 {
			t.Errorf("the log of the %s, which should tell once of each: %s", name, text)
		}
	}
	for deadline := time.Now().Add(patience); list() != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) { // go-redis dials once a second after many failures
			t.Fatal("it does not answer again")
		}
	}
}
