package openapitest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	// mostBytes is what is held against a schema at once, and mostLines of how many lines.
	// Whatever is longer says the same over and over.
	mostBytes = 256 << 10
	mostLines = 20

	ndjson = "application/x-ndjson"
)

// common are headers that HTTP has for every answer, and the document does not repeat.
var common = []string{
	"Allow", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Security-Policy", "Content-Type", "Date",
	"Keep-Alive", "Referrer-Policy", "Transfer-Encoding", "Vary", "X-Accel-Buffering", "X-Content-Type-Options",
}

// Check returns all in an answer that the document does not promise. The body is read from
// a copy, such as it came; "" where nobody has read it, or where it is compressed.
// Where the document tells of no such operation it has nothing to say of the answer.
func (d *Document) Check(method, path string, status int, header http.Header, body []byte) error {
	path, _, _ = strings.Cut(path, "?")
	op := d.operation(method, path)
	if op == nil {
		return nil
	}
	where := fmt.Sprintf("%s %s answers %d", method, path, status)
	response, documented := op.Responses[strconv.Itoa(status)]
	if !documented {
		return fmt.Errorf("%s, which is not documented", where)
	}
	var undocumented []error
	known := slices.Clone(common)
	for name := range response.Headers {
		known = append(known, http.CanonicalHeaderKey(name))
	}
	for name := range header {
		if !slices.Contains(known, name) {
			undocumented = append(undocumented, fmt.Errorf("%s with the header %s, which is not documented", where, name))
		}
	}
	contentType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	if _, ok := response.Content[contentType]; !ok && len(body) > 0 {
		undocumented = append(undocumented, fmt.Errorf("%s as %q, which is not documented", where, contentType))
	}
	for _, part := range parts(contentType, body) {
		if err := d.conforms(method, path, status, header, part); err != nil {
			undocumented = append(undocumented, fmt.Errorf("%s and does not conform: %w", where, err))
		}
	}
	return errors.Join(undocumented...)
}

// parts are what of the body is held against the schema: all of it, or each line.
func parts(contentType string, body []byte) [][]byte {
	switch {
	case len(body) == 0 || len(body) > mostBytes:
		return nil
	case contentType != ndjson:
		return [][]byte{body}
	}
	lines := bytes.SplitN(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"), mostLines+1)
	return lines[:min(len(lines), mostLines)]
}

// conforms holds headers and body against their schemas.
func (d *Document) conforms(method, path string, status int, header http.Header, body []byte) error {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	request, err := http.NewRequest(method, "http://gather"+path, http.NoBody) //nolint:noctx // goes nowhere
	if err != nil {
		return err
	}
	response := &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: request}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, found := d.found.ValidateHttpResponse(request, response)
	return errors.Join(told(found)...)
}
