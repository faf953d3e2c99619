package gather

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestResponse_FillResult(t *testing.T) {
	const js = "application/json"
	cases := map[string]struct {
		contentType string
		body        string
		incomplete  bool
		want        string // the JSON that stands as body
		base64      bool   // the bytes stand as body_base64 instead
	}{
		"an empty body is neither":                   {contentType: js},
		"JSON stands as JSON":                        {contentType: js, body: `{"a":1}`, want: `{"a":1}`},
		"JSON is compacted to one line":              {contentType: js, body: "{\n  \"a\": [1,\r\n 2]\n}\n", want: `{"a":[1,2]}`},
		"parameters don't matter":                    {contentType: "Application/JSON; charset=utf-8; v=2", body: `[1]`, want: `[1]`},
		"faulty parameters don't matter":             {contentType: `application/json; charset="`, body: `[1]`, want: `[1]`},
		"a suffix of +json is JSON":                  {contentType: "application/problem+json", body: `{}`, want: `{}`},
		"text/json is JSON":                          {contentType: "text/json", body: `{}`, want: `{}`},
		"null is a body":                             {contentType: js, body: `null`, want: `null`},
		"long numbers keep their digits":             {contentType: js, body: `12345678901234567890.10`, want: `12345678901234567890.10`},
		"HTML in JSON is not escaped":                {contentType: js, body: `["<b>&"]`, want: `["<b>&"]`},
		"a byte order mark is dropped from JSON":     {contentType: js, body: "\xef\xbb\xbf{}", want: `{}`},
		"broken JSON is a string":                    {contentType: js, body: `{"a":`, want: `"{\"a\":"`},
		"blank JSON is a string":                     {contentType: js, body: "  ", want: `"  "`},
		"two documents are a string":                 {contentType: js, body: "{}\n{}", want: `"{}\n{}"`},
		"JSON that is not UTF-8 is base64":           {contentType: js, body: "\"\xff\"", base64: true},
		"JSON in another charset is base64":          {contentType: "application/json; charset=iso-8859-1", body: "\"\xe9\"", base64: true},
		"JSON at the depth limit is JSON":            {contentType: js, body: nested(maxBodyDepth), want: nested(maxBodyDepth)},
		"JSON over the depth limit is a string":      {contentType: js, body: nested(maxBodyDepth + 1), want: `"` + nested(maxBodyDepth+1) + `"`},
		"JSON too deep for encoding/json is too":     {contentType: js, body: nested(20_000), want: `"` + nested(20_000) + `"`},
		"brackets in strings are no depth":           {contentType: js, body: `["\"` + strings.Repeat("[", 300) + `"]`, want: `["\"` + strings.Repeat("[", 300) + `"]`},
		"the cut half of JSON is a string":           {contentType: js, body: `123`, incomplete: true, want: `"123"`},
		"text is a string":                           {contentType: "text/plain", body: "hello\n", want: `"hello\n"`},
		"HTML in text is not escaped":                {contentType: "text/html; charset=UTF-8", body: `<p a="b">&</p>`, want: `"<p a=\"b\">&</p>"`},
		"text with JSON in it is a string":           {contentType: "text/plain", body: `{}`, want: `"{}"`},
		"text in latin-1 that is ASCII is a string":  {contentType: "text/plain; charset=iso-8859-1", body: "abc", want: `"abc"`},
		"text in latin-1 beyond ASCII is base64":     {contentType: "text/plain; charset=iso-8859-1", body: "caf\xe9", base64: true},
		"text in UTF-16 is base64":                   {contentType: "text/plain; charset=UTF-16LE", body: "h\x00i\x00", base64: true},
		"text with a few control characters is too":  {contentType: "text/plain", body: "\x1b[1mbold\x1b[0m", want: `"\u001b[1mbold\u001b[0m"`},
		"text of control characters is base64":       {contentType: "text/plain", body: "\x00\x01a\x1fb", base64: true},
		"JSON of control characters is base64":       {contentType: js, body: "\x00\x00\x00", base64: true},
		"text of line ends is a string":              {contentType: "text/plain", body: "\r\n\t\n", want: `"\r\n\t\n"`},
		"text cut in a rune ends before it":          {contentType: "text/plain", body: "caf\xc3", incomplete: true, want: `"caf"`},
		"text cut in a long rune ends before it":     {contentType: "text/plain", body: "a\xf0\x9f\x98", incomplete: true, want: `"a"`},
		"text cut between runes keeps them all":      {contentType: "text/plain", body: "café", incomplete: true, want: `"café"`},
		"less than one rune of text is nothing":      {contentType: "text/plain", body: "\xc3", incomplete: true},
		"complete text with half a rune is base64":   {contentType: "text/plain", body: "caf\xc3", base64: true},
		"SVG is text":                                {contentType: "image/svg+xml", body: "<svg/>", want: `"<svg/>"`},
		"XML is text":                                {contentType: "application/xml", body: "<a/>", want: `"<a/>"`},
		"JavaScript is text":                         {contentType: "application/javascript", body: "f()", want: `"f()"`},
		"a form is text":                             {contentType: "application/x-www-form-urlencoded", body: "a=1&b=2", want: `"a=1&b=2"`},
		"no content type with text bytes is text":    {body: "plain words", want: `"plain words"`},
		"no content type with JSON is text":          {body: `{}`, want: `"{}"`},
		"no content type with binary bytes is not":   {body: "\x00\x01\x02", base64: true},
		"an unknown type with text bytes is text":    {contentType: "application/yaml", body: "a: 1", want: `"a: 1"`},
		"an unknown type with binary bytes is not":   {contentType: "application/x-protobuf", body: "\x08\x96\x01", base64: true},
		"an image is base64 even if it is all ASCII": {contentType: "image/x-portable-bitmap", body: "P1 1 1 0", base64: true},
		"octets are base64 even if they are ASCII":   {contentType: "application/octet-stream", body: "abc", base64: true},
		"cut octets are kept to the last byte":       {contentType: "application/octet-stream", body: "abc\xc3", incomplete: true, base64: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resp := &Response{HTTPStatus: 200, ContentType: c.contentType, Body: []byte(c.body), Truncated: c.incomplete}
			var res Result
			resp.FillResult(&res)
			if got := string(res.Body); got != c.want {
				t.Errorf("body = %.80q, want %.80q", got, c.want)
			}
			if want := c.base64; (res.BodyBase64 != nil) != want || want && string(res.BodyBase64) != c.body {
				t.Errorf("body_base64 = %q, want it: %v", res.BodyBase64, want)
			}
			if res.HTTPStatus != 200 || res.ContentType != c.contentType || res.Truncated != c.incomplete {
				t.Errorf("status, type, truncated = %d, %q, %v", res.HTTPStatus, res.ContentType, res.Truncated)
			}
		})
	}
}

func TestResponse_FillResult_replacesEarlierBody(t *testing.T) {
	res := Result{Body: json.RawMessage(`1`), BodyBase64: []byte{1}, Truncated: true, HTTPStatus: 503}
	(&Response{HTTPStatus: 204}).FillResult(&res)
	if res.Body != nil || res.BodyBase64 != nil || res.Truncated || res.HTTPStatus != 204 {
		t.Errorf("the last attempt's body is still there: %+v", res)
	}
}

func TestResponse_FillResult_brokenOff(t *testing.T) {
	resp := &Response{ContentType: "application/json", Body: []byte("12"), Error: &ItemError{Code: CodeHTTPResponseIncomplete}}
	var res Result
	resp.FillResult(&res)
	if string(res.Body) != `"12"` {
		t.Errorf("the start of a number stands as %s, want it as a string", res.Body)
	}
}

// FuzzResponse_FillResult checks what every reader relies on: whatever a server
// sends, a result is valid JSON on one line that reads back.
func FuzzResponse_FillResult(f *testing.F) {
	f.Add("application/json", []byte(`{"a": [1, "\u2028<"]}`), false)
	f.Add("text/plain", []byte("caf\xc3"), true)
	f.Add("", []byte("\x00\xff"), false)
	f.Fuzz(func(t *testing.T, contentType string, body []byte, truncated bool) {
		resp := &Response{ContentType: contentType, Body: body, Truncated: truncated}
		var res, back Result
		resp.FillResult(&res)
		if res.Body != nil && res.BodyBase64 != nil {
			t.Fatal("both body and body_base64 are set")
		}
		if bytes.ContainsAny(res.Body, "\n\r") || !utf8.Valid(res.Body) {
			t.Fatalf("body %q is not one line of UTF-8", res.Body)
		}
		line, err := json.Marshal(&res)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("decode: %v", err)
		}
	})
}

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// TestResult_Content holds that a body comes out as it went in.
func TestResult_Content(t *testing.T) {
	gone := &ItemError{Code: CodeHTTPResponseIncomplete, Message: "cut off"}
	for name, c := range map[string]struct {
		contentType, body, want string
		truncated               bool
		err                     *ItemError
	}{
		"JSON loses its space":          {contentType: "application/json", body: "{ \"a\": [1, 2] }\n", want: `{"a":[1,2]}`},
		"a JSON string keeps its marks": {contentType: "application/json", body: `"hello"`, want: `"hello"`},
		"null":                          {contentType: "application/problem+json", body: "null", want: "null"},
		"text":                          {contentType: "text/html; charset=utf-8", body: "<a href=\"x\">\n ☃ &amp;\u2028</a>\n", want: "<a href=\"x\">\n ☃ &amp;\u2028</a>\n"},
		"text that looks like JSON":     {contentType: "text/plain", body: `"hello"`, want: `"hello"`},
		"cut JSON is text":              {contentType: "application/json", body: `{"a":`, want: `{"a":`, truncated: true},
		"JSON cut within a string":      {contentType: "application/json", body: `"hel`, want: `"hel`, err: gone},
		"binary":                        {contentType: "image/png", body: "\x89PNG\x00\xff", want: "\x89PNG\x00\xff"},
		"nothing":                       {contentType: "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent, received Result
			resp := Response{HTTPStatus: 200, ContentType: c.contentType, Body: []byte(c.body), Truncated: c.truncated, Error: c.err}
			resp.FillResult(&sent)
			sent.Error = c.err
			line, err := sent.Line()
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(line, &received); err != nil {
				t.Fatal(err)
			}
			if got := string(received.Content()); got != c.want {
				t.Errorf("%s has the content %q, want %q", line, got, c.want)
			}
		})
	}
}
