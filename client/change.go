package client

import (
	"context"
	"errors"
	"net/http"

	"gather"
)

// Cancel ends the aggregation: requests in flight are aborted. It returns it with the
// results so far. One that has finished already is [gather.ErrFinished].
func (c *Client) Cancel(ctx context.Context, id string) (*gather.Aggregation, error) {
	agg := new(gather.Aggregation)
	again, err := c.do(ctx, call{what: "cancel aggregation " + id, method: http.MethodPost, path: pathTo(id, "cancel")}, agg)
	if again && errors.Is(err, gather.ErrFinished) { // perhaps by an attempt whose answer was lost
		if found, readErr := c.Get(ctx, id); readErr == nil && found.Status == gather.StatusCanceled {
			return found, nil
		}
	}
	return orNil(agg, err)
}

// Retry runs the failed and canceled items again, and keeps the others. It returns the
// aggregation as it stands, without results. One that still runs is [gather.ErrUnfinished].
// It is done once, however often it has to be sent.
func (c *Client) Retry(ctx context.Context, id string) (*gather.Aggregation, error) {
	r := retrying{client: c, id: id}
	_, err := c.brief("retry aggregation "+id).run(ctx, func() error { return r.attempt(ctx) })
	return orNil(r.agg, err)
}

// retrying is a Retry with all its attempts. When the aggregation finished tells whether
// one of them, whose answer was lost, has been followed: perhaps what it has run again
// has failed again by now.
type retrying struct {
	client *Client
	id     string
	agg    *gather.Aggregation // as it stands
	before *gather.Time        // when it had finished; nil is not known
	sent   bool                // an attempt since may have been followed
}

func (r *retrying) attempt(ctx context.Context) error {
	if r.before == nil || r.sent {
		if err := r.read(ctx); err != nil || r.followed() {
			return err
		}
	}
	r.agg = new(gather.Aggregation)
	err := r.client.once(ctx, call{method: http.MethodPost, path: pathTo(r.id, "retry")}, r.agg)
	if r.sent && errors.Is(err, gather.ErrUnfinished) { // so the attempt before came late
		return r.read(ctx)
	}
	var p *Problem
	r.sent = r.sent || r.before != nil && (!errors.As(err, &p) || p.Status != http.StatusTooManyRequests)
	return err
}

// read reads how the aggregation stands.
func (r *retrying) read(ctx context.Context) error {
	r.agg = new(gather.Aggregation)
	err := r.client.once(ctx, call{method: http.MethodGet, path: pathTo(r.id), query: withoutResults()}, r.agg)
	if err == nil && r.before == nil {
		r.before = r.agg.FinishedAt
	}
	return err
}

// followed tells that an attempt before has been followed.
func (r *retrying) followed() bool {
	return r.sent && (r.agg.FinishedAt == nil || !r.agg.FinishedAt.Equal(r.before.Time))
}

// Delete removes all that is stored of the aggregation, and cancels it if it still runs.
// One that is not there is [gather.ErrNotFound].
func (c *Client) Delete(ctx context.Context, id string) error {
	again, err := c.do(ctx, call{what: "delete aggregation " + id, method: http.MethodDelete, path: pathTo(id)}, nil)
	if again && errors.Is(err, gather.ErrNotFound) {
		return nil
	}
	return err
}
