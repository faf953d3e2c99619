package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// line is one system in the plot.
type line struct {
	name   string
	color  string
	points []point
}

// point is N and the time that it took, in ms.
type point struct{ n, ms float64 }

// plotLines are the times of the rows that are points of the plot, with a Redis in memory only.
func plotLines(outcomes []outcome) []line {
	lines := []line{
		{name: "raw asynq, 5 ms", color: "#c2571a"},
		{name: "gather", color: "#1f6feb"},
		{name: "limit", color: "#6e7781"},
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.items == 0 || o.redis != noAppendOnly.String() {
			continue
		}
		for k, f := range []figure{o.polling, o.gather, o.limit} {
			lines[k].points = append(lines[k].points, point{float64(o.items), f.cost})
		}
	}
	if len(lines[0].points) < 2 {
		return nil
	}
	return lines
}

// The plot's size, and the part of it within the axes.
const (
	plotWidth, plotHeight = 720, 440
	left, right           = 72, plotWidth - 130
	top, bottom           = 48, plotHeight - 56
)

// axis maps values to places, both logarithmic: a tenfold is a step, from a power of
// ten to a power of ten.
type axis struct {
	first, last int // powers of ten
	from, to    float64
}

func newAxis(values []float64, from, to float64) axis {
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		lowest, highest = min(lowest, v), max(highest, v)
	}
	a := axis{first: int(math.Floor(math.Log10(lowest))), last: int(math.Ceil(math.Log10(highest))), from: from, to: to}
	a.last = max(a.last, a.first+1)
	return a
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-float64(a.first))/float64(a.last-a.first)*(a.to-a.from)
}

// drawPlot draws completion time against N as an SVG.
func drawPlot(lines []line) string {
	var ns, times []float64
	for _, l := range lines {
		for _, p := range l.points {
			ns, times = append(ns, p.n), append(times, p.ms)
		}
	}
	x, y := newAxis(ns, left, right), newAxis(times, bottom, top)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	text(&b, left, 26, "start", "#1f2328", "Time until the client holds N answers of 0 ms each, in ms (median)")
	for power := x.first; power <= x.last; power++ {
		v := math.Pow10(power)
		gridLine(&b, x.at(v), top, x.at(v), bottom)
		text(&b, x.at(v), bottom+20, "middle", "#59636e", count(int(v)))
	}
	for power := y.first; power <= y.last; power++ {
		v := math.Pow10(power)
		gridLine(&b, left, y.at(v), right, y.at(v))
		text(&b, left-8, y.at(v)+4, "end", "#59636e", tick(power))
	}
	text(&b, (left+right)/2, bottom+42, "middle", "#1f2328", "N")
	for _, l := range lines {
		drawLine(&b, l, x, y)
	}
	nameLines(&b, lines, x, y)
	b.WriteString("</svg>\n")
	return b.String()
}

func drawLine(b *strings.Builder, l line, x, y axis) {
	places := make([]string, len(l.points))
	for i, p := range l.points {
		places[i] = fmt.Sprintf("%.1f,%.1f", x.at(p.n), y.at(p.ms))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(places, " "), l.color)
	for _, p := range l.points {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"><title>%s, N=%s: %s ms</title></circle>`+"\n",
			x.at(p.n), y.at(p.ms), l.color, l.name, count(int(p.n)), number(p.ms))
	}
}

// nameLines writes each line's name at its end, from the top down, and keeps names apart.
func nameLines(b *strings.Builder, lines []line, x, y axis) {
	last := func(l line) point { return l.points[len(l.points)-1] }
	sorted := slices.SortedFunc(slices.Values(lines), func(a, b line) int { return cmp.Compare(last(b).ms, last(a).ms) })
	const apart = 16
	lowest := math.Inf(-1)
	for _, l := range sorted {
		lowest = max(y.at(last(l).ms)+4, lowest+apart)
		text(b, x.at(last(l).n)+10, lowest, "start", l.color, l.name)
	}
}

func gridLine(b *strings.Builder, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#d1d9e0"/>`+"\n", x1, y1, x2, y2)
}

func text(b *strings.Builder, x, y float64, anchor, color, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, color, s)
}

// tick labels a power of ten, those below 1 too.
func tick(power int) string {
	if power < 0 {
		return fmt.Sprintf("%.*f", -power, math.Pow10(power))
	}
	return count(int(math.Pow10(power)))
}
