package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
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
			},
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

// serveDocument writes the document once, when all operations are in it.
func (a *API) serveDocument() {
	doc := a.huma.OpenAPI()
	for _, name := range []string{"Aggregation", "Counts", "Fault", "ItemError", "Page", "Problem", "Result"} {
		if s := doc.Components.Schemas.Map()[name]; s != nil {
			s.AdditionalProperties = nil // answers may grow fields; clients should not mind
		}
	}
	doc.Components.Schemas.Map()["Problem"].Properties["type"].Description += " Else " + namespace + "… with " + kindNames() + "."
	asJSON, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // the document is made of constants
	}
	asYAML, err := doc.YAML()
	if err != nil {
		panic(err)
	}
	a.echo.GET("/openapi.json", static("application/json", asJSON))
	a.echo.GET("/openapi.yaml", static("application/yaml", asYAML))
}

func static(contentType string, content []byte) echo.HandlerFunc {
	return func(c echo.Context) error { return c.Blob(http.StatusOK, contentType, content) }
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
	headerLocation   = textHeader("Where the aggregation is.", "/v1/aggregations/agg_01JDZ8F9W3K2M4N6P8R0T2V4X6")
	headerRetryAfter = &huma.Header{Description: "Come back after so many seconds.", Schema: secondsText}
	headerApplied    = textHeader("The preference that was followed; a wait as it was cut to the server's limit.", "wait=10")
	headerReplayed   = textHeader("true: this Idempotency-Key was used before, and nothing new runs.", "true")
	headerETag       = textHeader("Strong tag of the finished aggregation.", `"agg_01JDZ8F9W3K2M4N6P8R0T2V4X6.0.18c2f1a2b3c.results"`)
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
	return map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](a)}}
}

// answers are the documented answers of one operation, by status.
type answers map[int]*huma.Response

// responses adds the errors that the operation may answer, each with what it means here.
func (a *API) responses(good answers, bad map[int]string) map[string]*huma.Response {
	all := make(map[string]*huma.Response)
	for status, r := range good {
		all[strconv.Itoa(status)] = r
	}
	content := map[string]*huma.MediaType{problemType: {Schema: schemaOf[problem](a)}}
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
	paramTraceparent  = requestHeader("traceparent", "W3C trace context: the aggregation's work becomes part of this trace.", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	paramIfNoneMatch  = requestHeader("If-None-Match", "The ETag that you have; 304 where it is still right.", "")
	paramRequestID    = requestHeader("X-Request-Id", "Your name for the request; up to 128 letters, digits and -_.:/+=.", "")
)
