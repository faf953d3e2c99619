package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// outcome is one line of the table.
type outcome struct {
	work  string // what was measured
	redis string // how Redis was set up

	limit   figure
	polling figure // raw asynq that looks for tasks every 5 ms
	asynq   figure // raw asynq as it comes, every second
	gather  figure

	target  string
	verdict verdict
	notes   []string
	items   int // N of a point of the plot, 0 for none
}

// figure is one cell. Its zero value is an empty one.
type figure struct {
	text string
	// cost is what ratios are made of, in whatever unit the row has: less is better. 0 means no ratios.
	cost float64
}

// verdict tells whether a target was met; "" where there is none.
type verdict string

const (
	met    verdict = "met"
	missed verdict = "missed"
	failed verdict = "failed"
)

func judge(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// times is the figure of a row of durations: the median, and where there are many
// the 99th percentile.
func times(samples []time.Duration) figure {
	ms := milliseconds(samples)
	f := figure{text: number(median(ms)) + " ms", cost: median(ms)}
	if len(ms) >= manySamples {
		f.text = number(median(ms)) + " / " + number(percentile(ms, 99)) + " ms"
	}
	return f
}

// rate is the figure of something that should happen often; its cost is the time of one.
func rate(perSecond float64) figure {
	return figure{text: number(perSecond) + " /s", cost: 1 / perSecond}
}

// line is the outcome in short, for the log.
func (o *outcome) line() string {
	var b strings.Builder
	b.WriteString(o.work + ":")
	for _, cell := range []struct{ name, text string }{
		{"limit", o.limit.text}, {"raw asynq 5 ms", o.polling.text}, {"raw asynq 1 s", o.asynq.text}, {"gather", o.gather.text},
		{"target", o.target}, {"", string(o.verdict)},
	} {
		if cell.text != "" {
			b.WriteString(" " + strings.TrimSpace(cell.name+" "+cell.text) + ";")
		}
	}
	return strings.TrimSuffix(b.String(), ";")
}

// ratio is a ÷ b of two costs.
func ratio(a, b figure) string {
	if a.cost == 0 || b.cost == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a.cost/b.cost)
}

// number writes a positive number with as many digits as mean something, in groups of three.
func number(x float64) string {
	decimals := 0
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case x < 1:
		decimals = 2
	case x < 100:
		decimals = 1
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(x, 'f', decimals, 64), ".")
	n, _ := strconv.Atoi(whole)
	if fraction == "" {
		return count(n)
	}
	return count(n) + "." + fraction
}

// count writes a whole number in groups of three.
func count(n int) string {
	if n > -1000 && n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", count(n/1000), max(n, -n)%1000)
}
