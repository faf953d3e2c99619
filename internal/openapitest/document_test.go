package openapitest

import (
	"net/http"
	"strings"
	"testing"
)

const pets = `{
  "openapi": "3.1.0", "info": {"title": "Pets", "version": "1"},
  "paths": {"/pets/{id}": {"get": {
    "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
    "responses": {
      "200": {"description": "A pet.", "headers": {"x-tag": {"schema": {"type": "integer"}}}, "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
        "application/x-ndjson": {"schema": {"oneOf": [{"$ref": "#/components/schemas/Pet"}]}}
      }},
      "404": {"description": "None."}
    }}}},
  "components": {"schemas": {
    "Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "owner": {"$ref": "#/components/schemas/Owner"}, "any": {}}},
    "Owner": {"type": "object", "properties": {"age": {"type": "integer"}}}
  }}
}`

func TestDocument_Check(t *testing.T) {
	d, err := Read([]byte(pets))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Read([]byte(pets)); again != d {
		t.Error("it is read twice")
	}
	if ops := d.Operations(); len(ops) != 1 || ops[0] != "GET /pets/{id}" {
		t.Errorf("%q", ops)
	}
	const jsonType = "application/json"
	for name, c := range map[string]struct {
		method, path string
		status       int
		header       http.Header
		contentType  string
		body         string
		fault        string // "" for none
	}{
		"as promised":               {"GET", "/pets/7?x=1", 200, http.Header{"X-Tag": {"7"}}, jsonType, `{"name":"a","owner":{"age":3},"any":{"x":1}}`, ""},
		"nothing":                   {"GET", "/pets/7", 404, nil, "", "", ""},
		"a head":                    {"HEAD", "/pets/7", 200, nil, jsonType, "", ""},
		"a header of HTTP":          {"GET", "/pets/7", 404, http.Header{"Date": {"x"}}, "", "", ""},
		"a path that is none":       {"GET", "/cats", 500, nil, "", "", ""},
		"a method that is none":     {"PUT", "/pets/7", 405, nil, "", "", ""},
		"lines":                     {"GET", "/pets/7", 200, nil, ndjson, "{\"name\":\"a\"}\n{\"name\":\"b\"}\n", ""},
		"another status":            {"GET", "/pets/7", 500, nil, "", "", "GET /pets/7 answers 500, which is not documented"},
		"another header":            {"GET", "/pets/7", 404, http.Header{"X-Tag": {"7"}}, "", "", "X-Tag, which is not documented"},
		"another type":              {"GET", "/pets/7", 200, nil, "text/plain", "a", `"text/plain", which is not documented`},
		"a body that is not":        {"GET", "/pets/7", 404, nil, jsonType, "{}", `"application/json", which is not documented`},
		"a field too many":          {"GET", "/pets/7", 200, nil, jsonType, `{"name":"a","wings":2}`, "wings"},
		"one within":                {"GET", "/pets/7", 200, nil, jsonType, `{"name":"a","owner":{"wings":2}}`, "wings"},
		"a field missing":           {"GET", "/pets/7", 200, nil, jsonType, `{}`, "name"},
		"a field of another type":   {"GET", "/pets/7", 200, nil, jsonType, `{"name":1}`, "name"},
		"a header of another type":  {"GET", "/pets/7", 200, http.Header{"X-Tag": {"x"}}, jsonType, `{"name":"a"}`, "x-tag"},
		"a second line that is not": {"GET", "/pets/7", 200, nil, ndjson, "{\"name\":\"a\"}\n{\"wings\":2}\n", "does not conform"},
	} {
		t.Run(name, func(t *testing.T) {
			header := c.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			if c.contentType != "" {
				header.Set("Content-Type", c.contentType)
			}
			err := d.Check(c.method, c.path, c.status, header, []byte(c.body))
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v, want %q", err, c.fault)
			}
		})
	}
}

func TestRead_Invalid(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":          `{`,
		"no document":      `{}`,
		"a type that none": strings.Replace(pets, `{"type": "integer"}`, `{"type": "number of legs"}`, 1),
		"one of a field":   strings.Replace(pets, `"age": {"type": "integer"}`, `"age": {"type": "number of years"}`, 1),
		"no description":   strings.Replace(pets, `{"description": "None."}`, `{}`, 1),
		"an unknown field": strings.Replace(pets, `"info"`, `"x": 1, "info"`, 1),
		"a dead reference": strings.Replace(pets, `schemas/Owner"`, `schemas/Nobody"`, 1),
	} {
		if _, err := Read([]byte(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
