package httpapi

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"gather"

	"github.com/labstack/echo/v4"
)

// TestDocument_answers has every operation give every answer that the document tells of,
// each of which the harness holds against it.
func TestDocument_answers(t *testing.T) {
	var doc documentBody
	everything(t).get("/openapi.json").decode(t, &doc)
	for path, operations := range doc.Paths {
		for method, op := range operations {
			for status := range op.Responses {
				if status == "408" { // takes its time: see TestCreate_BodyThatDoesNotCome
					continue
				}
				t.Run(op.OperationID+" "+status, func(t *testing.T) {
					p := provocation{t: t, s: everything(t), operation: op.OperationID, method: strings.ToUpper(method), path: path}
					if a := p.provoke(status); strconv.Itoa(a.StatusCode) != status {
						t.Errorf("answered %d: %s", a.StatusCode, a.body)
					}
				})
			}
		}
	}
}

// provocation is one operation that is to give one answer.
type provocation struct {
	t                       *testing.T
	s                       *service
	operation, method, path string
	query, body             string
	headers                 []string
}

// bodies are what operations are sent that want one.
var bodies = map[string]string{"create-aggregation": twoURLs}

// faultyQueries are parameters that operations refuse.
var faultyQueries = map[string]string{
	"list-aggregations": "?limit=0", "get-aggregation": "?wait=soon", "stream-results": "?follow=perhaps", "stream-events": "?last_event_id=x",
	"demo-hello": "?delay_ms=-1", "demo-aggregated": "?num=0", "demo-aggregated-sync": "?num=0",
}

// provoke sends what is answered with the status.
func (p *provocation) provoke(status string) answer {
	p.body = bodies[p.operation]
	p.headers = []string{"Authorization", searchKey}
	id := p.existing(status)
	switch status {
	case "200":
		p.well()
	case "304":
		tag := p.send(id).Header.Get("ETag")
		p.headers = append(p.headers, "If-None-Match", tag)
	case "400":
		p.body = "{"
	case "401":
		p.headers = nil
	case "403":
		p.forbid()
	case "406":
		p.headers = append(p.headers, "Accept", "text/html")
	case "409":
		p.conflict(&id)
	case "413":
		p.body = `{"urls":["` + strings.Repeat("x", 2000) + `"]}`
	case "415":
		p.headers = append(p.headers, "Content-Type", "text/plain")
	case "422":
		p.query = faultyQueries[p.operation]
		p.body = strings.ReplaceAll(p.body, "urls", "url")
	case "429":
		p.s.api.opt.Limiter = &fakeLimiter{}
	case "500":
		p.s.api.echo.Use(func(echo.HandlerFunc) echo.HandlerFunc {
			return func(echo.Context) error { return errors.New("a bug") }
		})
	case "503":
		p.s.store.set(func() { p.s.store.err = gather.ErrUnavailable })
		if p.operation == "demo-hello" {
			p.s.api.Close()
		}
	}
	return p.send(id)
}

// existing is the id of an aggregation that suits the operation and the status.
func (p *provocation) existing(status string) string {
	switch {
	case status == "404":
		return "agg_none"
	case p.operation == "cancel-aggregation":
		return p.s.store.add(p.t, 2)
	}
	return p.s.store.addFinished(p.t, 2)
}

// well has nothing stand in the way of success.
func (p *provocation) well() {
	p.s.store.set(func() { p.s.store.finishAtOnce = true })
	p.headers = append(p.headers, "Prefer", "wait=10")
	if p.operation == "demo-hello" {
		p.query = "?delay_ms=0"
	}
}

func (p *provocation) forbid() {
	if p.operation == "monitor" {
		p.s.api.opt.MonitorOwners = []string{"nobody"}
		return
	}
	p.headers = append(p.headers, "Sec-Fetch-Site", "cross-site")
}

// conflict asks for what can't be in the state that the aggregation is in.
func (p *provocation) conflict(id *string) {
	switch p.operation {
	case "create-aggregation":
		p.headers = append(p.headers, "Idempotency-Key", "k")
		made := p.send("").aggregation(p.t).ID
		if err := p.s.store.Delete(p.t.Context(), made); err != nil {
			p.t.Fatal(err)
		}
	case "cancel-aggregation":
		*id = p.s.store.addFinished(p.t, 1)
	case "retry-aggregation":
		*id = p.s.store.add(p.t, 1)
	}
}

func (p *provocation) send(id string) answer {
	p.t.Helper()
	return p.s.do(p.method, strings.ReplaceAll(p.path, "{id}", id)+p.query, p.body, p.headers...)
}
