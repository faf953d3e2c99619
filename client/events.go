package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"

	"gather"
)

// Event is one thing that happened to an aggregation: one of Result, Progress and Done is set.
type Event struct {
	// Position is that of Result in order of completion, from 1; else 0. It never changes.
	Position int
	// Result is how an item ended.
	Result *gather.Result
	// Progress says how many items stand where.
	Progress *gather.Counts
	// Done is the finished aggregation, without results. It is the last event.
	Done *gather.Aggregation
}

// EventsOption changes one [Client.Events].
type EventsOption func(*following)

type following struct{ after int }

// After leaves out the results up to a position: to go on where another run has stopped.
func After(position int) EventsOption { return func(f *following) { f.after = position } }

// Events yields what has happened to the aggregation and then what happens, until it has
// finished: each result once, in order of completion. A connection that breaks is
// replaced, and nothing is lost or repeated; an error that ends it is yielded.
func (c *Client) Events(ctx context.Context, id string, opts ...EventsOption) iter.Seq2[Event, error] {
	var f following
	for _, opt := range opts {
		opt(&f)
	}
	return func(yield func(Event, error) bool) {
		t := teller{after: f.after, effort: c.lasting("follow aggregation " + id), yield: yield}
		for {
			err := c.readEvents(ctx, id, &t)
			if t.over {
				return
			}
			if err := t.effort.failed(ctx, err); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// teller yields what is news, over all connections. News alone are a success: what
// breaks every connection at the same place must not go on for ever.
type teller struct {
	after  int // the position of the last result
	last   *gather.Counts
	over   bool // there is nothing more to tell
	effort *effort
	yield  func(Event, error) bool
}

// tell returns false where there is nothing more to tell.
func (t *teller) tell(ev Event) bool {
	switch {
	case ev.Result != nil && ev.Position <= t.after:
		return true
	case ev.Result != nil:
		t.after = ev.Position
	case ev.Progress != nil && t.last != nil && *t.last == *ev.Progress: // every connection begins with it
		return true
	case ev.Progress != nil:
		t.last = ev.Progress
	}
	t.effort.succeeded()
	t.over = !t.yield(ev, nil) || ev.Done != nil
	return !t.over
}

// readEvents tells the events of one connection, until there are no more. A connection
// that ends before is an error.
func (c *Client) readEvents(ctx context.Context, id string, t *teller) error {
	resp, err := c.open(ctx, call{
		method: http.MethodGet, path: pathTo(id, "events"),
		header: http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {strconv.Itoa(t.after)}},
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var raw rawEvent
	found := lines(resp.Body)
	for found.Scan() {
		if bytes.HasPrefix(found.Bytes(), []byte(":")) { // a comment after a while of silence: the server is there
			t.effort.succeeded()
		}
		if !raw.add(found.Bytes()) {
			continue
		}
		ev, err := raw.parse()
		if err != nil {
			return foreign(err)
		}
		raw = rawEvent{}
		if ev != (Event{}) && !t.tell(ev) {
			return nil
		}
	}
	if err := ended(found); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// rawEvent is a server-sent event (https://html.spec.whatwg.org/#server-sent-events).
type rawEvent struct {
	name, id string
	data     []byte
}

// add takes one line more, and reports whether it ends the event. Comments and fields
// that are not known are passed over.
func (r *rawEvent) add(line []byte) (ended bool) {
	if len(line) == 0 {
		return true
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		if len(r.data) > 0 {
			r.data = append(r.data, '\n')
		}
		r.data = append(r.data, value...)
	case "event":
		r.name = string(value)
	case "id":
		r.id = string(value)
	}
	return false
}

// parse reads the event. One of a kind that is not known is none.
func (r *rawEvent) parse() (ev Event, err error) {
	switch r.name {
	case "result":
		ev.Position, err = strconv.Atoi(r.id)
		if err != nil {
			return Event{}, errors.New("a result has no position")
		}
		ev.Result = new(gather.Result)
		err = json.Unmarshal(r.data, ev.Result)
	case "progress":
		ev.Progress = new(gather.Counts)
		err = json.Unmarshal(r.data, ev.Progress)
	case "done":
		ev.Done = new(gather.Aggregation)
		err = json.Unmarshal(r.data, ev.Done)
	}
	return ev, err
}
