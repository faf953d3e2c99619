package gather

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// Requests and results are stored as lines of JSON, thousands of them for one
// aggregation. What encoding/json would write for them is written here by hand, text of
// plain ASCII characters above all; everything else is left to encoding/json.

// Line is the result as one line of JSON, without a line end and without its times,
// StartedMS and LastAttemptMS. A Body that is no JSON is an error.
func (r *Result) Line() ([]byte, error) { return r.appendLine(nil) }

// Stored is the result as a [StoredLine]. A Body that is no JSON is an error.
func (r *Result) Stored() ([]byte, error) {
	if r.StartedMS == nil {
		return r.Line()
	}
	times := strconv.AppendInt([]byte(`,"started_ms":`), *r.StartedMS, 10)
	if r.LastAttemptMS != 0 {
		times = strconv.AppendFloat(append(times, `,"last_attempt_ms":`...), r.LastAttemptMS, 'f', -1, 64)
	}
	return r.appendLine(append(times, '}'))
}

// StoredLine is a [Result] as the store keeps it: the end that its times give to its line,
// if they are known, and the line. Clients get the times only where they ask for them.
type StoredLine string

// Line is the result's line of JSON, without its times.
func (s StoredLine) Line() string {
	return string(s[max(0, strings.IndexByte(string(s), '{')):])
}

// Timed is the result's line of JSON with its times, as far as they are known.
func (s StoredLine) Timed() string {
	line := s.Line()
	times := string(s[:len(s)-len(line)])
	if times == "" {
		return line
	}
	return strings.TrimSuffix(line, "}") + times
}

func (r *Result) appendLine(before []byte) ([]byte, error) {
	if bytes.IndexByte(r.Body, '\n') >= 0 || len(r.Body) > 0 && !json.Valid(r.Body) || !(r.ElapsedMS >= 0 && r.ElapsedMS < 1e15) {
		untimed := *r
		untimed.StartedMS, untimed.LastAttemptMS = nil, 0
		line, err := marshalLine(&untimed) // which compacts it, or says what is wrong
		return append(before, line...), err
	}
	line := make([]byte, 0, 256+len(r.Key)+len(r.URL)+len(r.ContentType)+len(r.Body)+base64.StdEncoding.EncodedLen(len(r.BodyBase64)))
	line = append(r.appendOpening(append(line, before...)), `,"status":`...)
	line = appendString(line, string(r.Status))
	if r.HTTPStatus != 0 {
		line = strconv.AppendInt(append(line, `,"http_status":`...), int64(r.HTTPStatus), 10)
	}
	if r.ContentType != "" {
		line = appendString(append(line, `,"content_type":`...), r.ContentType)
	}
	if len(r.Body) > 0 {
		line = append(append(line, `,"body":`...), r.Body...)
	}
	if len(r.BodyBase64) > 0 {
		line = base64.StdEncoding.AppendEncode(append(line, `,"body_base64":"`...), r.BodyBase64)
		line = append(line, '"')
	}
	line = strconv.AppendFloat(append(line, `,"elapsed_ms":`...), r.ElapsedMS, 'f', -1, 64)
	line = strconv.AppendInt(append(line, `,"attempts":`...), int64(r.Attempts), 10)
	line = strconv.AppendBool(append(line, `,"truncated":`...), r.Truncated)
	if r.Error != nil {
		line = appendString(append(line, `,"error":{"code":`...), string(r.Error.Code))
		line = append(appendString(append(line, `,"message":`...), r.Error.Message), '}')
	}
	return append(line, '}'), nil
}

// Opening is the beginning of the result's line, with what is known of it before the
// request is sent: index, key and URL. Its status follows.
func (r *Result) Opening() []byte {
	return r.appendOpening(make([]byte, 0, 32+len(r.Key)+len(r.URL)))
}

func (r *Result) appendOpening(line []byte) []byte {
	line = strconv.AppendInt(append(line, `{"index":`...), int64(r.Index), 10)
	if r.Key != "" {
		line = appendString(append(line, `,"key":`...), r.Key)
	}
	return appendString(append(line, `,"url":`...), r.URL)
}

// The line of a request that has nothing but a URL is the URL between these.
const urlOpening, urlEnd = `{"url":"`, `"}`

// Line is the request as one line of JSON, without a line end.
func (r *Request) Line() ([]byte, error) {
	if r.onlyURL() && plain(r.URL) {
		return append(append(append(make([]byte, 0, len(urlOpening)+len(r.URL)+len(urlEnd)), urlOpening...), r.URL...), urlEnd...), nil
	}
	return marshalLine(r)
}

// onlyURL reports whether every other field is left out.
func (r *Request) onlyURL() bool {
	return r.Method == "" && len(r.Headers) == 0 && len(r.Body) == 0 && r.BodyText == "" && r.Key == "" &&
		r.Timeout == nil && r.Retry == nil && len(r.ExpectStatus) == 0
}

// ParseRequest reads what [Request.Line] has written.
func ParseRequest(line string) (Request, error) {
	if url, found := strings.CutPrefix(line, urlOpening); found {
		if url, found = strings.CutSuffix(url, urlEnd); found && plain(url) {
			return Request{URL: url}, nil
		}
	}
	var r Request
	err := json.Unmarshal([]byte(line), &r)
	return r, err
}

// marshalLine is v on one line, its characters as they are: a body is not ours to rewrite.
func marshalLine(v any) ([]byte, error) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), err
}

// appendString appends s as a JSON string.
func appendString(line []byte, s string) []byte {
	if plain(s) {
		return append(append(append(line, '"'), s...), '"')
	}
	text, _ := marshalLine(s) // a string always encodes
	return append(line, text...)
}

// plain reports whether s stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
