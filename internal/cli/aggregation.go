package cli

import (
	"fmt"

	"gather"
	"gather/client"
)

// idArg names an aggregation.
type idArg struct {
	ID string `arg:"" help:"ID of the aggregation, such as agg_01JDZ8F9W3K2M4N6P8R0T2V4X6."`
}

// getCommand shows an aggregation as it stands.
type getCommand struct {
	idArg
	showFlags
}

// Run is the command.
func (c *getCommand) Run(s *session) error {
	return s.showing(&c.showFlags, func(l *link, v *shown) error {
		agg, err := l.Get(s.ctx, c.ID, client.WithoutResults())
		if err != nil {
			return err
		}
		if err := v.take(l.Results(s.ctx, c.ID)); err != nil {
			return err
		}
		if err := v.finish(agg, l.Results(s.ctx, c.ID)); err != nil {
			return err
		}
		return s.conclude(agg, v, false)
	})
}

// waitCommand follows an aggregation.
type waitCommand struct {
	idArg
	showFlags
}

// Run is the command.
func (c *waitCommand) Run(s *session) error {
	return s.showing(&c.showFlags, func(l *link, v *shown) error {
		agg, err := l.Get(s.ctx, c.ID, client.WithoutResults())
		if err != nil {
			return err
		}
		return s.follow(l, agg, v)
	})
}

// retryCommand runs failed items again.
type retryCommand struct {
	idArg
	Wait bool `negatable:"" default:"true" help:"Wait for the end; --no-wait leaves it running."`
	showFlags
}

// Run is the command.
func (c *retryCommand) Run(s *session) error {
	return s.showing(&c.showFlags, func(l *link, v *shown) error {
		agg, err := l.Retry(s.ctx, c.ID)
		if err != nil {
			return err
		}
		if !c.Wait {
			return s.printState(agg, c.Output)
		}
		return s.follow(l, agg, v)
	})
}

// cancelCommand cancels an aggregation.
type cancelCommand struct {
	idArg
	Output string `short:"O" enum:"table,json,ndjson" default:"table" help:"What to print: table, json or ndjson."`
}

// Run is the command.
func (c *cancelCommand) Run(s *session) error {
	return s.using(func(l *link) error {
		agg, err := l.Cancel(s.ctx, c.ID)
		if err != nil {
			return err
		}
		agg.Results = nil
		return s.printState(agg, c.Output)
	})
}

// deleteCommand deletes an aggregation.
type deleteCommand struct{ idArg }

// Run is the command.
func (c *deleteCommand) Run(s *session) error {
	return s.using(func(l *link) error {
		if err := l.Delete(s.ctx, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.Out, c.ID+" deleted")
		return err
	})
}

// printState prints an aggregation without its results.
func (s *session) printState(agg *gather.Aggregation, form string) error {
	text := []byte(printable(summary(agg), 0))
	if form != "table" {
		var err error
		if text, err = encode(agg); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.Out, "%s\n", text)
	return err
}
