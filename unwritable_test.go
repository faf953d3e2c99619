package gather_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gather"
)

func TestSpec_Unwritable(t *testing.T) {
	const bad = "a\xffb"
	text := "a\u00e9\U0001f600\x00"
	fine := gather.Spec{Name: text, Labels: map[string]string{text: text}, Requests: []gather.Request{
		{URL: "http://a/" + text, Key: text, Headers: map[string]string{"A": text}, BodyText: text}, {Body: json.RawMessage(`{"a": "é"}`)},
	}}
	if got := fine.Unwritable(); got != nil {
		t.Errorf("%v", got)
	}
	one := func(r gather.Request) gather.Spec { return gather.Spec{Requests: []gather.Request{{}, r}} }
	for location, spec := range map[string]gather.Spec{
		"body.name": {Name: bad}, "body.labels": {Labels: map[string]string{bad: ""}}, "body.urls[1]": {URLs: []string{"http://a/", bad}},
		"body.requests[1].url": one(gather.Request{URL: bad}), "body.requests[1].method": one(gather.Request{Method: bad}), "body.requests[1].key": one(gather.Request{Key: bad}),
		"body.requests[1].headers": one(gather.Request{Headers: map[string]string{"A": "fine", "B": bad}}), "body.requests[1].body_text": one(gather.Request{BodyText: bad}),
		"body.requests[1].body": one(gather.Request{Body: json.RawMessage(`{`)}),
	} {
		got := spec.Unwritable()
		if len(got) != 1 || got[0].Location != location || strings.Contains(got[0].Message, bad) {
			t.Errorf("%s: %v", location, got)
		}
	}
	for _, body := range []string{``, `"` + bad + `"`} {
		spec := one(gather.Request{Body: json.RawMessage(body)})
		if got := fmt.Sprint(spec.Unwritable()); !strings.Contains(got, "body.requests[1].body must be JSON") {
			t.Errorf("%q: %s", body, got)
		}
	}
}
