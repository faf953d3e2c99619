package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gather/internal/redistest"
)

// guide is a page of the documentation that somebody follows from top to bottom. These are the
// rules that its blocks are written by:
//
//   - In ```console, lines after "$ " are commands, and what is below each is what it prints;
//     "…" stands for whatever varies, on a line of its own for any number of lines. Blanks
//     in a row count as one. A command ends with 0, unless the next one is "echo $?". One that
//     ends with " &" goes on, and is waited for until it has printed what is shown.
//   - ```json is what the last command before it prints, but for times and ids.
//   - A block after a line that ends with "as `NAME`:" is saved as that file.
//   - Other ```go is a part of a program, which compiles with ctx, c and urls.
//   - <!-- not run: REASON --> has the next block passed over; notRun counts the reasons.
//   - <!-- varies: 1.02, 103ms --> makes these of the next block "…".
//   - <!-- keeps running --> and <!-- stop: COMMAND --> are what terminals of their own are for.
//   - <!-- in the test, 5000 is 300 --> spares the test what only takes longer.
//
// Ports of 127.0.0.1 are free ones in the test, also that of an API that is given none.
type guide struct {
	path   string
	blocks []block
	// numbers are those that are others in the test: ports, and what only takes longer.
	numbers map[string]string
}

// block is a fenced block, and what is said of it before it.
type block struct {
	line    int
	lang    string
	text    string
	file    string   // to save it as
	notRun  string   // why it is passed over
	running bool     // its command keeps running
	stop    string   // command that is stopped before it
	varying []string // what of it stands for anything
	// answered tells that what its last command prints stands in a block of its own.
	answered bool
}

var (
	fence     = regexp.MustCompile("^```([a-z]*)$")
	savedAs   = regexp.MustCompile("as `([^`]+)`:$")
	directive = regexp.MustCompile(`^<!-- (not run|keeps running|stop|varies|in the test)(?:: |, )?(.*) -->$`)
	loopbacks = regexp.MustCompile(`127\.0\.0\.1:(\d{4,5})\b|--port (\d{4,5})\b`)
)

const defaultPort = "8080"

// readGuide reads a page, and gives it ports.
func readGuide(tb testing.TB, path string) *guide {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	g := &guide{path: path, numbers: map[string]string{defaultPort: redistest.FreePort(tb)}}
	for _, found := range loopbacks.FindAllSubmatch(content, -1) {
		if port := string(found[1]) + string(found[2]); g.numbers[port] == "" {
			g.numbers[port] = redistest.FreePort(tb)
		}
	}
	var next block
	lines := strings.Split(string(content), "\n")
	for i := 0; i < len(lines); i++ {
		if found := directive.FindStringSubmatch(lines[i]); found != nil {
			g.direct(tb, &next, found[1], found[2])
		} else if found := savedAs.FindStringSubmatch(lines[i]); found != nil {
			next.file = found[1]
		} else if found := fence.FindStringSubmatch(lines[i]); found != nil {
			length := slices.Index(lines[i+1:], "```")
			next.line, next.lang = i+2, found[1]
			next.text = strings.Join(lines[i+1:i+1+length], "\n")
			g.add(&next)
			i, next = i+1+length, block{}
		}
	}
	for i := range g.blocks {
		g.blocks[i].text = g.inTheTest(g.blocks[i].text)
	}
	return g
}

// direct heeds what stands in a comment before a block.
func (g *guide) direct(tb testing.TB, next *block, what, value string) {
	tb.Helper()
	switch what {
	case "not run":
		next.notRun = value
	case "varies":
		next.varying = strings.Split(value, ", ")
	case "keeps running":
		next.running = true
	case "stop":
		next.stop = value
	case "in the test":
		number, other, found := strings.Cut(value, " is ")
		if !found {
			tb.Fatalf("%s: %q says no number", g.path, value)
		}
		g.numbers[number] = other
	}
}

func (g *guide) add(b *block) {
	for _, varies := range b.varying {
		b.text = strings.ReplaceAll(b.text, varies, "…")
	}
	if b.lang == "json" && b.file == "" && len(g.blocks) > 0 {
		g.blocks[len(g.blocks)-1].answered = true
	}
	g.blocks = append(g.blocks, *b)
}

var digits = regexp.MustCompile(`\b\d+\b`)

// inTheTest is a text with the numbers that it has in the test.
func (g *guide) inTheTest(text string) string {
	return digits.ReplaceAllStringFunc(text, func(number string) string {
		if other := g.numbers[number]; other != "" {
			return other
		}
		return number
	})
}

// step is a command, and what is shown below it.
type step struct {
	command string
	shown   string
}

// steps are the commands of a ```console block. A command goes on for as long as the shell
// finds it unfinished.
func (b *block) steps(tb testing.TB) []step {
	tb.Helper()
	var all []step
	lines := strings.Split(b.text, "\n")
	for i := 0; i < len(lines); i++ {
		command, found := strings.CutPrefix(lines[i], "$ ")
		if !found {
			if len(all) == 0 {
				tb.Fatalf("line %d: a block begins with output", b.line+i)
			}
			all[len(all)-1].shown += lines[i] + "\n"
			continue
		}
		for unfinished(command) && i+1 < len(lines) {
			i++
			command += "\n" + lines[i]
		}
		all = append(all, step{command: command})
	}
	return all
}

func unfinished(command string) bool {
	return strings.HasSuffix(command, `\`) || exec.Command("bash", "-n", "-c", command).Run() != nil
}

var blanks = regexp.MustCompile(`[ \t]+`)

// pattern matches what a command prints where this is shown.
func pattern(shown string) *regexp.Regexp {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(shown, "\n") + "\n") {
		line = strings.TrimRight(line, " \n")
		if line == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		var parts []string
		for part := range strings.SplitSeq(blanks.ReplaceAllString(line, " "), "…") {
			parts = append(parts, regexp.QuoteMeta(part))
		}
		fmt.Fprintf(&b, "%s ?\n", strings.Join(parts, `.*`))
	}
	return regexp.MustCompile(`^` + b.String() + `$`)
}

// prints reports whether output is what is shown, but for empty lines at the end.
func prints(output, shown string) bool {
	output = strings.TrimRight(output, "\n")
	if shown == "" {
		return output == ""
	}
	return pattern(shown).MatchString(blanks.ReplaceAllString(output, " ") + "\n")
}
