package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"gather"
)

// Results yields the results of the items that have finished, in input order, with one of
// them in memory at a time. It does not wait for the others: use it after [Client.Wait],
// or [Client.Events] for results as they come. A connection that breaks is replaced, and
// nothing is lost or repeated; an error that ends it is yielded.
func (c *Client) Results(ctx context.Context, id string) iter.Seq2[gather.Result, error] {
	return func(yield func(gather.Result, error) bool) {
		e := c.lasting("read the results of aggregation " + id)
		next := 0
		for {
			stopped := false
			err := c.readResults(ctx, id, func(r gather.Result) bool {
				if r.Index < next { // came before the connection broke
					return true
				}
				e.succeeded()
				next, stopped = r.Index+1, !yield(r, nil)
				return !stopped
			})
			if err == nil || stopped {
				return
			}
			if err := e.failed(ctx, err); err != nil {
				yield(gather.Result{}, err)
				return
			}
		}
	}
}

// readResults hands the results of one connection to each, until that returns false.
func (c *Client) readResults(ctx context.Context, id string, each func(gather.Result) bool) error {
	resp, err := c.open(ctx, call{
		method: http.MethodGet, path: pathTo(id, "results"), header: http.Header{"Accept": {"application/x-ndjson"}},
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	found := lines(resp.Body)
	for found.Scan() {
		var r gather.Result
		if err := json.Unmarshal(found.Bytes(), &r); err != nil {
			return foreign(err)
		}
		if !each(r) {
			return nil
		}
	}
	return ended(found)
}
