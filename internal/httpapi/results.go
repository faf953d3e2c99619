package httpapi

import (
	"bufio"
	"context"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gather"
)

const (
	ndjson = "application/x-ndjson"
	// flushEvery is how long a line may be held back to be sent with others.
	flushEvery = 200 * time.Millisecond
)

type resultsInput struct {
	ID     string `path:"id" doc:"The aggregation's id."`
	Follow bool   `query:"follow" doc:"Results in order of completion, as they come; the last line is the aggregation."`
	Timing timed  `query:"timing" doc:"Adds to each result when its first attempt was, and what its last took: started_ms, last_attempt_ms."`
}

// timed asks for when items were fetched, which the results of an aggregation leave out.
type timed bool

func (t timed) line(stored gather.StoredLine) string {
	if t {
		return stored.Timed()
	}
	return stored.Line()
}

var errOnlyLines = statusProblem(http.StatusNotAcceptable, "results come as %s; GET %s answers them as one JSON document", ndjson, locationOf("{id}"))

// results streams one Result a line.
func (a *API) results(ctx context.Context, w http.ResponseWriter, in *resultsInput) error {
	contentType := acceptedNDJSON(exchangeOf(ctx).request.Header.Values("Accept"))
	if contentType == "" {
		return errOnlyLines
	}
	leave, err := a.streams.take(ctx, a.shared())
	if err != nil {
		return err
	}
	defer leave()
	h := http.Header{"Content-Type": {contentType}, "Cache-Control": {"no-store"}}
	if in.Follow {
		if _, err := a.store.Get(ctx, in.ID); err != nil {
			return err
		}
		return a.followLines(ctx, h, in)
	}
	reading, err := a.store.Read(ctx, in.ID)
	if err != nil {
		return err
	}
	return writeLines(ctx, w, h, in, reading)
}

// writeLines streams the finished items in input order. As with a whole
// aggregation, the status is written with the first of them.
func writeLines(ctx context.Context, w http.ResponseWriter, h http.Header, in *resultsInput, r *gather.Reading) error {
	out := bufio.NewWriterSize(w, streamBuffer)
	begun, flushed := false, time.Now()
	begin := func() {
		begun = true
		maps.Copy(w.Header(), h)
		w.WriteHeader(http.StatusOK)
	}
	for line, err := range r.Lines(ctx) {
		if err != nil {
			return err
		}
		if !begun {
			begin()
		}
		_, _ = out.WriteString(in.Timing.line(line))
		if err := out.WriteByte('\n'); err != nil || exchangeOf(ctx).headOnly() {
			return nil // the client is gone, or content with the header
		}
		if time.Since(flushed) > flushEvery {
			flush(out, w)
			flushed = time.Now()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !begun {
		begin()
	}
	_ = out.Flush() // a client that is gone is nobody to tell of an error
	return nil
}

func flush(out *bufio.Writer, w http.ResponseWriter) {
	if out.Flush() == nil {
		_ = http.NewResponseController(w).Flush()
	}
}

// followLines streams results as they come, and at the end the aggregation.
func (a *API) followLines(ctx context.Context, h http.Header, in *resultsInput) error {
	out := openStream(ctx, h)
	if out == nil {
		return nil
	}
	final, err := a.follow(ctx, in.ID, 0, func(p gather.Progress) error {
		for _, c := range p.Completions {
			_, _ = out.WriteString(in.Timing.line(c.Line))
			_ = out.WriteByte('\n')
		}
		return out.flush()
	})
	if final == nil {
		return err
	}
	line, err := summary(final)
	if err != nil {
		return err
	}
	_, _ = out.Write(append(line, '\n'))
	_ = out.flush()
	return nil
}

// stream writes what the client shall see at once. It passes by compression,
// which holds the header back until there is something to compress.
type stream struct {
	*bufio.Writer
	x *exchange
}

// openStream sends the header. It returns no stream where the client wants no more.
func openStream(ctx context.Context, h http.Header) *stream {
	x := exchangeOf(ctx)
	maps.Copy(x.Header(), h)
	x.Header().Set("X-Accel-Buffering", "no")
	x.WriteHeader(http.StatusOK)
	x.Flush()
	if x.headOnly() {
		return nil
	}
	return &stream{bufio.NewWriterSize(x, streamBuffer), x}
}

func (s *stream) flush() error {
	if err := s.Flush(); err != nil {
		return err
	}
	s.x.Flush()
	return nil
}

// follow hands all progress after a position to each, until the aggregation has
// finished; then it returns the final state. It returns none where the client
// went away or the process is about to stop: whoever comes back goes on from there.
func (a *API) follow(ctx context.Context, id string, after int, each func(gather.Progress) error) (*gather.Aggregation, error) {
	ctx, cancel := a.untilClosed(ctx)
	defer cancel()
	var last *gather.Aggregation
	for p, err := range a.store.Follow(ctx, id, after) {
		if ctx.Err() != nil {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if p.Aggregation != nil {
			last = p.Aggregation
		}
		if each(p) != nil {
			return nil, nil
		}
	}
	if ctx.Err() != nil || last == nil || !last.Status.Finished() {
		return nil, nil
	}
	return last, nil
}

// acceptedNDJSON is the content type of lines that the client accepts, "" if none.
func acceptedNDJSON(accept []string) string {
	if len(accept) == 0 {
		return ndjson
	}
	chosen := map[string]string{ndjson: ndjson, "application/ndjson": "application/ndjson", "application/*": ndjson, "*/*": ndjson}
	best, found := -1.0, ""
	for media := range elements(strings.Join(accept, ","), ',') {
		mediaType, params, err := mime.ParseMediaType(media)
		if err != nil || chosen[mediaType] == "" {
			continue
		}
		q := 1.0
		if given, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(given, 64); err != nil {
				continue
			}
		}
		if q > 0 && q > best {
			best, found = q, chosen[mediaType]
		}
	}
	return found
}
