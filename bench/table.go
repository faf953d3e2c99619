package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// header names the columns of the table.
var header = []string{
	"work", "Redis", "limit", "raw asynq, 5 ms", "raw asynq, 1 s", "gather",
	"gather ÷ limit", "raw asynq ÷ gather", "target", "",
}

// legend says what the columns are.
var legend = []string{
	"Cells are medians; where there are many runs, median / 99th percentile. A time is the time until the client holds all the parsed answers, each of them checked.",
	"limit: the same requests from one Go process, goroutines and a tuned net/http client, no queue.",
	"raw asynq: one task a request, enqueued by 16 goroutines, one worker process, results in a hash, a message from the last one; its TaskCheckInterval is 5 ms, or 1 s, the default.",
	"gather: POST /v1/aggregations with Prefer: wait=60 to one API process, one worker process, and Redis.",
	"Ratios are of times, those of raw asynq with 5 ms. Every system has the same concurrency, the worker's default of 256 where none is named.",
}

// cells are the outcomes as text, row by row, and the notes that they refer to.
func cells(outcomes []outcome) (rows [][]string, notes []string) {
	for i := range outcomes {
		o := &outcomes[i]
		work := o.work
		for _, note := range o.notes {
			at := slices.Index(notes, note)
			if at < 0 {
				at, notes = len(notes), append(notes, note)
			}
			work += " [" + strconv.Itoa(at+1) + "]"
		}
		rows = append(rows, []string{
			work, o.redis, o.limit.text, o.polling.text, o.asynq.text, o.gather.text,
			ratio(o.gather, o.limit), ratio(o.polling, o.gather), o.target, string(o.verdict),
		})
	}
	return rows, notes
}

// textTable lays the rows out in columns for a terminal.
func textTable(header []string, rows [][]string) string {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	write := func(row []string) {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	rule := make([]string, len(header))
	for i, width := range widths {
		rule[i] = strings.Repeat("─", width)
	}
	write(header)
	write(rule)
	for _, row := range rows {
		write(row)
	}
	return b.String()
}

// markdownTable writes the rows as a table of Markdown; the columns after the
// second are numbers, and stand to the right.
func markdownTable(header []string, rows [][]string) string {
	var b strings.Builder
	write := func(row []string) {
		escaped := make([]string, len(row))
		for i, cell := range row {
			escaped[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		b.WriteString("| " + strings.Join(escaped, " | ") + " |\n")
	}
	rule := make([]string, len(header))
	for i := range rule {
		rule[i] = "---"
		if i > 1 {
			rule[i] = "---:"
		}
	}
	write(header)
	write(rule)
	for _, row := range rows {
		write(row)
	}
	return b.String()
}
