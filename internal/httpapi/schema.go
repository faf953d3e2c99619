package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"gather"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// huma makes its own errors with these hooks. They are package variables there,
// and this is the only package that uses huma.
func init() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(nil, status, msg, errs)
	}
	huma.NewErrorWithContext = func(c huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(c, status, msg, errs)
	}
}

// humaProblem is the problem for what huma found wrong with a request. Its
// messages are taken over only where they come from the schema: others repeat
// parts of the request.
func humaProblem(c huma.Context, status int, msg string, errs []error) *problem {
	switch {
	case status == http.StatusRequestEntityTooLarge && c != nil:
		return tooLarge(c.Operation().MaxBodyBytes - 1)
	case status == http.StatusRequestTimeout:
		return statusProblem(status, "the body did not arrive within %v", bodyTimeout)
	case msg == "request body is required":
		return statusProblem(status, "the body is empty; send a JSON object")
	case msg == "cannot read request body":
		return statusProblem(http.StatusBadRequest, "the body ended too early")
	}
	p := invalid()
	for _, err := range errs {
		if detail := (*huma.ErrorDetail)(nil); errors.As(err, &detail) {
			p.Errors = append(p.Errors, faultOf(detail))
		}
	}
	for _, err := range errs {
		refusal := (*problem)(nil)
		if !errors.As(err, &refusal) {
			continue
		}
		if refusal.Status != p.Status {
			return refusal
		}
		p.Errors = append(p.Errors, refusal.Errors...)
	}
	return p
}

// wrongType are huma's words for a value of a wrong type, and ours.
var wrongType = map[string]string{
	validation.MsgExpectedString:  "must be a string",
	validation.MsgExpectedInteger: "must be an integer",
	validation.MsgExpectedNumber:  "must be a number",
	validation.MsgExpectedBoolean: "must be true or false",
	validation.MsgExpectedArray:   "must be an array",
	validation.MsgExpectedObject:  "must be an object",
}

// worded are other messages of huma that read better beside those of package gather.
var worded = map[string]string{
	validation.MsgUnexpectedProperty: "is not a field of this API",
	"invalid integer":                "must be an integer",
	"invalid boolean":                "must be true or false",
}

// requestFields are fields of a request that are easily taken for ones of the aggregation.
var requestFields = []string{"url", "method", "headers", "body", "body_text", "timeout", "retry", "expect_status"}

// bounds turns huma's words for values out of bounds into ours.
var bounds = strings.NewReplacer(
	"expected value to ", "must ",
	"expected string to ", "must ",
	"expected number ", "must be ",
	"expected length ", "must have a length ",
	"expected array length ", "must have a length ",
)

var requiredPrefix, requiredSuffix, _ = strings.Cut(validation.MsgExpectedRequiredProperty, "%s")

// faultOf is huma's finding in our words, at the place of the field itself, and
// without the value.
func faultOf(d *huma.ErrorDetail) gather.Fault {
	location, message := dotted.Replace(d.Location), d.Message
	if name, ok := strings.CutPrefix(message, requiredPrefix); ok {
		return gather.Fault{Location: location + "." + strings.TrimSuffix(name, requiredSuffix), Message: "is required"}
	}
	if top, _ := strings.CutPrefix(location, "body."); message == validation.MsgUnexpectedProperty && slices.Contains(requestFields, top) {
		return gather.Fault{Location: location, Message: "is not a field of an aggregation; it belongs in each of requests"}
	}
	if ours, ok := wrongType[message]; ok {
		message = ours
	} else if ours, ok := worded[message]; ok {
		message = ours
	}
	return gather.Fault{Location: location, Message: bounds.Replace(message)}
}

// checkSchema holds the document against the schema that is published.
func (a *API) checkSchema(document any, f *findings) {
	var found huma.ValidateResult
	path := huma.NewPathBuffer(make([]byte, 0, 128), 0)
	path.Push("body")
	undotted(document)
	huma.Validate(a.huma.OpenAPI().Components.Schemas, a.specSchema, path, huma.ModeWriteToServer, document, &found)
	for _, err := range found.Errors {
		detail := (*huma.ErrorDetail)(nil)
		if !errors.As(err, &detail) {
			continue // huma knows no other
		}
		if _, ok := wrongType[detail.Message]; ok {
			f.types = append(f.types, faultOf(detail))
		} else {
			f.schema = append(f.schema, faultOf(detail))
		}
	}
}

// huma's path loses its way at names with the signs that it separates names by,
// such as the label app.kubernetes.io/name: they stand as others meanwhile.
var (
	undot  = strings.NewReplacer(".", "\ue000", "[", "\ue001")
	dotted = strings.NewReplacer("\ue000", ".", "\ue001", "[")
)

// undotted renames the fields of a document wherever the schema looks at names.
func undotted(document any) {
	switch v := document.(type) {
	case []any:
		for _, item := range v {
			undotted(item)
		}
	case map[string]any:
		for name, value := range v {
			if name != "body" {
				undotted(value)
			}
			if strings.ContainsAny(name, ".[") {
				delete(v, name)
				v[undot.Replace(name)] = value
			}
		}
	}
}
