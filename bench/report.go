package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// textReport is what a run prints.
func textReport(outcomes []outcome, m machine) string {
	rows, notes := cells(outcomes)
	var b strings.Builder
	b.WriteString(textTable(header, rows))
	b.WriteString("\n")
	for i, note := range notes {
		b.WriteString("[" + strconv.Itoa(i+1) + "] " + note + "\n")
	}
	b.WriteString("\n" + strings.Join(legend, "\n") + "\n\n" + strings.Join(m, "\n") + "\n")
	return b.String()
}

// markdownReport is the page of the documentation; plot is the file name of the plot.
func markdownReport(outcomes []outcome, m machine, plot string) string {
	rows, notes := cells(outcomes)
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nThis page is written by `make bench BENCH='-write docs/benchmarks.md'`: one program, one run, everything on loopback " +
		"against an upstream of its own, real redis-servers, API and worker as processes of their own. Times on one machine drift " +
		"from hour to hour; what can be compared are the ratios of a row, whose systems were measured in turn.\n\n")
	if plot != "" {
		b.WriteString("![Completion time against N](" + plot + ")\n\n")
	}
	b.WriteString(markdownTable(header, rows) + "\n")
	for i, note := range notes {
		b.WriteString("[" + strconv.Itoa(i+1) + "] " + note + "  \n")
	}
	b.WriteString("\n## How to read it\n\n")
	writeList(&b, legend)
	b.WriteString("\n## Measured on\n\n")
	writeList(&b, m)
	return b.String()
}

func writeList(b *strings.Builder, lines []string) {
	for _, line := range lines {
		b.WriteString("- " + line + "\n")
	}
}

// writeReport writes the page, and a plot beside it where there are points for one.
func writeReport(path string, outcomes []outcome, m machine) error {
	name := ""
	if lines := plotLines(outcomes); len(lines) > 0 {
		file := strings.TrimSuffix(path, filepath.Ext(path)) + ".svg"
		if err := writePage(file, drawPlot(lines)); err != nil {
			return err
		}
		name = filepath.Base(file)
	}
	return writePage(path, markdownReport(outcomes, m, name))
}

// writePage writes a file that everyone may read.
func writePage(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // it is documentation
}
