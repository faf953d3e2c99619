package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gather"
)

// listCommand lists aggregations.
type listCommand struct {
	Status string            `placeholder:"STATUS" enum:",queued,running,succeeded,partial,failed,canceled" default:"" help:"Only those that stand so: queued, running, succeeded, partial, failed or canceled."`
	Label  map[string]string `mapsep:"none" placeholder:"KEY=VALUE" help:"Only those with this label; may be repeated."`
	Limit  int               `default:"50" placeholder:"N" help:"Most to show; 0: all."`
	Output string            `short:"O" enum:"table,json,ndjson" default:"table" help:"What to print: table, json or ndjson."`
}

// Run is the command.
func (c *listCommand) Run(s *session) error {
	return s.using(func(l *link) error {
		found := []gather.Aggregation{}
		for agg, err := range l.List(s.ctx, gather.Filter{Status: gather.Status(c.Status), Labels: c.Label}) {
			if err != nil {
				return err
			}
			found = append(found, agg)
			if len(found) == c.Limit {
				break
			}
		}
		return c.print(s, found)
	})
}

func (c *listCommand) print(s *session, found []gather.Aggregation) error {
	switch c.Output {
	case "table":
		return writeTable(s.Out, listed(found, time.Now()))
	case "json":
		text, err := encode(map[string]any{"items": found})
		if err == nil {
			_, err = fmt.Fprintf(s.Out, "%s\n", text)
		}
		return err
	}
	for i := range found {
		if err := s.printState(&found[i], c.Output); err != nil {
			return err
		}
	}
	return nil
}

// listed are the lines of a table of aggregations.
func listed(found []gather.Aggregation, now time.Time) [][]string {
	lines := [][]string{{"ID", "STATUS", "DONE", "FAILED", "TIME", "AGE", "NAME", "LABELS"}}
	for _, agg := range found {
		age := max(0, now.Sub(agg.CreatedAt.Time))
		lines = append(lines, []string{
			agg.ID, string(agg.Status), fmt.Sprintf("%d/%d", agg.Counts.Total-agg.Counts.Pending, agg.Counts.Total), fmt.Sprint(agg.Counts.Failed),
			milliseconds(agg.ElapsedMS), age.Round(time.Second).String(), agg.Name, labels(agg.Labels),
		})
	}
	return lines
}

func labels(set map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		pairs = append(pairs, key+"="+set[key])
	}
	return strings.Join(pairs, " ")
}
