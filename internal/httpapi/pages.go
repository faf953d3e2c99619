package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

const (
	htmlType = "text/html"
	yamlType = "application/yaml"
	// metricsType is Prometheus' text format; who asks for OpenMetrics gets that.
	metricsType = "text/plain"
)

// textSchema documents an answer that is no JSON.
var textSchema = &huma.Schema{Type: huma.TypeString}

func textOf(contentType string) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{contentType: {Schema: textSchema}}
}

// describePages documents what is served beside the operations that huma reads.
func (a *API) describePages() {
	a.describe(a.pageOperation("document-json", "/openapi.json", "This document", "OpenAPI 3.1: every operation, field and status code, with examples.",
		map[string]*huma.MediaType{jsonType: {Schema: &huma.Schema{Type: huma.TypeObject}}}))
	a.describe(a.pageOperation("document-yaml", "/openapi.yaml", "This document as YAML", "The same as /openapi.json.", textOf(yamlType)))
	a.describe(a.pageOperation("reference", routeDocs, "This document as a page", "Made from the same; it asks for nothing else.", textOf(htmlType)))
	a.describe(a.consoleOperation())
	if a.opt.Metrics != nil {
		a.describe(a.metricsOperation())
	}
	if a.opt.Monitor != nil {
		a.describe(a.monitorOperation())
	}
	if a.opt.Demo {
		doc := a.huma.OpenAPI()
		doc.Tags = append(doc.Tags, &huma.Tag{Name: tagDemo, Description: "A slow service, and what Gather makes of it. The slash at the end may be left out."})
	}
}

// describe documents a route that huma does not know: a page or a file.
func (a *API) describe(op huma.Operation) { a.huma.OpenAPI().AddOperation(&op) }

// pageOperation is one that everybody may ask for, and that can only be answered in one way.
func (a *API) pageOperation(id, path, summary, description string, content map[string]*huma.MediaType) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{tagPages}, Summary: summary, Description: description,
		Parameters: []*huma.Param{paramRequestID},
		Responses:  a.responses(answers{http.StatusOK: answered("Here it is.", content, nil)}, map[int]string{500: meansInternal}),
	}
}

func (a *API) consoleOperation() huma.Operation {
	op := a.pageOperation("console", routeConsole, "The console",
		"Compose, watch, read and list aggregations in a browser. It asks for a key where there are keys.", textOf(htmlType))
	tagged := headers{"ETag": headerETag}
	op.Responses["200"] = answered("Here it is.", textOf(htmlType), tagged)
	op.Responses["304"] = answered("You have it.", nil, tagged)
	op.Parameters = append(op.Parameters, paramIfNoneMatch)
	return op
}

// metricsOperation is open to everybody, unless it is guarded.
func (a *API) metricsOperation() huma.Operation {
	op := a.pageOperation("metrics", routeMetrics, "Metrics", "What this process has counted, for Prometheus. Each worker has its own.", textOf(metricsType))
	if a.opt.Keys == nil || !a.opt.GuardMetrics {
		return op
	}
	op.Security = []map[string][]string{{schemeBearer: {}}}
	for status, response := range a.responses(nil, map[int]string{401: "There is no API key in the request, or none that is in force."}) {
		op.Responses[status] = response
	}
	return op
}

// monitorOperation stands for all that asynq's dashboard serves below its path.
func (a *API) monitorOperation() huma.Operation {
	op := a.pageOperation("monitor", routeMonitor, "The queues as a page",
		"asynq's dashboard, and below it its files and an API of its own. A browser asks for a password: an API key, with any name.", textOf(htmlType))
	if a.opt.Keys == nil {
		return op
	}
	op.Security = []map[string][]string{{schemeBearer: {}}, {schemeBasic: {}}}
	for status, response := range a.responses(nil, map[int]string{
		401: "There is no API key in the request, or none that is in force.",
		403: "The monitor is not open to the owner of this key.",
	}) {
		op.Responses[status] = response
	}
	return op
}
