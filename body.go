package gather

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBodyDepth bounds the nesting of a body that stands as JSON. Readers give up
// at some depth (encoding/json at 10,000, many others at a few hundred), and one
// body beyond it would make the whole aggregation unreadable for them.
const maxBodyDepth = 256

// FillResult writes what came of the last attempt to res: status code, content
// type and body. A complete JSON body stands as JSON, text as a JSON string and
// anything else as base64; an empty body leaves both body fields empty.
func (resp *Response) FillResult(res *Result) {
	res.HTTPStatus, res.ContentType, res.Truncated = resp.HTTPStatus, resp.ContentType, resp.Truncated
	res.Body, res.BodyBase64 = nil, nil
	if len(resp.Body) == 0 {
		return
	}
	mediaType, charset := parseContentType(resp.ContentType)
	if isJSON(mediaType) && resp.complete() {
		if doc, ok := compactJSON(resp.Body); ok {
			res.Body = doc
			return
		}
	}
	text := resp.Body
	if !resp.complete() {
		text = trimPartialRune(text)
	}
	if wideCharset(charset) || !isText(mediaType, text) || !utf8.Valid(text) || isControl(text) {
		res.BodyBase64 = resp.Body
		return
	}
	if len(text) > 0 {
		res.Body = jsonString(text)
	}
}

// Content is the response's body: JSON without the space between its parts, all else byte
// by byte. It undoes what [Response.FillResult] has made of it.
func (r *Result) Content() []byte {
	if len(r.Body) == 0 {
		return r.BodyBase64
	}
	var text string
	if r.isJSON() || json.Unmarshal(r.Body, &text) != nil {
		return r.Body
	}
	return []byte(text)
}

// isJSON reports whether Body is the response's JSON, and not its text as a JSON string. A
// string under a JSON type may be either, where it is not JSON what the server has sent; it
// is taken for JSON.
func (r *Result) isJSON() bool {
	mediaType, _ := parseContentType(r.ContentType)
	complete := !r.Truncated && (r.Error == nil || r.Error.Code == CodeHTTPStatus)
	return isJSON(mediaType) && complete
}

// complete reports whether Body is all that the server sent: the first half of
// a number is a valid number, so a cut body is never taken for JSON.
func (resp *Response) complete() bool { return !resp.Truncated && resp.Error == nil }

// parseContentType returns the media type and the charset, both in lower case.
// Faulty parameters don't hide the type.
func parseContentType(header string) (mediaType, charset string) {
	mediaType, params, err := mime.ParseMediaType(header)
	if err != nil {
		bare, _, _ := strings.Cut(header, ";")
		return strings.ToLower(strings.TrimSpace(bare)), ""
	}
	return mediaType, strings.ToLower(params["charset"])
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}

// textTypes are text though they are not under text/.
var textTypes = []string{
	"application/ecmascript", "application/javascript", "application/x-javascript",
	"application/x-www-form-urlencoded", "application/xml",
}

// binaryKinds are never text, whatever the first bytes look like: one endpoint's
// bodies should not come now as a string and now as base64.
var binaryKinds = []string{"audio", "font", "image", "video"}

// isText reports whether a body is meant to be read as text. Types that say
// nothing of it are told apart by their first bytes.
func isText(mediaType string, body []byte) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	switch {
	case kind == "text", isJSON(mediaType), strings.HasSuffix(mediaType, "+xml"), slices.Contains(textTypes, mediaType):
		return true
	case mediaType == "application/octet-stream", slices.Contains(binaryKinds, kind):
		return false
	}
	return strings.HasPrefix(http.DetectContentType(body), "text/")
}

// isControl reports whether a body is control characters for more than a fifth. Each
// takes six characters in a JSON string: a hostile body would become six times as long.
func isControl(body []byte) bool {
	n := 0
	for _, c := range body {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			n++
		}
	}
	return n > len(body)/5
}

// wideCharset reports whether the charset is no superset of ASCII: ASCII text in
// it is valid UTF-8, full of NULs.
func wideCharset(charset string) bool {
	return strings.HasPrefix(charset, "utf-16") || strings.HasPrefix(charset, "utf-32")
}

// compactJSON returns the document on one line, or false where it can't stand
// as JSON: not valid, not UTF-8, or nested too deep.
func compactJSON(body []byte) (json.RawMessage, bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // a byte order mark, which readers may ignore (RFC 8259, section 8.1)
	if !utf8.Valid(body) {
		return nil, false
	}
	var doc bytes.Buffer
	doc.Grow(len(body))
	if err := json.Compact(&doc, body); err != nil || tooDeep(doc.Bytes()) {
		return nil, false
	}
	return doc.Bytes(), true
}

// tooDeep reports whether a valid JSON document is nested deeper than maxBodyDepth.
func tooDeep(doc []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++ // whatever is escaped ends no string
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxBodyDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// jsonString is the text as a JSON string. HTML characters stay as they are:
// this is no page, and escapes would make a body of markup twice as long.
func jsonString(text []byte) json.RawMessage {
	var b bytes.Buffer
	b.Grow(len(text) + len(text)/8 + 3)
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(text)) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// trimPartialRune drops the start of a rune whose rest was cut off.
func trimPartialRune(b []byte) []byte {
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if !utf8.RuneStart(b[i]) {
			continue
		}
		if !utf8.FullRune(b[i:]) {
			return b[:i]
		}
		break
	}
	return b
}
