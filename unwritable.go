package gather

import (
	"encoding/json"
	"unicode/utf8"
)

const notUTF8 = "must be text in UTF-8; JSON carries nothing else"

// Unwritable returns what of the spec JSON can't carry as it is, for those who are about to
// write it: encoding/json would replace each byte that is not UTF-8, and say nothing.
// Locations are those of [Spec.Validate], which is for what has been read.
func (s *Spec) Unwritable() []Fault {
	var f faults
	for i, u := range s.URLs {
		f.checkText(at("body.urls", i, ""), u)
	}
	for i := range s.Requests {
		f.checkTexts(i, &s.Requests[i])
	}
	f.checkText("body.name", s.Name)
	f.checkPairs("body.labels", s.Labels)
	return f
}

func (f *faults) checkTexts(i int, r *Request) {
	f.checkText(at("body.requests", i, ".url"), r.URL)
	f.checkText(at("body.requests", i, ".method"), r.Method)
	f.checkText(at("body.requests", i, ".key"), r.Key)
	f.checkPairs(at("body.requests", i, ".headers"), r.Headers)
	if !utf8.ValidString(r.BodyText) {
		f.add(at("body.requests", i, ".body_text"), "must be text in UTF-8; bodies are text or JSON, never binary")
	}
	if r.Body != nil && (!json.Valid(r.Body) || !utf8.Valid(r.Body)) {
		f.add(at("body.requests", i, ".body"), "must be JSON, in UTF-8")
	}
}

func (f *faults) checkText(location, text string) {
	if !utf8.ValidString(text) {
		f.add(location, notUTF8)
	}
}

func (f *faults) checkPairs(location string, pairs map[string]string) {
	for name, value := range pairs {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			f.add(location, notUTF8)
			return
		}
	}
}
