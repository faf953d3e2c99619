package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// sideServer serves what is for operators and their tools on a listener of its own.
type sideServer struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// newSideServer listens on the address of a flag, and serves at once. Without an address it
// returns nil, on which Close does nothing.
func newSideServer(ctx context.Context, flag, address string, h http.Handler, log *slog.Logger) (*sideServer, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s %s: %w", flag, address, err)
	}
	s := &sideServer{listener: listener, server: newServer(h, log), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serves no more", "flag", flag, "error", err)
		}
	}()
	return s, nil
}

// url is where it listens, "" where it does not.
func (s *sideServer) url() string {
	if s == nil {
		return ""
	}
	return "http://" + s.listener.Addr().String()
}

// Close ends it, and who is being answered.
func (s *sideServer) Close() {
	if s != nil {
		_ = s.server.Close()
		<-s.done
	}
}

// probeTimeout bounds what a probe waits for.
const probeTimeout = 2 * time.Second

// status serves the metrics of a worker, and what a container's probes ask.
func (w *Worker) status() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", w.telemetry.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { answerProbe(rw, "ok", w.server.Alive()) })
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) { answerProbe(rw, "ready", w.ready(r.Context())) })
	return mux
}

var (
	errStopping = errors.New("the worker stops, and takes no more tasks")
	errAway     = errors.New("no answer from Redis")
)

// ready tells whether the worker takes tasks, and can.
func (w *Worker) ready(ctx context.Context) error {
	if w.server.Stopping() {
		return errStopping
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := w.store.Census(ctx); err != nil {
		w.log.DebugContext(ctx, "not ready", "error", err)
		return errAway
	}
	return nil
}

// answerProbe answers 200 and the word for well, or 503 and what is wrong.
func answerProbe(w http.ResponseWriter, well string, err error) {
	status, body := http.StatusOK, map[string]string{"status": well}
	if err != nil {
		status, body = http.StatusServiceUnavailable, map[string]string{"status": "failing", "detail": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
