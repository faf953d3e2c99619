package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"gather"
)

// maxLine bounds one line of a file of requests, in bytes: a server takes no larger body.
const maxLine = 256 << 20

// item is one request, and where it comes from.
type item struct {
	gather.Request
	// place is for people: "urls.txt:4", or the URL itself where it is an argument.
	place string
	// own are the fields that the line of JSON has set itself, by their names there.
	own map[string]json.RawMessage
}

// faultList collects what is wrong with the input, to tell it all at once.
type faultList []error

const maxFaults = 100

func (f *faultList) add(format string, args ...any) {
	switch {
	case len(*f) < maxFaults:
		*f = append(*f, fmt.Errorf(format, args...))
	case len(*f) == maxFaults:
		*f = append(*f, errors.New("there are more faults than these"))
	}
}

// err is all of them, nil if there are none.
func (f faultList) err() error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return usage(f[0])
	}
	return usagef("%d faults; nothing was sent\n%w", len(f), errors.Join(f...))
}

// readItems reads the requests that a command names: its arguments, then its files.
func readItems(urls, files []string, stdin io.Reader) ([]item, error) {
	var items []item
	var faults faultList
	for _, u := range urls {
		if u == "-" {
			items = readFile(items, u, stdin, &faults)
		} else {
			items = addURLs(items, u, u, &faults)
		}
	}
	for _, name := range files {
		items = readFile(items, name, stdin, &faults)
	}
	if len(faults) == 0 && len(items) == 0 {
		faults.add("there is nothing to send; give URLs, or -f FILE with one a line (-f - reads standard input)")
	}
	return items, faults.err()
}

// addURLs adds the requests that a URL with its ranges stands for.
func addURLs(items []item, pattern, place string, faults *faultList) []item {
	urls, err := expand(pattern)
	if err == nil && len(items)+len(urls) > maxExpansion {
		err = tooMany("all together")
	}
	if err != nil {
		faults.add("%s: %w", place, err)
		return items
	}
	for _, u := range urls {
		items = append(items, item{Request: gather.Request{URL: u}, place: placeOf(place, pattern, u)})
	}
	return items
}

// placeOf tells which of the URLs of a pattern it is.
func placeOf(place, pattern, url string) string {
	if url == pattern {
		return place
	}
	if place == pattern {
		return url
	}
	return place + " (" + url + ")"
}

// readFile adds the requests of a file, or of standard input if its name is "-".
func readFile(items []item, name string, stdin io.Reader, faults *faultList) []item {
	r, label := stdin, "stdin"
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // the user says which file to read
		if err != nil {
			faults.add("-f: %w", err)
			return items
		}
		defer func() { _ = f.Close() }()
		r, label = f, name
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		items = readLine(items, lines.Bytes(), fmt.Sprintf("%s:%d", label, n), faults)
	}
	if err := lines.Err(); err != nil {
		faults.add("%s:%d: %w", label, n+1, err)
	}
	return items
}

// readLine adds what one line stands for: a URL, a request as JSON, or nothing.
func readLine(items []item, line []byte, place string, faults *faultList) []item {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))) // a byte order mark
	switch {
	case len(line) == 0 || line[0] == '#':
		return items
	case !utf8.Valid(line): // reading it as JSON would replace what is not
		faults.add("%s: must be text in UTF-8; bodies are text or JSON, never binary", place)
		return items
	case line[0] != '{':
		return addURLs(items, string(line), place, faults)
	}
	it := item{place: place}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&it.Request); err != nil {
		faults.add("%s: is not a request as JSON: %s", place, strings.TrimPrefix(err.Error(), "json: "))
		return items
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		faults.add("%s: has more than one request; write each on a line of its own", place)
		return items
	}
	_ = json.Unmarshal(line, &it.own) // it is an object
	if len(items) == maxExpansion {
		faults.add("%s: %w", place, tooMany("all together"))
		return items
	}
	return append(items, it)
}
