package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"gather"
)

const (
	// longWait is how long the server is asked to hold one answer: proxies often cut
	// what is silent for a minute.
	longWait = 30 * time.Second
	// shortWait is how often to ask a server that holds none.
	shortWait = time.Second
)

// ReadOption changes one [Client.Get] or [Client.Wait].
type ReadOption func(*reading)

type reading struct{ withoutResults bool }

// WithoutResults leaves the results out: [Client.Results] streams them, one in memory at a time.
func WithoutResults() ReadOption { return func(r *reading) { r.withoutResults = true } }

func readingOf(opts []ReadOption) (r reading) {
	for _, opt := range opts {
		opt(&r)
	}
	return r
}

// Get returns the aggregation as it stands, with the results of the items that have
// finished, in input order. One that is not there is [gather.ErrNotFound].
func (c *Client) Get(ctx context.Context, id string, opts ...ReadOption) (*gather.Aggregation, error) {
	request := call{what: "get aggregation " + id, method: http.MethodGet, path: pathTo(id)}
	if readingOf(opts).withoutResults {
		request.query = withoutResults()
	}
	agg := new(gather.Aggregation)
	_, err := c.do(ctx, request, agg)
	return orNil(agg, err)
}

func withoutResults() url.Values { return url.Values{"results": {"false"}} }

// Wait returns the aggregation once it has finished, with its results. It gives up when
// ctx ends, or the server is out of reach for longer than [WithMaxOutage] says; the
// aggregation goes on.
func (c *Client) Wait(ctx context.Context, id string, opts ...ReadOption) (*gather.Aggregation, error) {
	e := c.lasting("wait for aggregation " + id)
	waits := call{method: http.MethodGet, path: pathTo(id), wait: longWait, query: withoutResults()}
	waits.query.Set("wait", longWait.String())
	bare := readingOf(opts).withoutResults
	for request := waits; ; {
		began, agg := time.Now(), new(gather.Aggregation)
		if err := c.once(ctx, request, agg); err != nil {
			if err := e.failed(ctx, err); err != nil {
				return nil, err
			}
			continue
		}
		e.succeeded()
		switch finished := agg.Status.Finished(); {
		case finished && (bare || request.wait == 0):
			return agg, nil
		case finished: // the results, which a wait leaves out until they are all there
			request = call{method: http.MethodGet, path: pathTo(id)}
			continue
		}
		request = waits // again, if somebody has it retried meanwhile
		if pause(ctx, shortWait-time.Since(began)) != nil {
			return nil, e.ended(ctx, ctx.Err())
		}
	}
}

// pause waits for d, or until ctx ends, which is an error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
