// Package app turns options into running parts: the roles API and Worker, and the
// embedded mode, which is both and a Redis in one process. The binaries and the
// end-to-end tests share this wiring.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gather/internal/httpapi"
	"gather/internal/keyring"
	"gather/store"
	"gather/tasks"
)

// Bounds on what a client of the API may make it wait for.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// API serves the HTTP API until Stop.
type API struct {
	opts     *APIOptions
	listener net.Listener
	rdb      redis.UniversalClient
	outage   *outage
	store    *store.Store
	ring     *keyring.Ring // nil where there are no keys
	monitor  *tasks.Monitor

	telemetry *telemetry
	handler   *httpapi.API
	server    *http.Server
	stopOnce  sync.Once
	starting  sync.Mutex // guards stopped, and the worker's start
	stopped   bool

	// Only in embedded mode.
	redis  *miniredis.Miniredis
	worker *Worker
}

// NewAPI builds the API, and in embedded mode a Redis and a worker beside it. It
// listens, but serves only from Serve on.
func NewAPI(ctx context.Context, o APIOptions, log *slog.Logger) (*API, error) {
	t, err := newTelemetry(ctx, "gather-api", log)
	if err != nil {
		return nil, err
	}
	return newAPI(ctx, o, log, t)
}

func newAPI(ctx context.Context, o APIOptions, log *slog.Logger, t *telemetry) (_ *API, err error) {
	a := &API{opts: &o, telemetry: t}
	defer func() {
		if err != nil {
			a.Stop()
		}
	}()
	if a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("listen on --listen %s, or GATHER_LISTEN: %w", o.Listen, err)
	}
	keys, err := o.keys()
	if err == nil {
		err = o.exposed(a.Addr(), keys) // a name may lead anywhere
	}
	if err != nil {
		return nil, err
	}
	if keys.Len() > 0 {
		a.ring = keyring.New(keys)
	}
	embedded := o.Embedded()
	if embedded {
		if a.redis, o.RedisURL, err = startEmbeddedRedis(); err != nil {
			return nil, err
		}
	}
	connect, err := newConnector(o.RedisURL)
	if err != nil {
		return nil, err
	}
	a.rdb = connect.with(a.telemetry.redis)()
	if err = ping(ctx, a.rdb, o.RedisURL, log); err != nil {
		return nil, err
	}
	connect, a.outage = watchRedis(connect, log)
	a.rdb.AddHook(a.outage)
	if a.store, err = openStore(ctx, a.rdb, o.SecretKey); err != nil {
		return nil, err
	}
	a.store.Observe(a.telemetry.endings())
	warn(ctx, a.store, log)
	a.store.LimitOpen(o.MaxOpen)
	a.store.WaitReplicas(o.WaitReplicas)
	if err := a.store.AnnounceKey(ctx); err != nil { // it only helps to find a wrong key early
		log.WarnContext(ctx, "workers that start can't be told which key they need", "error", err)
	}
	a.monitor = tasks.NewMonitor(tasks.MonitorOptions{
		Path: "/monitor", Write: o.MonitorWrite, HideFetches: a.hidesFetches, NewClient: connect,
	})
	if embedded {
		worker := WorkerOptions{Common: o.Common, WorkerFlags: o.WorkerFlags}
		worker.AllowNet = append(worker.AllowNet, a.demoAddr())
		if a.worker, err = newWorker(ctx, &worker, log, a.telemetry); err != nil {
			return nil, err
		}
	}
	queue := tasks.NewQueue(a.rdb)
	if tracer := a.telemetry.taskTracer(); tracer != nil {
		queue.Trace(tracer)
	}
	options := httpapi.Options{
		Store:       a.store,
		Queue:       queue,
		MaxRequests: o.MaxRequests,
		MaxBody:     int64(o.MaxRequestBody),
		MaxWait:     o.MaxWait,
		Demo:        o.Demo || embedded,
		DemoURL:     a.demoURL,
		Version:     Version(),
		Monitor:     a.monitor,
		Metrics:     a.telemetry.metrics.Handler(),
		Observe:     a.telemetry.requests(),
		Tracer:      a.telemetry.requestTracer(),
		Logger:      a.outage.calmed(log),
	}
	a.guard(&options)
	a.handler = httpapi.New(options)
	a.telemetry.watchHeld(a.handler)
	a.telemetry.watchSystem(a.store, queue)
	a.server = newServer(a.handler, log)
	return a, nil
}

// newServer returns a server that bounds what a client may be slow at before its request
// is there, and after it. What is between, the handler bounds.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Addr is the address that the API listens on, host:port.
func (a *API) Addr() string { return a.listener.Addr().String() }

// demoAddr is the address under which a worker on this machine reaches the API.
func (a *API) demoAddr() string { return fromHere(a.Addr()) }

// fromHere is the address under which this machine reaches what listens on addr.
func fromHere(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (a *API) demoURL() string {
	if a.opts.DemoURL != "" {
		return a.opts.DemoURL
	}
	return "http://" + a.demoAddr()
}

// Serve serves until Stop. It returns an error only if it can't go on.
func (a *API) Serve() error {
	if err := a.startWorker(); err != nil {
		return err
	}
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", a.Addr(), err)
	}
	return nil
}

// startWorker starts the worker of the embedded mode, unless Stop was called before.
func (a *API) startWorker() error {
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.worker == nil || a.stopped {
		return nil
	}
	return a.worker.Start()
}

// Stop answers what waits with what there is, lets requests in flight end for the
// stop timeout, and closes everything. It may be called twice.
func (a *API) Stop() {
	a.stopOnce.Do(func() {
		a.starting.Lock()
		a.stopped = true
		a.starting.Unlock()
		if a.handler != nil {
			a.handler.Close()
		}
		if a.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), a.opts.StopTimeout)
			defer cancel()
			if err := a.server.Shutdown(ctx); err != nil {
				_ = a.server.Close()
			}
		}
		if a.listener != nil {
			_ = a.listener.Close() // it is open still where Serve was never called
		}
		if a.worker != nil {
			a.worker.Stop()
		}
		if a.monitor != nil {
			_ = a.monitor.Close()
		}
		a.outage.close()
		if a.store != nil {
			a.store.Close()
		}
		if a.rdb != nil {
			_ = a.rdb.Close()
		}
		if a.redis != nil {
			a.redis.Close()
		}
		a.telemetry.Close()
	})
}
