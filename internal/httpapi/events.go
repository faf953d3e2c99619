package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"gather"
)

type eventsInput struct {
	ID           string `path:"id" doc:"The aggregation's id."`
	LastEventID  int    `header:"Last-Event-ID" minimum:"0" doc:"Go on after this event; browsers send it by themselves when they reconnect."`
	LastEventIDQ int    `query:"last_event_id" minimum:"0" doc:"The same, for clients that can't set headers. The header counts first."`
	Timing       timed  `query:"timing" doc:"Adds to each result when its first attempt was, and what its last took: started_ms, last_attempt_ms."`
}

// events streams server-sent events (https://html.spec.whatwg.org/#server-sent-events):
// result, with its position as id; progress, without one, so that a client
// never resumes in between; and done, after which nothing comes.
func (a *API) events(ctx context.Context, _ http.ResponseWriter, in *eventsInput) error {
	leave, err := a.streams.take(ctx, a.shared())
	if err != nil {
		return err
	}
	defer leave()
	if _, err := a.store.Get(ctx, in.ID); err != nil {
		return err
	}
	after := in.LastEventIDQ
	if exchangeOf(ctx).request.Header.Get("Last-Event-ID") != "" {
		after = in.LastEventID
	}
	out := openStream(ctx, http.Header{"Content-Type": {eventStream}, "Cache-Control": {"no-store"}})
	if out == nil {
		return nil
	}
	told := progressTold{}
	final, err := a.follow(ctx, in.ID, after, func(p gather.Progress) error {
		for _, c := range p.Completions {
			out.event("result", strconv.Itoa(c.Position), in.Timing.line(c.Line))
		}
		switch {
		case p.Aggregation != nil && told.news(p.Aggregation):
			counts, _ := json.Marshal(p.Aggregation.Counts) // five numbers always encode
			out.event("progress", "", string(counts))
		case len(p.Completions) == 0:
			_, _ = out.WriteString(": keep-alive\n\n")
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
	out.event("done", "", string(line))
	_ = out.flush()
	return nil
}

// event writes one event. Data is one line of JSON. A failed write shows in flush.
func (s *stream) event(name, id, data string) {
	_, _ = s.WriteString("event: " + name + "\n")
	if id != "" {
		_, _ = s.WriteString("id: " + id + "\n")
	}
	_, _ = s.WriteString("data: ")
	_, _ = s.WriteString(data)
	_, _ = s.WriteString("\n\n")
}

// progressTold is the progress that the client has been told last.
type progressTold struct {
	once   bool
	status gather.Status
	counts gather.Counts
}

func (t *progressTold) news(agg *gather.Aggregation) bool {
	if t.once && t.status == agg.Status && t.counts == agg.Counts {
		return false
	}
	*t = progressTold{true, agg.Status, agg.Counts}
	return true
}
