// Package httpapi is the HTTP interface: it turns requests into calls of a
// [Store] and a [Queue], and what they say into answers. It is the only importer
// of Echo, which routes, and of huma, which reads parameters, holds bodies
// against their schema and writes the OpenAPI document.
//
// A request passes through three layers:
//
//	exchange   request id, Server-Timing, write deadlines, access log
//	gzhttp     gzip and zstd
//	Echo       routes; the guard (guard.go) lets in or not; huma reads
//
// and when those have returned, a handler of this package answers, through the
// first two: a client may be held for long, and what the third has on the stack and
// elsewhere would be held with it.
//
// Handlers return errors; [API.fail] writes them, from the one table in
// problem.go. Results are never held in memory: they go from the store's
// iterator to the connection, so an answer's size costs nothing here.
package httpapi

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"gather"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
)

// Store keeps aggregations. Its errors are those of package gather, wrapped or
// not; any other is an internal one.
type Store interface {
	// ExpectCreation says that a Create may follow once the body of its request is read; it returns at once.
	ExpectCreation(ctx context.Context)
	// Create stores a new aggregation, or returns the one made with the same
	// idempotency key and body before, with replayed set.
	Create(ctx context.Context, c *gather.Creation) (agg *gather.Aggregation, replayed bool, err error)
	// Get returns the aggregation without results.
	Get(ctx context.Context, id string) (*gather.Aggregation, error)
	// Read returns the aggregation with the results of the items finished so far.
	Read(ctx context.Context, id string) (*gather.Reading, error)
	// Wait is Read once the aggregation has finished, or after so long, or once ctx ends or over is closed.
	Wait(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error)
	// WaitCreated is Wait for who has just created the aggregation, with Creation.Waits, and knows of no end yet.
	WaitCreated(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error)
	// Follow yields at once the state and the completions after a position, then
	// whenever there is news, and an empty Progress where nothing came for 15 s. It
	// ends after the last completion of a finished aggregation, and with ctx.
	Follow(ctx context.Context, id string, after int) iter.Seq2[gather.Progress, error]
	// List returns a page of aggregations without results, the newest first.
	List(ctx context.Context, f gather.Filter, cursor string, limit int) (gather.Page, error)
	// Cancel ends an aggregation that has not finished.
	Cancel(ctx context.Context, id string) (*gather.Aggregation, error)
	// Retry puts the failed and canceled items of a finished aggregation back to work.
	Retry(ctx context.Context, id string) (*gather.Aggregation, error)
	// Delete removes all that is stored of an aggregation.
	Delete(ctx context.Context, id string) error
	// Pending returns what workers have begun of the aggregation and not finished.
	Pending(ctx context.Context, id string) (*gather.Pending, error)
	// Ready says whether work that is accepted now will be done.
	Ready(ctx context.Context) (gather.Readiness, error)
}

// Queue starts the work on an aggregation.
type Queue interface {
	// Run has a worker take up the aggregation. Doing it twice changes nothing.
	Run(ctx context.Context, agg *gather.Aggregation) error
	// Depth is how many tasks wait for a worker.
	Depth(ctx context.Context) (int, error)
}

// Options are what an [API] is made of.
type Options struct {
	Store Store
	Queue Queue
	// MaxRequests bounds the items of one aggregation; 0 means 10,000.
	MaxRequests int
	// MaxBody bounds the body of a create, in bytes; 0 means 8 MiB.
	MaxBody int64
	// MaxWait is what longer waits are cut to; 0 means 60 s.
	MaxWait time.Duration
	// Keys are the API keys; nil means that there are none, and everybody may do everything.
	Keys Keys
	// GuardMetrics has /metrics want a key, too.
	GuardMetrics bool
	// Rate limits the requests of each owner, which Limiter counts; nil means no limit.
	Rate    gather.Rate
	Limiter Limiter
	// MaxOpen is how many unfinished aggregations the store lets an owner have; 0 means
	// no limit. It stands in headers.
	MaxOpen int
	// MaxWaits and MaxStreams bound the clients held at the same time; 0 means 20,000 and 2,000.
	MaxWaits, MaxStreams int
	// Monitor serves /monitor and all below; nil means that there is none.
	Monitor http.Handler
	// MonitorOwners are the owners whose keys open the monitor; none means every key.
	MonitorOwners []string
	// Demo switches the demo endpoints on. DemoURL is the base URL under which
	// workers reach them; it is asked once a request, since the port may not be known before.
	Demo    bool
	DemoURL func() string
	// Metrics serves /metrics; nil means that there is none.
	Metrics http.Handler
	// Observe is told of each request when it was answered; nil means nobody is.
	Observe func(Observation)
	// Tracer follows requests; nil means that nobody does, which costs nothing.
	Tracer Tracer
	// Version stands in the OpenAPI document.
	Version string
	// Logger gets internal errors at error level and one line a request at debug level; nil means none.
	Logger *slog.Logger
}

// The defaults of Options.
const (
	defaultMaxBody    = 8 << 20
	defaultMaxWait    = 60 * time.Second
	defaultMaxWaits   = 20_000
	defaultMaxStreams = 2_000
)

func (o Options) filled() Options {
	if o.MaxRequests == 0 {
		o.MaxRequests = gather.DefaultMaxRequests
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.MaxWait == 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.MaxWaits == 0 {
		o.MaxWaits = defaultMaxWaits
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = defaultMaxStreams
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// API answers HTTP requests. The server that it is put into should bound the
// header's arrival and idle connections, and needs no other timeout: bodies and
// writes have deadlines here, and waits and streams may last.
type API struct {
	opt   Options
	store Store
	queue Queue
	log   *slog.Logger

	// crossOrigin keeps pages of others from acting through a browser that is let in.
	crossOrigin *http.CrossOriginProtection
	limitPolicy string
	waits       *places
	streams     *places

	echo *echo.Echo
	huma huma.API
	// routed finds the handler that answers and what it answers to; answered has it do so.
	routed, answered http.Handler
	// specSchema is what a create's body is held against.
	specSchema *huma.Schema

	// closing ends when the process is about to stop: waits answer, streams end.
	closing context.Context
	close   context.CancelFunc
}

// New builds the API; it serves nothing by itself.
func New(o Options) *API {
	o = o.filled()
	a := &API{
		opt: o, store: o.Store, queue: o.Queue, log: o.Logger,
		crossOrigin: http.NewCrossOriginProtection(), limitPolicy: o.limitPolicy(),
		waits: newPlaces("waiting clients", o.MaxWaits), streams: newPlaces("streams", o.MaxStreams),
	}
	a.closing, a.close = context.WithCancel(context.Background())
	a.echo = newEcho(a)
	a.huma = humaecho.New(a.echo, a.humaConfig())
	a.huma.UseMiddleware(ignoreAccept)
	a.addRoutes()
	a.serveMonitor()
	a.serveConsole()
	a.serveMetrics()
	a.describePages()
	a.serveDocument() // when all is in it
	a.routed, a.answered = compressed(headAsGet(a.echo)), compressed(http.HandlerFunc(a.answer))
	return a
}

// Close ends waits, which answer with what there is, and streams, so that a
// graceful stop of the server is not held up by them. It may be called twice.
func (a *API) Close() { a.close() }

// addRoutes is the table of all that is served beside the OpenAPI document.
func (a *API) addRoutes() {
	register(a, a.guarded(a.createOperation()), a.create)
	register(a, a.guarded(a.listOperation()), a.list)
	register(a, a.guarded(a.readOperation()), a.read)
	register(a, a.guarded(a.deleteOperation()), a.delete)
	register(a, a.guarded(a.resultsOperation()), a.results)
	register(a, a.guarded(a.eventsOperation()), a.events)
	register(a, a.guarded(a.pendingOperation()), a.pending)
	register(a, a.guarded(a.cancelOperation()), a.cancel)
	register(a, a.guarded(a.retryOperation()), a.retry)
	register(a, a.healthOperation(), a.health)
	register(a, a.readyOperation(), a.ready)
	if a.opt.Demo {
		a.addDemo()
	}
}
