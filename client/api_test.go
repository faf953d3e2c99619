package client_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"gather"
	"gather/client"
)

// The tests of this file talk to a real API.

// gate is an upstream that answers when it is opened.
func gate(t *testing.T) (url string, open func()) {
	opened := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-opened:
			_, _ = io.WriteString(w, "opened")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() { close(opened) }
}

func mustCreate(t *testing.T, c *client.Client, spec gather.Spec) *gather.Aggregation {
	t.Helper()
	agg, err := c.Create(t.Context(), &spec)
	if err != nil {
		t.Fatal(err)
	}
	return agg
}

func TestClient_change(t *testing.T) {
	c := mustNew(t, gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	url, open := gate(t)
	id := mustCreate(t, c, gather.Spec{URLs: []string{url, upstreamURL + "/?delay_ms=1"}}).ID

	if _, err := c.Retry(t.Context(), id); !errors.Is(err, gather.ErrUnfinished) {
		t.Errorf("retry of one that runs: %v", err)
	}
	agg, err := c.Cancel(t.Context(), id)
	if err != nil || agg.Status != gather.StatusCanceled || len(agg.Results) != 2 {
		t.Fatalf("cancel: %+v, %v", agg, err)
	}
	if _, err := c.Cancel(t.Context(), id); !errors.Is(err, gather.ErrFinished) {
		t.Errorf("cancel again: %v", err)
	}
	open()
	if agg, err := c.Retry(t.Context(), id); err != nil || agg.Status.Finished() {
		t.Errorf("retry: %+v, %v", agg, err)
	}
	agg, err = c.Wait(t.Context(), id)
	if err != nil || agg.Status != gather.StatusSucceeded || string(agg.Results[0].Content()) != "opened" {
		t.Fatalf("wait: %+v, %v", agg, err)
	}
	var results []gather.Result
	for r, err := range c.Results(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	if fmt.Sprint(results) != fmt.Sprint(agg.Results) {
		t.Errorf("results are %+v, and in the aggregation %+v", results, agg.Results)
	}
	if got := told(t, c.Events(t.Context(), id)); !slices.Contains(got, "succeeded") {
		t.Errorf("told %v", got)
	}
	if err := c.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"delete": c.Delete(t.Context(), id), "events": last(c.Events(t.Context(), id)), "results": last(c.Results(t.Context(), id)),
	} {
		if !errors.Is(err, gather.ErrNotFound) {
			t.Errorf("%s of one that is deleted: %v", name, err)
		}
	}
}

func TestClient_Create_once(t *testing.T) {
	c := mustNew(t, gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	first := mustCreate(t, c, gather.Spec{URLs: []string{upstreamURL + "/?delay_ms=1"}, Labels: map[string]string{"test": "once"}})
	key := client.WithIdempotencyKey(first.ID)
	a, err := c.Create(t.Context(), &spec, key)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.Create(t.Context(), &spec, key); err != nil || b.ID != a.ID || b.ID == first.ID {
		t.Errorf("%+v, %v, want %s again", b, err, a.ID)
	}
	if _, err := c.Create(t.Context(), &gather.Spec{URLs: []string{"http://other/"}}, key); !errors.Is(err, gather.ErrKeyReused) {
		t.Errorf("the same key with another spec: %v", err)
	}
}

func TestClient_List(t *testing.T) {
	c := mustNew(t, gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	url, open := gate(t)
	here := rand.Text() // the test may run again on the same API
	var want []string
	for i := range 5 {
		spec := gather.Spec{URLs: []string{url}, Labels: map[string]string{"test": here, "odd": fmt.Sprint(i % 2)}}
		want = append([]string{mustCreate(t, c, spec).ID}, want...)
	}
	filter := gather.Filter{Labels: map[string]string{"test": here}}
	ids := func(f gather.Filter) (list []string) {
		for agg, err := range c.List(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, agg.ID)
		}
		return list
	}
	if got := ids(filter); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := ids(gather.Filter{Labels: map[string]string{"test": here, "odd": "1"}}); !slices.Equal(got, []string{want[1], want[3]}) {
		t.Errorf("the odd ones are %v of %v", got, want)
	}
	var paged []string
	for cursor := ""; ; {
		page, err := c.Page(t.Context(), filter, cursor, 2)
		if err != nil || len(page.Items) > 2 {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, agg := range page.Items {
			paged = append(paged, agg.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(paged, want) {
		t.Errorf("by pages %v, want %v", paged, want)
	}
	open()
	if _, err := c.Wait(t.Context(), want[0], client.WithoutResults()); err != nil {
		t.Fatal(err)
	}
	if got := ids(gather.Filter{Status: gather.StatusSucceeded, Labels: filter.Labels}); !slices.Contains(got, want[0]) {
		t.Errorf("%v have succeeded, without %s", got, want[0])
	}
	if _, err := c.Page(t.Context(), filter, "nonsense", 2); !errors.Is(err, gather.ErrBadCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
	if err := last(c.List(t.Context(), gather.Filter{Status: "odd"})); err == nil {
		t.Error("a status that is none lists all")
	}
	for _, err := range c.List(t.Context(), filter) {
		if err != nil {
			t.Error(err)
		}
		break
	}
}
