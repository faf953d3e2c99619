package e2e

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"gather/internal/openapitest"
)

// promises are what an API's document says of its answers.
type promises struct {
	tb   testing.TB
	base string
	http *http.Client

	mu       sync.Mutex
	document *openapitest.Document
}

// check holds an answer against the document: no status, no header and no field may come
// that it does not tell of.
func (p *promises) check(method, path string, a *answer) {
	p.tb.Helper()
	document := p.read()
	if document == nil {
		return
	}
	body := a.body
	if a.header.Get("Content-Encoding") != "" || method == http.MethodHead {
		body = nil
	}
	if err := document.Check(method, path, a.status, a.header, body); err != nil {
		p.tb.Errorf("against the document: %v", err)
	}
}

// read gets the document once; nil where the API has gone since it answered.
func (p *promises) read() *openapitest.Document {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.document != nil {
		return p.document
	}
	resp, err := p.http.Get(p.base + "/openapi.json")
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	document, err := openapitest.Read(text)
	if err != nil {
		p.tb.Errorf("the document of %s: %v", p.base, err)
		return nil
	}
	p.document = document
	return document
}
