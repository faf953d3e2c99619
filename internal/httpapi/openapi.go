package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"gather"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// humaConfig leaves out what huma would serve by itself: $schema fields, schema
// pages, its documentation page, and the document, which it builds under way, unguarded.
func (a *API) humaConfig() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[gather.Duration](), reflect.TypeFor[durationText]())
	schemas.RegisterTypeAlias(reflect.TypeFor[gather.Time](), reflect.TypeFor[time.Time]())
	a.specSchema = schemas.Schema(reflect.TypeFor[gather.Spec](), false, "")
	for _, list := range []string{"urls", "requests"} {
		a.specSchema.Properties[list].MaxItems = &a.opt.MaxRequests
	}
	a.specSchema.PrecomputeMessages()
	format := a.bodyFormat()
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Gather",
				Version:     a.opt.Version,
				Description: "Durable fan-out and fan-in of HTTP requests: give it a list of requests, and have all results in input order, or each as it comes.",
			},
			Components: &huma.Components{Schemas: schemas, SecuritySchemes: securitySchemes},
			Tags: []*huma.Tag{
				{Name: tagAggregations, Description: "Lists of requests, and what came of them."},
				{Name: tagHealth, Description: "For load balancers and people."},
				{Name: tagPages, Description: "For browsers, and for tools that read this document."},
			},
			Servers: []*huma.Server{{URL: "/", Description: "The process that serves this document."}},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format}, // json is what +json comes down to
		DefaultFormat: "application/json",
	}
}

// durationText documents gather.Duration.
type durationText string

// Schema is a string, with a pattern that lets pass what time.ParseDuration reads as 0 or more.
func (durationText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type:        huma.TypeString,
		Pattern:     `^\+?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$`,
		Description: `A Go duration, such as "1.5s" or "2m".`,
		Examples:    []any{"1.5s"},
	}
}

// answerSchemas are those of what the API says itself.
var answerSchemas = []string{
	"Aggregated", "AggregatedSync", "Aggregation", "Counts", "Fault", "Hello", "ItemError", "Liveness", "Page", "Pending", "PendingItem", "Problem", "Readiness", "Result",
}

// serveDocument completes the document, when all operations are in it, and serves it.
func (a *API) serveDocument() {
	doc := a.huma.OpenAPI()
	for _, name := range answerSchemas {
		if s := doc.Components.Schemas.Map()[name]; s != nil {
			s.AdditionalProperties = nil // answers may grow fields; clients should not mind
		}
	}
	a.addExamples(doc)
	doc.Components.Schemas.Map()["Problem"].Properties["type"].Description += " Else " + namespace + "… with " + kindNames() + "."
	a.echo.GET("/openapi.json", made(jsonType, func() ([]byte, error) { return json.MarshalIndent(doc, "", "  ") }))
	a.echo.GET("/openapi.yaml", made(yamlType, doc.YAML))
	a.serveReference(doc)
}

// made serves what is made when somebody first asks for it, and never changes.
func made(contentType string, content func() ([]byte, error)) echo.HandlerFunc {
	content = sync.OnceValues(content)
	return func(c echo.Context) error {
		text, err := content()
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, contentType, text)
	}
}

// schemaOf is a reference to the schema of a type that answers have.
func schemaOf[T any](a *API) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// Header documentation.

var secondsText = &huma.Schema{Type: huma.TypeInteger, Examples: []any{1}}

func textHeader(description string, example any) *huma.Header {
	return &huma.Header{Description: description, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
}

var (
	headerTiming     = textHeader("How long it took here: app, and wait where the client was held. In milliseconds.", "app;dur=1.204")
	headerRequestID  = textHeader("Names the request in the log. Yours, where you sent one.", nil)
	headerLocation   = textHeader("Where the aggregation is.", examplePath)
	headerRetryAfter = &huma.Header{Description: "Come back after so many seconds.", Schema: secondsText}
	headerApplied    = textHeader("The preference that was followed; a wait as it was cut to the server's limit.", "wait=10")
	headerReplayed   = textHeader("true: this Idempotency-Key was used before, and nothing new runs.", "true")
	headerETag       = textHeader("Strong tag of the answer; an aggregation has one once it has finished.", exampleTag)
	headerLink       = textHeader("The next page, with the same filters.", `</v1/aggregations?cursor=abc&limit=50>; rel="next"`)
	headerAllow      = textHeader("The encodings that a body may have.", "identity")
)

type headers map[string]*huma.Header

// answered documents an answer. Some headers are on all of them.
func answered(description string, content map[string]*huma.MediaType, h headers) *huma.Response {
	all := headers{"Server-Timing": headerTiming, "X-Request-Id": headerRequestID}
	for name, header := range h {
		all[name] = header
	}
	return &huma.Response{Description: description, Content: content, Headers: all}
}

func jsonOf[T any](a *API) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{jsonType: {Schema: schemaOf[T](a)}}
}

// answers are the documented answers of one operation, by status.
type answers map[int]*huma.Response

// responses adds the errors that the operation may answer, each with what it means here.
func (a *API) responses(good answers, bad map[int]string) map[string]*huma.Response {
	all := make(map[string]*huma.Response)
	for status, r := range good {
		all[strconv.Itoa(status)] = r
	}
	for status, meaning := range bad {
		h := headers{}
		switch status {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			h["Retry-After"] = headerRetryAfter
		case http.StatusUnsupportedMediaType:
			h["Accept-Encoding"] = headerAllow
		}
		if status == http.StatusUnauthorized {
			h["WWW-Authenticate"] = headerChallenge
		}
		content := map[string]*huma.MediaType{problemType: {Schema: schemaOf[problem](a)}}
		all[strconv.Itoa(status)] = answered(meaning, content, h)
	}
	return all
}

// Meanings of errors that many operations share.
const (
	meansInvalid     = "A parameter is not valid; errors lists all."
	meansNotFound    = "There is no such aggregation, or no longer."
	meansInternal    = "Our fault; the log has more under X-Request-Id."
	meansUnavailable = "Redis is out of reach or refuses to write."
)

func requestHeader(name, description, example string) *huma.Param {
	p := &huma.Param{Name: name, In: "header", Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	if example != "" {
		p.Example = example
	}
	return p
}

var (
	paramPreferCreate = requestHeader("Prefer", "RFC 7240. wait=SECONDS holds the answer until the aggregation finishes, at most so long; respond-async asks for 202.", "wait=10")
	paramPreferRead   = requestHeader("Prefer", "RFC 7240. wait=SECONDS holds the answer until the aggregation finishes, at most so long.", "wait=30")
	paramTraceparent  = requestHeader("traceparent", "W3C trace context: where traces are exported, the aggregation's work becomes part of this one.", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	paramIfNoneMatch  = requestHeader("If-None-Match", "The ETag that you have; 304 where it is still right.", "")
	paramRequestID    = requestHeader("X-Request-Id", "Your name for the request; up to 128 letters, digits and -_.:/+=.", "")
)
