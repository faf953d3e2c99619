package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// example is an exchange that the document shows: what a client sends, and what it may get.
type example struct {
	// operation is the id of the operation that it belongs to; one that is not served is left out.
	operation string
	// title says what the client wants. It is unique within the operation, and its examples
	// of body, answer and command are found by it.
	title   string
	target  string   // path and query
	headers []string // "Name: value"
	body    string   // JSON, "" for none
	status  int
	// contentType and answer are what comes back; "" for an answer without a body.
	contentType, answer string
}

// exampleServer is where examples send their requests: where make run listens.
const exampleServer = "http://127.0.0.1:8080"

// addExamples puts the examples of requests and of all answers into the document.
func (a *API) addExamples(doc *huma.OpenAPI) {
	served := operationsOf(doc)
	for i := range examples {
		if op := served[examples[i].operation]; op != nil {
			examples[i].addTo(op)
		}
	}
	for id, op := range served {
		for status, response := range op.Responses {
			if media := response.Content[problemType]; media != nil {
				code, _ := strconv.Atoi(status)
				media.Examples = refusalExamples(id, code)
			}
		}
	}
}

// operationsOf are all operations of the document by their ids.
func operationsOf(doc *huma.OpenAPI) map[string]*huma.Operation {
	found := make(map[string]*huma.Operation)
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op != nil {
				found[op.OperationID] = op
			}
		}
	}
	return found
}

func (e *example) addTo(op *huma.Operation) {
	if e.body != "" {
		addExample(op.RequestBody.Content["application/json"], e.title, json.RawMessage(e.body))
	}
	if e.answer != "" {
		addExample(op.Responses[strconv.Itoa(e.status)].Content[e.contentType], e.title, e.value())
	}
	if op.Extensions == nil {
		op.Extensions = make(map[string]any)
	}
	samples, _ := op.Extensions[codeSamples].([]codeSample)
	op.Extensions[codeSamples] = append(samples, codeSample{"Shell", e.title, e.curl(op), e.status})
}

// value is the answer as the document has it: JSON as it is, all else as text.
func (e *example) value() any {
	if strings.HasSuffix(e.contentType, "json") && e.contentType != ndjson {
		return json.RawMessage(e.answer)
	}
	return e.answer
}

func addExample(media *huma.MediaType, title string, value any) {
	if media.Examples == nil {
		media.Examples = make(map[string]*huma.Example)
	}
	media.Examples[exampleName(title)] = &huma.Example{Summary: title, Value: value}
}

// exampleName is the title as a name in the document.
func exampleName(title string) string {
	return strings.ToLower(strings.ReplaceAll(strings.NewReplacer(",", "", "'", "").Replace(title), " ", "-"))
}

// codeSamples is an extension that renderers of OpenAPI documents know: requests as commands.
const codeSamples = "x-codeSamples"

type codeSample struct {
	Lang   string `json:"lang"`
	Label  string `json:"label"`
	Source string `json:"source"`
	Status int    `json:"status"` // of the answer
}

// curl is the request as a command. Quotes don't occur within its parts.
func (e *example) curl(op *huma.Operation) string {
	command := "curl -s"
	switch {
	case e.contentType == ndjson || e.contentType == eventStream:
		command += "N" // as they come
	case e.answer == "":
		command += "i" // the header is all there is
	}
	if op.Method != http.MethodGet && e.body == "" {
		command += " -X " + op.Method
	}
	headers := e.headers
	if wantsKey(op) {
		headers = append([]string{"Authorization: Bearer KEY"}, headers...)
	}
	for _, header := range headers {
		command += " -H '" + header + "'"
	}
	target := exampleServer + e.target
	if strings.ContainsAny(target, "?&") {
		target = "'" + target + "'"
	}
	command += " " + target
	if e.body != "" {
		command += " --json '" + e.body + "'"
	}
	return command
}

// wantsKey reports whether the operation can't be had without a key.
func wantsKey(op *huma.Operation) bool {
	for _, way := range op.Security {
		if len(way) == 0 {
			return false
		}
	}
	return len(op.Security) > 0
}
