package cli

import (
	"encoding/json"
	"fmt"

	"gather/client"
)

// eventsCommand prints events.
type eventsCommand struct {
	idArg
	Output string `short:"O" enum:"table,ndjson,json" default:"table" help:"What to print: table, a line for people an event; ndjson, a line of JSON an event (json is the same)."`
	After  int    `default:"0" placeholder:"N" help:"Leave out the first N results in order of completion."`
}

// Run is the command.
func (c *eventsCommand) Run(s *session) error {
	return s.using(func(l *link) error {
		for ev, err := range l.Events(s.ctx, c.ID, client.After(c.After)) {
			if err != nil {
				return err
			}
			line, err := c.line(&ev)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(s.Out, "%s\n", line); err != nil {
				return err
			}
			if ev.Done != nil {
				return outcome(ev.Done)
			}
		}
		return nil
	})
}

// eventLine is an event as a line of JSON.
type eventLine struct {
	Event    string          `json:"event"`
	Position int             `json:"position,omitempty"`
	Data     json.RawMessage `json:"data"`
}

func (c *eventsCommand) line(ev *client.Event) (line []byte, err error) {
	if c.Output == "table" {
		return []byte(printable(inWords(ev), 0)), nil
	}
	var e eventLine
	switch {
	case ev.Result != nil:
		e.Event, e.Position = "result", ev.Position
		e.Data, err = ev.Result.Line()
	case ev.Progress != nil:
		e.Event = "progress"
		e.Data, err = encode(ev.Progress)
	default:
		e.Event = "done"
		e.Data, err = encode(ev.Done)
	}
	if err != nil {
		return nil, err
	}
	return encode(e)
}

// inWords is an event for people.
func inWords(ev *client.Event) string {
	switch {
	case ev.Done != nil:
		return "done      " + summary(ev.Done)
	case ev.Progress != nil:
		return "progress  " + standing(*ev.Progress)
	}
	r := ev.Result
	text := fmt.Sprintf("result    #%d %s %s", r.Index, r.Status, milliseconds(r.ElapsedMS))
	if r.HTTPStatus != 0 {
		text += fmt.Sprintf(" %d", r.HTTPStatus)
	}
	text += " " + r.URL
	if r.Error != nil {
		text += "  " + string(r.Error.Code) + ": " + r.Error.Message
	}
	return text
}
