package httpapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// referenceField is a field, a parameter or a header.
type referenceField struct {
	Name     string
	Place    string // of a parameter: path, query or header
	Type     string
	Link     string // the schema that the type is or holds, "" for none
	Required bool
	Rules    []string // bounds of the value
	Default  string
	Example  string
	Doc      string
	Fields   []referenceField
}

// fieldsOf are the fields of an object, the required ones first. Nested has those of the
// objects in it stand below them; without, they are links.
func fieldsOf(schemas map[string]*huma.Schema, s *huma.Schema, nested bool) []referenceField {
	s = resolved(schemas, s)
	var fields []referenceField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		f := newField(schemas, name, s.Properties[name], nested)
		f.Required = slices.Contains(s.Required, name)
		fields = append(fields, f)
	}
	slices.SortStableFunc(fields, func(a, b referenceField) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return fields
}

func newField(schemas map[string]*huma.Schema, name string, s *huma.Schema, nested bool) referenceField {
	f := referenceField{Name: name, Type: typeOf(s), Doc: s.Description}
	inner := s
	for inner.Items != nil {
		inner = inner.Items
	}
	if inner.Ref != "" {
		f.Link = nameOfRef(inner.Ref)
		if f.Doc == "" {
			f.Doc = resolved(schemas, inner).Description
		}
		if nested {
			f.Fields = fieldsOf(schemas, inner, true)
		}
	}
	f.Rules = rulesOf(s)
	if s.Default != nil {
		f.Default = oneLine(s.Default)
	}
	if len(s.Examples) > 0 {
		f.Example = oneLine(s.Examples[0])
	}
	return f
}

func resolved(schemas map[string]*huma.Schema, s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return schemas[nameOfRef(s.Ref)]
	}
	return s
}

// typeOf is the type in words.
func typeOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return nameOfRef(s.Ref)
	case s.Type == huma.TypeArray && s.Items != nil:
		return "array of " + typeOf(s.Items)
	case s.Type == huma.TypeObject:
		if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
			return "map of " + typeOf(values)
		}
	case s.Type == "":
		return "any JSON"
	}
	if s.Format != "" && s.Type == huma.TypeString {
		return s.Type + ", " + s.Format
	}
	return s.Type
}

// rulesOf are the bounds that the schema sets.
func rulesOf(s *huma.Schema) []string {
	var rules []string
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		rules = append(rules, "one of "+strings.Join(values, ", "))
	}
	rules = append(rules, span("", s.Minimum, s.Maximum)...)
	rules = append(rules, span(" characters", s.MinLength, s.MaxLength)...)
	rules = append(rules, span(" items", s.MinItems, s.MaxItems)...)
	return rules
}

// span is a lowest and a highest value, of which either may be missing.
func span[N int | float64](unit string, lowest, highest *N) []string {
	switch {
	case lowest != nil && highest != nil:
		return []string{fmt.Sprintf("%v to %v%s", *lowest, *highest, unit)}
	case lowest != nil:
		return []string{fmt.Sprintf("%v%s or more", *lowest, unit)}
	case highest != nil:
		return []string{fmt.Sprintf("at most %v%s", *highest, unit)}
	}
	return nil
}
