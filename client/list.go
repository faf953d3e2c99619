package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"gather"
)

// pageSize is how many aggregations List asks for at once, the server's most.
const pageSize = 200

// List yields the aggregations that the filter lets pass, the newest first and without
// results. It asks for a page when the one before is used up, and ends with the list or
// with an error, which it yields.
func (c *Client) List(ctx context.Context, f gather.Filter) iter.Seq2[gather.Aggregation, error] {
	return func(yield func(gather.Aggregation, error) bool) {
		for cursor := ""; ; {
			page, err := c.Page(ctx, f, cursor, pageSize)
			if err != nil {
				yield(gather.Aggregation{}, err)
				return
			}
			for _, agg := range page.Items {
				if !yield(agg, nil) {
					return
				}
			}
			if cursor = page.Next; cursor == "" {
				return
			}
		}
	}
}

// Page returns up to limit aggregations, 1 to 200, from a cursor on: "" is the beginning,
// Next that of the next page. A cursor that no page has returned is [gather.ErrBadCursor].
func (c *Client) Page(ctx context.Context, f gather.Filter, cursor string, limit int) (*gather.Page, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if f.Status != "" {
		query.Set("status", string(f.Status))
	}
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		query.Add("label", key+":"+f.Labels[key])
	}
	var page struct {
		Items      []gather.Aggregation `json:"items"`
		NextCursor string               `json:"next_cursor"`
	}
	_, err := c.do(ctx, call{what: "list aggregations", method: http.MethodGet, path: pathTo("")[:2], query: query}, &page)
	if err == nil && page.Items == nil {
		err = fmt.Errorf("list aggregations: %w", foreign(errors.New("a list has items")))
	}
	if err != nil {
		return nil, err
	}
	return &gather.Page{Items: page.Items, Next: page.NextCursor}, nil
}
