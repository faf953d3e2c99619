package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"gather"

	"github.com/danielgtaylor/huma/v2"
)

// streamBuffer is what a stream holds back to write it at once, in bytes.
const streamBuffer = 32 << 10

type readInput struct {
	ID      string    `path:"id" doc:"The aggregation's id." example:"agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"`
	Wait    waitParam `query:"wait"`
	Results bool      `query:"results" default:"true" doc:"false leaves the results out."`
}

// Resolve checks what the schema can't.
func (in *readInput) Resolve(huma.Context) []error {
	if _, ok := in.Wait.parse(); !ok {
		return []error{&huma.ErrorDetail{Location: badWait.Location, Message: badWait.Message}}
	}
	return nil
}

func (a *API) read(ctx context.Context, w http.ResponseWriter, in *readInput) error {
	request := exchangeOf(ctx).request
	h := http.Header{"Cache-Control": {"private, no-cache"}}
	wait, _ := in.Wait.parse()
	if prefs := parsePrefer(request.Header.Values("Prefer")); in.Wait == "" && prefs.waits {
		wait = prefs.wait
		h.Set("Preference-Applied", applied(a.clamped(wait)))
	}
	reading, err := a.find(ctx, in, a.clamped(wait))
	if err != nil {
		return err
	}
	if !reading.Status.Finished() {
		h.Set("Retry-After", "1")
	} else {
		tag := entityTag(reading.Aggregation, in.Results)
		h.Set("ETag", tag)
		if matched, ok := matchTag(request.Header.Values("If-None-Match"), tag); ok {
			h.Set("ETag", matched)
			maps.Copy(w.Header(), h)
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if !in.Results {
		return writeSummary(w, http.StatusOK, h, reading.Aggregation)
	}
	return writeWithResults(ctx, w, http.StatusOK, h, reading)
}

// find reads the aggregation, after the wait. Its results are there if they are wanted.
func (a *API) find(ctx context.Context, in *readInput, wait time.Duration) (*gather.Reading, error) {
	switch {
	case wait > 0:
		return a.await(ctx, in.ID, false, wait)
	case in.Results:
		return a.store.Read(ctx, in.ID)
	}
	agg, err := a.store.Get(ctx, in.ID)
	return &gather.Reading{Aggregation: agg}, err
}

func locationOf(id string) string { return "/v1/aggregations/" + id }

// summary is the aggregation as JSON on one line, without results.
func summary(agg *gather.Aggregation) ([]byte, error) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	err := enc.Encode(summarized(agg))
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), err
}

// summarized leaves the results out, and has labels be an object, if an empty one.
func summarized(agg *gather.Aggregation) gather.Aggregation {
	s := *agg
	s.Results = nil
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	return s
}

func writeSummary(w http.ResponseWriter, status int, h http.Header, agg *gather.Aggregation) error {
	maps.Copy(w.Header(), h)
	writeJSON(w, status, "application/json", summarized(agg))
	return nil
}

// writeWithResults answers the aggregation with its results, which pass from the
// store to the client as they are. The status is written with the first of
// them, so that a store that can't be read still makes a proper error.
func writeWithResults(ctx context.Context, w http.ResponseWriter, status int, h http.Header, r *gather.Reading) error {
	head, err := summary(r.Aggregation)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, streamBuffer)
	separator := `,"results":[`
	begin := func() {
		maps.Copy(w.Header(), h)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = out.Write(bytes.TrimSuffix(head, []byte("}")))
	}
	for line, err := range r.Lines(ctx) {
		if err != nil {
			return err
		}
		if separator != "," {
			begin()
		}
		_, _ = out.WriteString(separator)
		if _, err := out.WriteString(line.Line()); err != nil || exchangeOf(ctx).headOnly() {
			return nil // the client is gone, or content with the header
		}
		separator = ","
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if separator != "," {
		begin()
		_, _ = out.WriteString(separator)
	}
	_, _ = out.WriteString("]}\n")
	_ = out.Flush() // a client that is gone is nobody to tell of an error
	return nil
}
