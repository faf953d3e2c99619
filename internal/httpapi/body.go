package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"gather"

	"github.com/danielgtaylor/huma/v2"
)

// createBody is the body of a create: a spec, held against its schema and the
// rules of the business. It is read leniently, so that all faults come in one answer.
type createBody struct {
	spec *gather.Spec
	// fingerprint tells bodies apart that come with the same idempotency key.
	fingerprint string
	// refusal says why there is no spec; nil when there is a valid one.
	refusal *problem
}

// Schema tells huma that the body is documented as a spec.
func (createBody) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[gather.Spec](), true, "")
}

// Resolve has huma answer with what was found, beside faults in the parameters.
func (b *createBody) Resolve(huma.Context) []error {
	if b.refusal != nil {
		return []error{b.refusal}
	}
	return nil
}

// bodyFormat has huma read a create's body in one go: its own way decodes an
// oversized list in full, and stops at faults that could be told together.
func (a *API) bodyFormat() huma.Format {
	return huma.Format{
		Marshal: huma.DefaultJSONFormat.Marshal,
		Unmarshal: func(data []byte, v any) error {
			*v.(*createBody) = a.readBody(data)
			return nil
		},
	}
}

// readBody decodes and judges the document. It may change data.
func (a *API) readBody(data []byte) createBody {
	sum := sha256.Sum256(data)
	b := createBody{spec: new(gather.Spec), fingerprint: hex.EncodeToString(sum[:])}
	if !utf8.Valid(data) {
		b.refusal = statusProblem(400, "the body is not JSON: it is not UTF-8")
		return b
	}
	document := scan(data, a.opt.MaxRequests)
	if document.surplus() && !json.Valid(data) {
		b.refusal = notJSON(data, json.Unmarshal(data, new(json.RawMessage)))
		return b
	}
	data = document.cut()
	if document.requests > 0 {
		b.spec.Requests = make([]gather.Request, 0, document.requests)
	}
	misfit := json.Unmarshal(data, b.spec)
	if syntax := (*json.SyntaxError)(nil); errors.As(misfit, &syntax) {
		b.refusal = notJSON(data, syntax)
		return b
	}
	f := findings{names: document.faults, rules: b.spec.Validate(a.opt.MaxRequests)}
	// A document whose names are known, that decodes and that keeps the rules
	// conforms to the schema, too. Asking it only for what it finds wrong with
	// the others halves the time for a large one.
	if misfit != nil || document.odd || len(f.names) > 0 || len(f.rules) > 0 {
		a.judge(data, misfit, &f)
	}
	if faults := f.merged(); len(faults) > 0 {
		b.refusal = invalid(faults...)
	}
	return b
}

// judge finds all else that is wrong with a document that has something wrong.
func (a *API) judge(data []byte, misfit error, f *findings) {
	// The one error left is a number that float64 doesn't hold. It may well stand
	// in a request's body, where the schema does not look.
	var document any
	_ = json.Unmarshal(data, &document)
	a.checkSchema(document, f)
	if misfit != nil {
		f.numbers = unfit(data, misfit)
	}
	if len(f.rules) > maxFaults { // the last says that there are more
		f.rules, f.more = f.rules[:maxFaults], true
	}
}

// notJSON says where the document stops to be JSON, and not with what.
func notJSON(data []byte, err error) *problem {
	syntax := (*json.SyntaxError)(nil)
	if !errors.As(err, &syntax) || syntax.Offset >= int64(len(data)) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		return statusProblem(400, "the body is not JSON: it ends too early")
	}
	before := string(data[:max(0, syntax.Offset-1)])
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return statusProblem(400, "the body is not JSON: see line %d, column %d", line, column)
}

// unfit finds the values that are of the right type for the schema, and yet don't
// decode: integers out of range, or written as 1.0 or 1e2.
func unfit(data []byte, err error) []gather.Fault {
	var faults []gather.Fault
	add := func(location string, err error) {
		if misfit := (*json.UnmarshalTypeError)(nil); errors.As(err, &misfit) && misfit.Field != "" {
			faults = append(faults, gather.Fault{
				Location: location + "." + misfit.Field, Message: "must be a plain integer, in range",
			})
		}
	}
	var list struct {
		Requests []json.RawMessage `json:"requests"`
	}
	_ = json.Unmarshal(data, &list)
	for i, item := range list.Requests {
		add("body.requests["+strconv.Itoa(i)+"]", json.Unmarshal(item, new(gather.Request)))
	}
	if misfit := (*json.UnmarshalTypeError)(nil); errors.As(err, &misfit) && !strings.HasPrefix(misfit.Field, "requests") {
		add("body", err)
	}
	return faults
}
