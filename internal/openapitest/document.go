// Package openapitest holds answers against the OpenAPI document that promises them: no
// status, no header and no field may come that it does not tell of. It is for tests.
package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	faults "github.com/pb33f/libopenapi-validator/errors"
)

// Document is an OpenAPI 3.1 document that was found valid. It is safe for use by several goroutines.
type Document struct {
	paths []path
	mu    sync.Mutex // the validator promises nothing
	found validator.Validator
}

// path is what the document says of one path, by method in lower case.
type path struct {
	template string
	pattern  *regexp.Regexp
	methods  map[string]operation
}

type operation struct {
	Responses map[string]struct {
		Headers map[string]any
		Content map[string]any
	}
}

// known keeps documents that were read: many processes serve the same.
var known sync.Map // text → *Document

// Read reads a document, and fails where it is none of OpenAPI's.
func Read(text []byte) (*Document, error) {
	if d, ok := known.Load(string(text)); ok {
		return d.(*Document), nil
	}
	if err := valid(text); err != nil {
		return nil, err
	}
	strict, err := closed(text)
	if err != nil {
		return nil, err
	}
	d := new(Document)
	if d.found, err = newValidator(strict); err != nil {
		return nil, err
	}
	if d.paths, err = pathsOf(text); err != nil {
		return nil, err
	}
	known.Store(string(text), d)
	return d, nil
}

// valid holds the document against the schema of OpenAPI itself.
func valid(text []byte) error {
	v, err := newValidator(text)
	if err != nil {
		return err
	}
	defer v.Release()
	_, found := v.ValidateDocument()
	return errors.Join(errors.Join(told(found)...), validSchemas(text))
}

// validSchemas holds all schemas in the document against that of JSON Schema, which
// OpenAPI's leaves open.
func validSchemas(text []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	meta, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		return err
	}
	return eachSchema(document, meta.Validate)
}

// eachSchema calls valid with what stands where OpenAPI has a schema.
func eachSchema(part any, valid func(any) error) (err error) {
	switch part := part.(type) {
	case []any:
		for _, item := range part {
			err = errors.Join(err, eachSchema(item, valid))
		}
	case map[string]any:
		for name, value := range part {
			switch name {
			case "schema":
				err = errors.Join(err, valid(value))
			case "schemas":
				named, _ := value.(map[string]any)
				for _, schema := range named {
					err = errors.Join(err, valid(schema))
				}
			case "example", "examples":
			default:
				err = errors.Join(err, eachSchema(value, valid))
			}
		}
	}
	return err
}

func newValidator(text []byte) (validator.Validator, error) {
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document)
	return v, errors.Join(errs...)
}

// closed is the document with all its objects closed: a client should not mind fields that
// it does not know, and a test should.
func closed(text []byte) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	components, _ := document["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for _, s := range schemas {
		schema, _ := s.(map[string]any)
		if _, open := schema["additionalProperties"]; !open && schema["properties"] != nil {
			schema["additionalProperties"] = false
		}
	}
	return json.Marshal(document)
}

var parameter = regexp.MustCompile(`\\\{[^}]*\\\}`)

func pathsOf(text []byte) ([]path, error) {
	var document struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var paths []path
	for template, methods := range document.Paths {
		pattern := "^" + parameter.ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$"
		paths = append(paths, path{template, regexp.MustCompile(pattern), methods})
	}
	return paths, nil
}

// operation is what answers, nil where the document tells of none. HEAD is answered as GET.
func (d *Document) operation(method, at string) *operation {
	method = strings.ToLower(method)
	if method == "head" {
		method = "get"
	}
	for i := range d.paths {
		if op, ok := d.paths[i].methods[method]; ok && d.paths[i].pattern.MatchString(at) {
			return &op
		}
	}
	return nil
}

// Operations are the methods and paths that the document tells of, such as "GET /healthz".
func (d *Document) Operations() (list []string) {
	for i := range d.paths {
		for method := range d.paths[i].methods {
			list = append(list, strings.ToUpper(method)+" "+d.paths[i].template)
		}
	}
	return list
}

// told are the validator's findings in one line each.
func told(found []*faults.ValidationError) (list []error) {
	for _, f := range found {
		list = append(list, fmt.Errorf("%s: %s", f.Message, f.Reason))
		for _, s := range f.SchemaValidationErrors {
			list = append(list, fmt.Errorf("%s: %s", s.FieldPath, s.Reason))
		}
	}
	return list
}
