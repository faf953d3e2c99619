package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gather"
	"gather/internal/app"
)

// table prints results in columns, in input order.
type table struct {
	w     io.Writer
	rows  []row
	keys  bool // some have a key
	files bool // some were written to files
}

// row is what a table shows of a result.
type row struct {
	index int
	key   string
	cells []string
	file  string
	end   string // URL and error
}

func (t *table) live() bool { return true }

func (t *table) add(r *gather.Result, file string) error {
	http, size := "-", "-"
	if r.HTTPStatus != 0 {
		http = fmt.Sprint(r.HTTPStatus)
		size = app.ByteSize(len(r.Content())).String()
	}
	if r.Truncated {
		size += "-cut"
	}
	end := r.URL
	if r.Error != nil {
		end += "  " + string(r.Error.Code) + ": " + r.Error.Message
	}
	t.rows = append(t.rows, row{r.Index, r.Key, []string{string(r.Status), http, milliseconds(r.ElapsedMS), fmt.Sprint(r.Attempts), size}, file, end})
	t.keys, t.files = t.keys || r.Key != "", t.files || file != ""
	return nil
}

func (t *table) finish(*gather.Aggregation, iter.Seq2[gather.Result, error]) error {
	if len(t.rows) == 0 {
		return nil
	}
	slices.SortFunc(t.rows, func(a, b row) int { return cmp.Compare(a.index, b.index) })
	lines := [][]string{t.line("#", "KEY", []string{"STATUS", "HTTP", "TIME", "TRIES", "SIZE"}, "FILE", "URL")}
	for _, r := range t.rows {
		lines = append(lines, t.line(fmt.Sprint(r.index), r.key, r.cells, r.file, r.end))
	}
	return writeTable(t.w, lines)
}

func (t *table) line(index, key string, cells []string, file, end string) []string {
	line := []string{index}
	if t.keys {
		line = append(line, key)
	}
	line = append(line, cells...)
	if t.files {
		line = append(line, file)
	}
	return append(line, end)
}

// writeTable aligns columns. Cells may be anybody's text.
func writeTable(w io.Writer, lines [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		for i := range line {
			line[i] = printable(line[i], 0)
		}
		_, _ = fmt.Fprintln(tw, strings.Join(line, "\t"))
	}
	return tw.Flush()
}

// milliseconds is a time as people read it.
func milliseconds(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// resultLines prints each result as a line of JSON, as they come.
type resultLines struct{ w io.Writer }

func (l *resultLines) live() bool { return true }

func (l *resultLines) add(r *gather.Result, _ string) error {
	line, err := r.Line()
	if err != nil {
		return err
	}
	_, err = l.w.Write(append(line, '\n'))
	return err
}

func (l *resultLines) finish(*gather.Aggregation, iter.Seq2[gather.Result, error]) error { return nil }

// document prints the aggregation as the API has it, a result a line; one is in memory.
type document struct{ w io.Writer }

func (d *document) live() bool { return false }

func (d *document) add(*gather.Result, string) error { return nil }

func (d *document) finish(agg *gather.Aggregation, results iter.Seq2[gather.Result, error]) error {
	head, err := encode(agg)
	if err != nil {
		return err
	}
	separator := append(bytes.TrimSuffix(head, []byte("}")), `,"results":[`...)
	for r, err := range results {
		if err != nil {
			return err
		}
		line, err := r.Line()
		if err != nil {
			return err
		}
		if _, err := d.w.Write(append(append(separator, '\n'), line...)); err != nil {
			return err
		}
		separator = []byte(",")
	}
	if len(separator) == 1 {
		separator = nil
	}
	_, err = d.w.Write(append(separator, "\n]}\n"...))
	return err
}

// encode is a value as one line of JSON, without its end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
