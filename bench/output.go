package main

import (
	"bytes"
	"log"
	"regexp"
	"strings"
	"sync"
)

// tailLines is how much of a child's output is kept for the message of an error.
const tailLines = 20

// complaint is a line that should not pass unseen: a benchmark of something that
// warns measures something else than it says.
var complaint = regexp.MustCompile(`level=(WARN|ERROR)|^panic:|^fatal error:`)

// output reads what a child says, line by line.
type output struct {
	name  string
	ready chan string // gets the first group of the first line that matches

	mu      sync.Mutex
	pattern *regexp.Regexp // nil once a line has matched
	partial []byte
	last    []string
}

func newOutput(name string, ready *regexp.Regexp) *output {
	return &output{name: name, pattern: ready, ready: make(chan string, 1)}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte{'\n'})
		if !found {
			return len(p), nil
		}
		o.line(string(line))
		o.partial = append(o.partial[:0], rest...)
	}
}

func (o *output) line(line string) {
	if o.last = append(o.last, line); len(o.last) > tailLines {
		o.last = o.last[1:]
	}
	if complaint.MatchString(line) {
		log.Printf("    %s says: %s", o.name, line)
	}
	if o.pattern == nil {
		return
	}
	if groups := o.pattern.FindStringSubmatch(line); groups != nil {
		o.pattern = nil
		o.ready <- append(groups, "")[1]
	}
}

// tail is the end of what the child said.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(append(o.last[:len(o.last):len(o.last)], string(o.partial)), "\n")
}
