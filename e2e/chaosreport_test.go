package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// line is what one fault came to: a row of the table in docs/reliability.md.
type line struct {
	accepted, finished int // aggregations
	items              int
	lost               int // items of accepted aggregations without the result that they should have
	twice              int // results beyond one an item
	sent               int // requests that the upstream got
	requests           int // of clients
	hung               int // of those, without an answer within their bound
	recovery           time.Duration
	notes              []string
}

// also adds what else was measured.
func (l *line) also(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

// hold wants nothing lost, recorded twice or hung.
func (l *line) hold(t *testing.T) {
	t.Helper()
	if l.lost != 0 || l.twice != 0 || l.hung != 0 || l.finished != l.accepted {
		t.Errorf("accepted %d, finished %d, lost %d items, recorded %d twice, %d requests hung; want all finished, and 0 of the others",
			l.accepted, l.finished, l.lost, l.twice, l.hung)
	}
}

const tableHead = `| fault | accepted | finished | items | lost | twice | requests sent | clients' requests | hung | longest recovery | also |
|---|---|---|---|---|---|---|---|---|---|---|
`

func (l *line) row(fault string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %.1f s | %s |\n", fault,
		l.accepted, l.finished, l.items, l.lost, l.twice, l.sent, l.requests, l.hung, l.recovery.Seconds(), strings.Join(l.notes, "; "))
}

// report is the table of one run. Faults begin with their number, by which they are sorted.
var report struct {
	sync.Mutex
	rows []string
}

// print ends a test of a fault with its line.
func (l *line) print(t *testing.T, fault string) {
	t.Helper()
	row := l.row(fault)
	if inChaos {
		fmt.Print(row) // at once
	}
	if inChaos && !t.Failed() {
		report.Lock()
		defer report.Unlock()
		report.rows = append(report.rows, row)
	}
}

// The table stands between these in the file that GATHER_CHAOS_DOC names.
const (
	tableBegin = "<!-- make chaos writes from here -->\n"
	tableEnd   = "<!-- to here -->\n"
)

// printReport shows the table, and writes it to the file that GATHER_CHAOS_DOC names. There the
// rows of faults that were not part of this run stay.
func printReport() error {
	if len(report.rows) == 0 {
		return nil
	}
	fmt.Print("\n", tableHead, strings.Join(sortedRows(report.rows), ""), "\n")
	file := os.Getenv("GATHER_CHAOS_DOC")
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	old, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		return fmt.Errorf("%s has no lines %q and %q", file, tableBegin, tableEnd)
	}
	rows := report.rows
	for row := range strings.Lines(strings.TrimPrefix(old, tableHead)) {
		if !slices.ContainsFunc(rows, func(r string) bool { return faultOf(r) == faultOf(row) }) {
			rows = append(rows, row)
		}
	}
	return os.WriteFile(file, []byte(before+tableBegin+tableHead+strings.Join(sortedRows(rows), "")+tableEnd+after), 0o600)
}

// faultOf is the first column of a row.
func faultOf(row string) string { return strings.Split(row, "|")[1] }

func sortedRows(rows []string) []string {
	return slices.SortedFunc(slices.Values(rows), func(a, b string) int { return strings.Compare(faultOf(a), faultOf(b)) })
}
