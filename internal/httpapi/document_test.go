package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gather"

	"github.com/labstack/echo/v4"

	"gather/internal/openapitest"
)

// undocumented are the routes that the document leaves out, and why.
var undocumented = map[string]string{
	"GET /api":                 "/api/ without its slash",
	"GET /api/aggregated":      "the same",
	"GET /api/aggregated_sync": "the same",
	"GET /console/*":           "the files of the console's page",
}

// ofAnother reports whether a route belongs to asynq's dashboard, which answers for itself.
func ofAnother(r *echo.Route) bool {
	return strings.HasPrefix(r.Path, routeMonitor) && (r.Path != routeMonitor || r.Method != http.MethodGet)
}

// everything is a service with all that can be switched on.
func everything(t *testing.T) *service {
	t.Helper()
	return serveGuarded(t, func(o *Options) {
		o.MaxBody = 1000
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
		o.Limiter, o.Rate = &fakeLimiter{answer: gather.Allowance{Granted: true}}, gather.Rate{PerSecond: 1, Burst: 1}
	})
}

// TestDocument_isOpenAPI holds the document against OpenAPI's own schema, with everything
// switched on and with nothing.
func TestDocument_isOpenAPI(t *testing.T) {
	for name, s := range map[string]*service{"everything": everything(t), "nothing": serve(t)} {
		text := s.get("/openapi.json").want(t, 200).body
		if _, err := openapitest.Read(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		yaml := s.get("/openapi.yaml").want(t, 200)
		if yaml.Header.Get("Content-Type") != yamlType || !strings.HasPrefix(string(yaml.body), "components:") && !strings.Contains(string(yaml.body), "openapi: 3.1.0") {
			t.Errorf("%s: %v", name, yaml.Header)
		}
	}
}

// TestDocument_routes holds that all that is served is documented, and the other way round.
func TestDocument_routes(t *testing.T) {
	for name, c := range map[string]struct {
		s     *service
		count int
	}{"everything": {everything(t), 20}, "nothing": {serve(t), 15}} {
		documented := c.s.document().Operations()
		var routed []string
		for _, r := range c.s.api.echo.Routes() {
			key := r.Method + " " + strings.ReplaceAll(r.Path, ":id", "{id}")
			if r.Method == echo.RouteNotFound || undocumented[key] != "" || ofAnother(r) {
				continue
			}
			routed = append(routed, key)
			if !slices.Contains(documented, key) {
				t.Errorf("%s: %s is served, but not documented", name, key)
			}
		}
		for _, key := range documented {
			if !slices.Contains(routed, key) {
				t.Errorf("%s: %s is documented, but not served", name, key)
			}
		}
		if len(routed) != c.count {
			t.Errorf("%s: %d routes, want %d", name, len(routed), c.count)
		}
	}
}

// documentBody is what the tests read of the document.
type documentBody struct {
	OpenAPI string
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]operationBody
}

type operationBody struct {
	OperationID, Summary, Description string
	Tags                              []string
	Parameters                        []struct{ Name string }
	Responses                         map[string]responseBody
	Samples                           []sampleBody `json:"x-codeSamples"`
}

type responseBody struct {
	Description string
	Headers     map[string]any
	Content     map[string]struct {
		Schema   map[string]any
		Examples map[string]struct {
			Summary string
			Value   json.RawMessage
		}
	}
}

type sampleBody struct {
	Lang, Label, Source string
	Status              int
}

// TestDocument_words holds that everything is explained, and every error a problem.
func TestDocument_words(t *testing.T) {
	var doc documentBody
	a := everything(t).get("/openapi.json").want(t, 200)
	a.decode(t, &doc)
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "Gather" || doc.Info.Version != "1.2.3" || strings.Contains(string(a.body), "$schema") {
		t.Errorf("%+v", doc.Info)
	}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || op.Responses["500"].Description == "" || op.Responses["default"].Description != "" {
				t.Errorf("%s %s lacks words", method, path)
			}
			for status, r := range op.Responses {
				if r.Description == "" || r.Headers["Server-Timing"] == nil {
					t.Errorf("%s %s %s lacks words or headers", method, path, status)
				}
				if status >= "400" && r.Content[problemType].Schema["$ref"] != "#/components/schemas/Problem" {
					t.Errorf("%s %s %s is no problem", method, path, status)
				}
			}
		}
	}
}

// TestDocument_examples holds that every operation shows how it is asked and what it
// answers, with every status, and that what is shown conforms.
func TestDocument_examples(t *testing.T) {
	s := everything(t)
	var doc documentBody
	s.get("/openapi.json").decode(t, &doc)
	for path, operations := range doc.Paths {
		for method, op := range operations {
			if len(op.Samples) == 0 {
				t.Errorf("%s %s has no example", method, path)
			}
			for _, sample := range op.Samples {
				if op.Responses[strconv.Itoa(sample.Status)].Description == "" || sample.Label == "" || sample.Lang != "Shell" || !strings.HasPrefix(sample.Source, "curl -s") {
					t.Errorf("%s %s: %+v", method, path, sample)
				}
			}
			for status, r := range op.Responses {
				for contentType, media := range r.Content {
					if len(media.Examples) == 0 {
						t.Errorf("%s %s %s has no example", method, path, status)
					}
					for name, example := range media.Examples {
						conforms(t, s, strings.ToUpper(method), path, status, contentType, example.Value)
						if example.Summary == "" || status >= "400" && !strings.Contains(string(example.Value), `"status":`+status) && !strings.Contains(string(example.Value), `"status": `+status) {
							t.Errorf("%s %s %s: %s shows %s", method, path, status, name, example.Value)
						}
					}
				}
			}
		}
	}
}

// conforms holds an example against what the document says that comes.
func conforms(t *testing.T, s *service, method, path, status, contentType string, value json.RawMessage) {
	t.Helper()
	body := []byte(value)
	if text := ""; json.Unmarshal(value, &text) == nil {
		body = []byte(text)
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.ReplaceAll(path, "{id}", exampleID)
	if err := s.document().Check(method, at, code, http.Header{"Content-Type": {contentType}}, body); err != nil {
		t.Errorf("an example: %v", err)
	}
}
