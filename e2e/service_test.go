package e2e

import (
	"net/http"
	"strings"
	"testing"
)

func testRefusals(t *testing.T, s *system) {
	unknown := path("agg_01JDZ8F9W3K2M4N6P8R0T2V4X6")
	t.Run("an id that is none", func(t *testing.T) {
		for _, id := range []string{unknown, path("x"), path("agg_"), path("agg_{x}"), path("../healthz")} {
			s.get(t, http.StatusNotFound, id)
			s.get(t, http.StatusNotFound, id+"?wait=1s")
			s.get(t, http.StatusNotFound, id+"/results", ndjson)
			s.get(t, http.StatusNotFound, id+"/events")
			s.do(t, http.StatusNotFound, http.MethodPost, id+"/cancel", nil)
			s.do(t, http.StatusNotFound, http.MethodPost, id+"/retry", nil)
			s.do(t, http.StatusNotFound, http.MethodDelete, id, nil)
		}
	})
	t.Run("a path that is none", func(t *testing.T) {
		for _, p := range []string{"/v1", "/v1/nothing", "/v2/aggregations", unknown + "/nothing"} {
			s.get(t, http.StatusNotFound, p)
		}
	})
	t.Run("a method that is none", func(t *testing.T) {
		for p, method := range map[string]string{aggregations: http.MethodPut, unknown: http.MethodPost, unknown + "/cancel": http.MethodGet} {
			a := s.do(t, http.StatusMethodNotAllowed, method, p, nil)
			if a.header.Get("Allow") == "" {
				t.Errorf("%s %s: no Allow header", method, p)
			}
		}
	})
	t.Run("parameters that make no sense", func(t *testing.T) {
		u := newUpstream(t)
		id := s.run(t, object{"urls": u.urls("/a")}).ID
		for query, location := range map[string]string{
			"?wait=soon": "query.wait", "?wait=-1s": "query.wait", "?results=maybe": "query.results",
		} {
			p := s.get(t, http.StatusUnprocessableEntity, path(id, query)).problem(t)
			wantLocations(t, p, []string{location})
		}
	})
}

func testService(t *testing.T, s *system) {
	t.Run("it is up and ready", func(t *testing.T) {
		s.get(t, http.StatusOK, "/healthz")
		s.get(t, http.StatusOK, "/readyz")
	})
	t.Run("the OpenAPI document is 3.1 and knows every path of the contract", func(t *testing.T) {
		a := s.get(t, http.StatusOK, "/openapi.json")
		document := decode[struct {
			OpenAPI string
			Paths   map[string]map[string]any
		}](t, a)
		if !strings.HasPrefix(document.OpenAPI, "3.1.") {
			t.Errorf("openapi = %q, want 3.1", document.OpenAPI)
		}
		for p, methods := range map[string]string{
			"/v1/aggregations":              "get post",
			"/v1/aggregations/{id}":         "get delete",
			"/v1/aggregations/{id}/results": "get",
			"/v1/aggregations/{id}/events":  "get",
			"/v1/aggregations/{id}/cancel":  "post",
			"/v1/aggregations/{id}/retry":   "post",
			"/healthz":                      "get",
			"/readyz":                       "get",
			"/openapi.json":                 "get",
			"/openapi.yaml":                 "get",
			"/docs":                         "get",
			"/monitor":                      "get",
			"/api/":                         "get",
			"/api/aggregated/":              "get",
			"/api/aggregated_sync/":         "get",
		} {
			for _, method := range strings.Fields(methods) {
				if document.Paths[p][method] == nil {
					t.Errorf("%s %s is not in the document", method, p)
				}
			}
		}
	})
	t.Run("and there is the same as YAML", func(t *testing.T) {
		a := s.get(t, http.StatusOK, "/openapi.yaml")
		if !strings.Contains(string(a.body), "openapi: 3.1") {
			t.Errorf("it begins %.100s", a.body)
		}
	})
}
