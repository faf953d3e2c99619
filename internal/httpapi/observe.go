package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// Observation is what an observer is told of a request.
type Observation struct {
	// Route is the route that has answered, "" where there is none; Method is "other" if it
	// is none of those that are known. So their number is bounded, whatever clients send.
	Route, Method string
	// Status is 0 where the client went away before it was answered.
	Status int
	// Elapsed is how long the answer took, without the time that the client wanted to be held.
	Elapsed time.Duration
}

var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// observe tells of a request that was answered.
func (a *API) observe(x *exchange) {
	method := x.request.Method
	if !slices.Contains(knownMethods, method) {
		method = "other"
	}
	a.opt.Observe(Observation{Route: x.route, Method: method, Status: x.status, Elapsed: time.Since(x.start) - x.waited})
}

// Held is how many clients this process holds, and how many it may.
type Held struct {
	Waiters, MaxWaiters int
	Streams, MaxStreams int
}

// Held tells how many clients are held now.
func (a *API) Held() Held {
	return Held{
		Waiters: a.waits.count(), MaxWaiters: a.waits.most,
		Streams: a.streams.count(), MaxStreams: a.streams.most,
	}
}

// serveMetrics has the metrics answer.
func (a *API) serveMetrics() {
	if a.opt.Metrics != nil {
		a.echo.GET(routeMetrics, echo.WrapHandler(a.opt.Metrics))
	}
}
