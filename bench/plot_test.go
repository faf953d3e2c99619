package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAxis(t *testing.T) {
	a := newAxis([]float64{10, 10_000}, 0, 300)
	for v, want := range map[float64]float64{10: 0, 100: 100, 10_000: 300} {
		if got := a.at(v); got != want {
			t.Errorf("at(%v) = %v, want %v", v, got, want)
		}
	}
	t.Run("reaches to whole powers of ten", func(t *testing.T) {
		if a := newAxis([]float64{0.7, 1237}, 0, 1); a.first != -1 || a.last != 4 {
			t.Errorf("10^%d to 10^%d", a.first, a.last)
		}
	})
	t.Run("a single value has room", func(t *testing.T) {
		if a := newAxis([]float64{10}, 0, 1); a.last != 2 {
			t.Errorf("10^%d to 10^%d", a.first, a.last)
		}
	})
}

func TestPlotLines(t *testing.T) {
	lines := plotLines(someOutcomes())
	if len(lines) != 3 || len(lines[1].points) != 2 || lines[1].points[1] != (point{1000, 55}) {
		t.Errorf("lines = %+v", lines)
	}
	if lines := plotLines(someOutcomes()[:1]); lines != nil {
		t.Errorf("one point makes no line, got %+v", lines)
	}
}

func TestDrawPlot(t *testing.T) {
	svg := drawPlot(plotLines(someOutcomes()))
	decoder := xml.NewDecoder(strings.NewReader(svg))
	elements := make(map[string]int)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	if elements["polyline"] != 3 || elements["circle"] != 6 {
		t.Errorf("elements = %v, want 3 lines through 6 points", elements)
	}
	for _, name := range []string{">gather<", ">limit<", ">raw asynq, 5 ms<"} {
		if !strings.Contains(svg, name) {
			t.Errorf("the plot lacks %s", name)
		}
	}
}
