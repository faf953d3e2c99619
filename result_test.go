package gather_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gather"
)

func TestResult_Line(t *testing.T) {
	cases := map[string]struct {
		result gather.Result
		want   string
	}{
		"one that succeeded": {
			gather.Result{
				Key: "weather", URL: "https://a/", Status: gather.ItemSucceeded, HTTPStatus: 200,
				ContentType: "application/json", Body: json.RawMessage(`{"a":1}`), ElapsedMS: 12.4, Attempts: 1,
			},
			`{"index":0,"key":"weather","url":"https://a/","status":"succeeded","http_status":200,` +
				`"content_type":"application/json","body":{"a":1},"elapsed_ms":12.4,"attempts":1,"truncated":false}`,
		},
		"one that had no answer": {
			gather.Result{
				Index: 7, URL: "https://a/", Status: gather.ItemFailed, ElapsedMS: 10_000, Attempts: 3,
				Error: &gather.ItemError{Code: gather.CodeHTTPResponseTimeout, Message: "no answer within 10s"},
			},
			`{"index":7,"url":"https://a/","status":"failed","elapsed_ms":10000,"attempts":3,"truncated":false,` +
				`"error":{"code":"http_response_timeout","message":"no answer within 10s"}}`,
		},
		"one that was never sent": {
			gather.Result{URL: "https://a/", Status: gather.ItemCanceled, Error: &gather.ItemError{Code: gather.CodeCanceled}},
			`{"index":0,"url":"https://a/","status":"canceled","elapsed_ms":0,"attempts":0,"truncated":false,` +
				`"error":{"code":"canceled","message":""}}`,
		},
		"a binary body": {
			gather.Result{URL: "https://a/", Status: gather.ItemSucceeded, BodyBase64: []byte{0, 255}},
			`{"index":0,"url":"https://a/","status":"succeeded","body_base64":"AP8=","elapsed_ms":0,"attempts":0,"truncated":false}`,
		},
		"null is a body": {
			gather.Result{URL: "https://a/", Status: gather.ItemSucceeded, Body: json.RawMessage(`null`)},
			`{"index":0,"url":"https://a/","status":"succeeded","body":null,"elapsed_ms":0,"attempts":0,"truncated":false}`,
		},
		"HTML is not escaped": {
			gather.Result{URL: "https://a/?b&c", Status: gather.ItemSucceeded, Body: json.RawMessage(`"<p>&</p>"`)},
			`{"index":0,"url":"https://a/?b&c","status":"succeeded","body":"<p>&</p>","elapsed_ms":0,"attempts":0,"truncated":false}`,
		},
		"a body over several lines comes on one": {
			gather.Result{URL: "https://a/", Status: gather.ItemSucceeded, Body: json.RawMessage("{\n\t\"a\": [1,\r\n 2]\n}\n")},
			`{"index":0,"url":"https://a/","status":"succeeded","body":{"a":[1,2]},"elapsed_ms":0,"attempts":0,"truncated":false}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := c.result.Line()
			if err != nil || string(got) != c.want {
				t.Errorf("Line() = %s, %v\nwant     %s", got, err, c.want)
			}
		})
	}
}

func TestResult_Line_refusesWhatIsNoJSON(t *testing.T) {
	for _, r := range []gather.Result{{Body: json.RawMessage(`{`)}, {ElapsedMS: math.NaN()}} {
		if line, err := r.Line(); err == nil {
			t.Errorf("Line() = %s, want an error", line)
		}
	}
}

func TestResult_Line_roundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := result().Draw(t, "result")
		stored, err := want.Stored()
		if err != nil {
			t.Fatal(err)
		}
		if want.StartedMS == nil {
			want.LastAttemptMS = 0
		}
		wantResult(t, gather.StoredLine(stored).Timed(), want)
		line, _ := want.Line()
		want.StartedMS, want.LastAttemptMS = nil, 0
		wantResult(t, string(line), want)
		if got := gather.StoredLine(stored).Line(); got != string(line) {
			t.Fatalf("%s is stored as %s, which has the line %s", line, stored, got)
		}
	})
}

func wantResult(tb rapid.TB, line string, want gather.Result) {
	tb.Helper()
	if strings.ContainsAny(line, "\n\r") || !json.Valid([]byte(line)) {
		tb.Fatalf("%q is not one line of JSON", line)
	}
	var got gather.Result
	if err := json.Unmarshal([]byte(line), &got); err != nil || !reflect.DeepEqual(got, want) {
		tb.Fatalf("%s reads as %+v, %v\nwant %+v", line, got, err, want)
	}
}

// What is written by hand is what encoding/json writes.
func TestLine_isThatOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := result().Draw(t, "result")
		r.StartedMS, r.LastAttemptMS = nil, 0 // which the line has apart
		request := gather.Request{
			URL:    rapid.OneOf(rapid.Just("https://a/?b=c&d=<e>"), rapid.StringMatching(`[ -~]*`), rapid.String()).Draw(t, "request's url"),
			Method: rapid.SampledFrom([]string{"", "", "", "POST"}).Draw(t, "method"),
			Key:    rapid.SampledFrom([]string{"", "", "", "k"}).Draw(t, "request's key"),
		}
		for _, one := range []interface{ Line() ([]byte, error) }{&r, &request} {
			var want bytes.Buffer
			enc := json.NewEncoder(&want)
			enc.SetEscapeHTML(false)
			line, err := one.Line()
			if err := errors.Join(err, enc.Encode(one)); err != nil {
				t.Fatal(err)
			}
			if string(line)+"\n" != want.String() {
				t.Fatalf("line %s\nwant %s", line, &want)
			}
		}
		line, _ := request.Line()
		if got, err := gather.ParseRequest(string(line)); err != nil || got.URL != toValid(request.URL) || got.Method != request.Method {
			t.Fatalf("%s reads as %+v, %v", line, got, err)
		}
	})
}

// toValid is s as JSON can hold it.
func toValid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// TestResult_Line_opening pins what the store relies on: it makes the line of an
// item that no worker ended by cutting this one before its status.
func TestResult_Line_opening(t *testing.T) {
	const status = `,"status":`
	rapid.Check(t, func(t *rapid.T) {
		r := gather.Result{
			Index: rapid.IntRange(0, 9999).Draw(t, "index"),
			Key:   rapid.OneOf(rapid.Just(`x","status":"y`), rapid.String()).Draw(t, "key"),
			URL:   rapid.OneOf(rapid.Just(`http://a/?","status":`), rapid.String()).Draw(t, "url"),
		}
		line, err := r.Line()
		if err != nil {
			t.Fatal(err)
		}
		opening, _, _ := strings.Cut(string(line), status)
		var got gather.Result
		if err := json.Unmarshal([]byte(opening+status+`"failed"}`), &got); err != nil {
			t.Fatalf("%s, cut before its status: %v", line, err)
		}
		r.Status = gather.ItemFailed
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("%s, cut before its status, has %+v, want %+v", line, got, r)
		}
	})
}

func TestMilliseconds(t *testing.T) {
	cases := map[string]struct {
		elapsed time.Duration
		want    float64
	}{
		"nothing":                          {0, 0},
		"a second":                         {time.Second, 1000},
		"microseconds are kept":            {1_004_218 * time.Microsecond, 1004.218},
		"nanoseconds are rounded up":       {1500 * time.Nanosecond, 0.002},
		"nanoseconds are rounded down":     {1499 * time.Nanosecond, 0.001},
		"a day and a microsecond is exact": {24*time.Hour + time.Microsecond, 86_400_000.001},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := gather.Milliseconds(c.elapsed); got != c.want {
				t.Errorf("Milliseconds(%v) = %v, want %v", c.elapsed, got, c.want)
			}
		})
	}
}

// result draws any result that a worker may come to.
func result() *rapid.Generator[gather.Result] {
	return rapid.Custom(func(t *rapid.T) gather.Result {
		r := gather.Result{
			Index:         rapid.IntRange(0, 9999).Draw(t, "index"),
			Key:           rapid.String().Draw(t, "key"),
			URL:           rapid.String().Draw(t, "url"),
			Status:        rapid.SampledFrom([]gather.ItemStatus{gather.ItemSucceeded, gather.ItemFailed, gather.ItemCanceled}).Draw(t, "status"),
			HTTPStatus:    rapid.IntRange(0, 599).Draw(t, "status code"),
			ContentType:   rapid.String().Draw(t, "content type"),
			ElapsedMS:     gather.Milliseconds(time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "elapsed"))),
			Attempts:      rapid.IntRange(0, 100).Draw(t, "attempts"),
			StartedMS:     rapid.Ptr(rapid.Int64Range(0, 1e12), true).Draw(t, "started"),
			LastAttemptMS: gather.Milliseconds(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "last attempt"))),
			Truncated:     rapid.Bool().Draw(t, "truncated"),
		}
		switch rapid.IntRange(0, 2).Draw(t, "body") {
		case 1:
			r.Body = compact(t, document(3).Draw(t, "JSON"))
		case 2:
			r.BodyBase64 = rapid.SliceOfN(rapid.Byte(), 1, -1).Draw(t, "bytes")
		}
		if rapid.Bool().Draw(t, "has an error") {
			r.Error = &gather.ItemError{Code: gather.CodeHTTPStatus, Message: rapid.String().Draw(t, "message")}
		}
		return r
	})
}

// document draws any JSON, nested up to the depth.
func document(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Float64Range(-1e9, 1e9).AsAny(), rapid.SampledFrom([]any{"<&>", "\u2028", "\n", "\\"}),
	)
	if depth == 0 {
		return leaf
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return document(depth - 1) })
	return rapid.OneOf(leaf, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 3).AsAny())
}

// compact is v as JSON, as a worker writes it: on one line, HTML as it is.
func compact(tb rapid.TB, v any) json.RawMessage {
	tb.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		tb.Fatalf("encode %v: %v", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// FuzzResult_decoding finds stored results that crash who reads them, or that read
// otherwise once they were written again.
func FuzzResult_decoding(f *testing.F) {
	f.Add(`{"index":0,"url":"https://a/","status":"succeeded","body":{"a":1},"elapsed_ms":1.5,"attempts":1,"truncated":false}`)
	f.Fuzz(func(t *testing.T, line string) {
		var first, second gather.Result
		if json.Unmarshal([]byte(line), &first) != nil {
			return
		}
		written, err := first.Line()
		if err != nil || bytes.ContainsAny(written, "\n\r") {
			t.Fatalf("%q is written as %q: %v", line, written, err)
		}
		if err := json.Unmarshal(written, &second); err != nil {
			t.Fatalf("%q does not read: %v", written, err)
		}
		again, err := second.Line()
		if err != nil || !bytes.Equal(written, again) {
			t.Errorf("%q is written as %q, and then as %q: %v", line, written, again, err)
		}
	})
}
