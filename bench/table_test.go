package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func someOutcomes() []outcome {
	point := func(n int, limit, polling, gather float64) outcome {
		o := outcome{work: "N=" + count(n), redis: noAppendOnly.String(), items: n, target: "≤ 60 ms", verdict: met}
		o.limit, o.polling, o.gather = figure{"l", limit}, figure{"p", polling}, figure{"g", gather}
		return o
	}
	last := outcome{work: "idle", gather: figure{text: "7.0 /s"}, target: "≤ 8 /s", verdict: missed, notes: []string{"mostly evalsha"}}
	return []outcome{point(10, 0.7, 5.5, 2.8), point(1000, 20, 130, 55), last, last}
}

func TestCells(t *testing.T) {
	rows, notes := cells(someOutcomes())
	want := []string{"N=10", "appendonly no", "l", "p", "", "g", "4.00", "1.96", "≤ 60 ms", "met"}
	if strings.Join(rows[0], "|") != strings.Join(want, "|") {
		t.Errorf("row = %q, want %q", rows[0], want)
	}
	if len(rows[0]) != len(header) {
		t.Errorf("%d cells under %d names", len(rows[0]), len(header))
	}
	if len(notes) != 1 || rows[2][0] != "idle [1]" || rows[3][0] != "idle [1]" {
		t.Errorf("notes %q, rows %q and %q; want the same note once", notes, rows[2][0], rows[3][0])
	}
}

func TestTextTable(t *testing.T) {
	got := textTable([]string{"a", "limit"}, [][]string{{"≤ 60 ms", "1"}, {"b", ""}})
	want := "a        limit\n───────  ─────\n≤ 60 ms  1\nb\n"
	if got != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
}

func TestMarkdownTable(t *testing.T) {
	got := markdownTable([]string{"work", "Redis", "gather"}, [][]string{{"a|b", "no", "1 ms"}})
	want := "| work | Redis | gather |\n| --- | --- | ---: |\n| a\\|b | no | 1 ms |\n"
	if got != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
}

func TestWriteReport(t *testing.T) {
	page := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := writeReport(page, someOutcomes(), machine{"Go: 1"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"(benchmarks.svg)", "| N=1,000 |", "[1] mostly evalsha", "- Go: 1"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(page), "benchmarks.svg")); err != nil {
		t.Error(err)
	}
	t.Run("without points there is no plot", func(t *testing.T) {
		page := filepath.Join(t.TempDir(), "b.md")
		if err := writeReport(page, someOutcomes()[2:], nil); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(page)
		if err != nil || strings.Contains(string(text), ".svg") {
			t.Errorf("the page names a plot, or is not there (%v):\n%s", err, text)
		}
	})
}
