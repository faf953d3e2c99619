package httpapi

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/gzhttp"
	"github.com/labstack/echo/v4"
)

// handle answers a request whose parameters and body are read and valid. It
// writes to w only what can no longer be refused; what it returns is written by fail.
type handle[I any] func(ctx context.Context, w http.ResponseWriter, in *I) error

// register has huma read and judge what h answers to. The answer is given when huma
// and Echo are through with the request.
func register[I any](a *API, op huma.Operation, h handle[I]) {
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		exchangeOf(ctx).handler = func(w http.ResponseWriter) error { return h(ctx, w, in) }
		return answeredLater, nil
	})
}

// answeredLater has huma write nothing.
var answeredLater = &huma.StreamResponse{Body: func(huma.Context) {}}

// answer has the handler that the routing has found answer.
func (a *API) answer(w http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	if err := recovered(func() error { return x.handler(w) }); err != nil {
		a.fail(r.Context(), w, err)
	}
}

// noteBegin tells the exchange when an answer begins, which compression may hold back.
func noteBegin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&noting{w, exchangeOf(r.Context())}, r)
	})
}

type noting struct {
	http.ResponseWriter
	x *exchange
}

func (n *noting) WriteHeader(status int) {
	n.x.begun = true
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Write(p []byte) (int, error) {
	n.x.begun = true
	return n.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the layers below.
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func newEcho(a *API) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard) // all that is worth a line goes to slog
	e.HTTPErrorHandler = func(err error, c echo.Context) { a.fail(c.Request().Context(), c.Response(), err) }
	e.Use(noteRoute, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return recovered(func() error { return next(c) }) }
	}, a.guard)
	return e
}

// noteRoute tells the exchange which route answers.
func noteRoute(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		exchangeOf(c.Request().Context()).route = c.Path()
		return next(c)
	}
}

// plainContext hides Accept from huma, whose parser panics at some faulty
// values. All that huma writes is problem+json, whatever the client prefers.
type plainContext struct{ humaContext }

// humaContext frees the name Context for the method that it has.
type humaContext = huma.Context

func (c plainContext) Unwrap() huma.Context { return c.humaContext }

func (c plainContext) Header(name string) string {
	if name == "Accept" {
		return ""
	}
	return c.humaContext.Header(name)
}

func ignoreAccept(c huma.Context, next func(huma.Context)) { next(plainContext{c}) }

// headAsGet has HEAD answered as GET is; net/http leaves the body out.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.Clone(r.Context())
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// minCompressed is the size in bytes under which compressing gains nothing.
const minCompressed = 1024

func compressed(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.SuffixETag("-gzip"))
	if err != nil {
		panic(err) // only wrong options can cause it, and they are constants
	}
	return wrap(noteBegin(next))
}
