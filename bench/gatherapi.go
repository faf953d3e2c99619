package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// aggregation is what the benchmark reads of an answer of the API: its own words,
// so that it finds out when the product's change.
type aggregation struct {
	ID         string    `json:"id"`
	Status     string    `json:"status"`
	FinishedAt time.Time `json:"finished_at"`
	Counts     struct {
		Total     int `json:"total"`
		Succeeded int `json:"succeeded"`
	} `json:"counts"`
	Results []struct {
		Index      int    `json:"index"`
		Status     string `json:"status"`
		HTTPStatus int    `json:"http_status"`
		Body       reply  `json:"body"`
	} `json:"results"`
}

// finished reports whether nothing more will happen to it.
func (a *aggregation) finished() bool { return a.Status != "queued" && a.Status != "running" }

// check makes sure that the aggregation holds the right answer to each of n items.
func (a *aggregation) check(n int) error {
	if a.Status != "succeeded" || a.Counts.Total != n || a.Counts.Succeeded != n || len(a.Results) != n {
		return fmt.Errorf("aggregation %s of %d is %s with %d results, counts %+v", a.ID, n, a.Status, len(a.Results), a.Counts)
	}
	for i := range a.Results {
		r := &a.Results[i]
		if r.Index != i || r.Status != "succeeded" || r.HTTPStatus != http.StatusOK {
			return fmt.Errorf("aggregation %s: result %d is %+v", a.ID, i, *r)
		}
		if err := r.Body.check(i); err != nil {
			return fmt.Errorf("aggregation %s: %w", a.ID, err)
		}
	}
	return nil
}

// spec is the body of a create.
type spec struct {
	URLs     []string  `json:"urls,omitempty"`
	Requests []request `json:"requests,omitempty"`
}

type request struct {
	URL     string `json:"url"`
	Timeout string `json:"timeout"`
}

// create posts an aggregation and returns the answer, whatever stands in it.
func (g *gatherSystem) create(ctx context.Context, urls []string, prefer string) (*aggregation, error) {
	return g.post(ctx, spec{URLs: urls}, prefer)
}

func (g *gatherSystem) post(ctx context.Context, s spec, prefer string) (*aggregation, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base+"/v1/aggregations", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", prefer)
	var agg aggregation
	return &agg, g.call(req, &agg)
}

// get returns where the aggregation stands, without results.
func (g *gatherSystem) get(ctx context.Context, id string) (*aggregation, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+"/v1/aggregations/"+id+"?results=false", nil)
	if err != nil {
		return nil, err
	}
	var agg aggregation
	return &agg, g.call(req, &agg)
}

func (g *gatherSystem) remove(ctx context.Context, id string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, g.base+"/v1/aggregations/"+id, nil)
	if err != nil {
		return err
	}
	return g.call(req, nil)
}

// call sends the request and reads the whole answer into v, if it is a good one.
func (g *gatherSystem) call(req *http.Request, v any) error {
	resp, err := g.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	// As many clients do: all of it, then parse. A decoder would do the same inside.
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %.500s", req.Method, req.URL.Path, resp.Status, body)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(body, v)
}
