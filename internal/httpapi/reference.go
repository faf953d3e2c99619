package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// reference is the document as a person reads it.
type reference struct {
	Title, Version, Description string
	Groups                      []referenceGroup
	Ways                        []referenceField // to get in
	Schemas                     []referenceSchema
}

type referenceGroup struct {
	Name, Description string
	Operations        []*referenceOperation
}

type referenceOperation struct {
	ID, Method, Path     string
	Summary, Description string
	Key                  string // whether it wants one
	Parameters           []referenceField
	Body                 []referenceField
	Samples              []referenceSample
	Answers              []referenceAnswer
}

// referenceSample is a command, and what comes of it.
type referenceSample struct {
	Title, Command string
	Status, Answer string
}

type referenceAnswer struct {
	Status, Name, Description string
	Refused                   bool
	ContentType               string
	Headers                   []referenceField
	Schemas                   []string // whose names are links
	Examples                  []referenceExample
}

type referenceExample struct{ Title, Text string }

type referenceSchema struct {
	Name   string
	Fields []referenceField
}

// placesOfParameters is the order in which parameters stand.
var placesOfParameters = []string{"path", "query", "header"}

func newReference(doc *huma.OpenAPI) *reference {
	r := &reference{Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description}
	schemas := doc.Components.Schemas.Map()
	for _, tag := range doc.Tags {
		r.Groups = append(r.Groups, referenceGroup{tag.Name, tag.Description, operationsIn(doc, tag.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.SecuritySchemes)) {
		r.Ways = append(r.Ways, referenceField{Name: name, Doc: doc.Components.SecuritySchemes[name].Description})
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		r.Schemas = append(r.Schemas, referenceSchema{name, fieldsOf(schemas, schemas[name], false)})
	}
	return r
}

// operationsIn are the operations with the tag: what is made first, then what is asked of it.
func operationsIn(doc *huma.OpenAPI, tag string) []*referenceOperation {
	var found []*referenceOperation
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodPost: item.Post, http.MethodGet: item.Get, http.MethodDelete: item.Delete} {
			if op != nil && slices.Contains(op.Tags, tag) {
				found = append(found, newReferenceOperation(doc, method, path, op))
			}
		}
	}
	order := []string{http.MethodPost, http.MethodGet, http.MethodDelete}
	slices.SortFunc(found, func(a, b *referenceOperation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), slices.Index(order, a.Method)-slices.Index(order, b.Method))
	})
	return found
}

func newReferenceOperation(doc *huma.OpenAPI, method, path string, op *huma.Operation) *referenceOperation {
	schemas := doc.Components.Schemas.Map()
	r := &referenceOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: op.Description}
	switch {
	case wantsKey(op):
		r.Key = "Wants an API key."
	case len(op.Security) == 0:
		r.Key = "Open to everybody."
	}
	for _, p := range op.Parameters {
		f := newField(schemas, p.Name, p.Schema, true)
		f.Place, f.Required, f.Doc = p.In, p.Required, cmp.Or(p.Description, f.Doc)
		if p.Example != nil {
			f.Example = oneLine(p.Example)
		}
		r.Parameters = append(r.Parameters, f)
	}
	slices.SortStableFunc(r.Parameters, func(a, b referenceField) int {
		return slices.Index(placesOfParameters, a.Place) - slices.Index(placesOfParameters, b.Place)
	})
	if op.RequestBody != nil {
		r.Body = fieldsOf(schemas, op.RequestBody.Content[jsonType].Schema, true)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r.Answers = append(r.Answers, newReferenceAnswer(schemas, status, op.Responses[status]))
	}
	samples, _ := op.Extensions[codeSamples].([]codeSample)
	for _, s := range samples {
		r.Samples = append(r.Samples, newReferenceSample(op, s))
	}
	return r
}

func newReferenceSample(op *huma.Operation, s codeSample) referenceSample {
	status := strconv.Itoa(s.Status)
	sample := referenceSample{Title: s.Label, Command: s.Source, Status: statusLine(status)}
	for _, media := range op.Responses[status].Content {
		if shown := media.Examples[exampleName(s.Label)]; shown != nil {
			sample.Answer = exampleText(shown.Value)
		}
	}
	return sample
}

func newReferenceAnswer(schemas map[string]*huma.Schema, status string, response *huma.Response) referenceAnswer {
	a := referenceAnswer{Status: status, Name: statusLine(status), Description: response.Description, Refused: status >= "400"}
	for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
		header := response.Headers[name]
		f := newField(schemas, name, header.Schema, false)
		f.Doc = header.Description
		if header.Example != nil {
			f.Example = oneLine(header.Example)
		}
		a.Headers = append(a.Headers, f)
	}
	for contentType, media := range response.Content {
		a.ContentType, a.Schemas = contentType, namesOf(media.Schema)
		for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
			if a.Refused { // the others stand with their commands
				a.Examples = append(a.Examples, referenceExample{name, exampleText(media.Examples[name].Value)})
			}
		}
	}
	return a
}

// namesOf are the schemas that an answer's refers to.
func namesOf(s *huma.Schema) (names []string) {
	for _, one := range append([]*huma.Schema{s}, s.OneOf...) {
		if one.Ref != "" {
			names = append(names, nameOfRef(one.Ref))
		}
	}
	return names
}

func nameOfRef(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// statusLine is the status with its name.
func statusLine(status string) string {
	code, _ := strconv.Atoi(status)
	return fmt.Sprintf("%s %s", status, http.StatusText(code))
}

// exampleText is a value to be read: text as it is, all else as indented JSON.
func exampleText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(compactJSON(value)), "", "  ") != nil {
		return ""
	}
	return indented.String()
}

// oneLine is a value to be read within a line.
func oneLine(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return compactJSON(value)
}

func compactJSON(value any) string {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if enc.Encode(value) != nil {
		return ""
	}
	return strings.TrimSpace(text.String())
}
