package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gather"
)

// fromJSON reports whether all texts may have come out of JSON, which can't hold others.
func fromJSON(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) })
}

// fuzzedRequest is what came through validation, or false.
func fuzzedRequest(url, method, key, name, value, bodyText string, body []byte, timeout int64) (*gather.Request, bool) {
	r := gather.Request{URL: url, Method: method, Key: key, BodyText: bodyText}
	if !fromJSON(url, method, key, name, value, bodyText, string(body)) {
		return nil, false
	}
	if name != "" {
		r.Headers = map[string]string{name: value}
	}
	if bodyText == "" && json.Valid(body) {
		var compact bytes.Buffer
		if json.Compact(&compact, body) != nil {
			return nil, false
		}
		r.Body = compact.Bytes()
	}
	if timeout != 0 {
		r.Timeout = gather.After(time.Duration(timeout))
	}
	spec := gather.Spec{Requests: []gather.Request{r}}
	return &r, len(spec.Validate(1)) == 0
}

func FuzzRequest_encoding(f *testing.F) {
	f.Add("https://user:pass@example.com/a%20b?q=1&q=2#f", "post", "key", "X-Name", "value", "text\n", []byte(nil), int64(0))
	f.Add("http://[::1%25eth0]:80/\u2028", "", `,"status":"failed"`, "", "", "", []byte(`{"a": [1, "<b>\u2028"]}`), int64(1500000000))
	f.Add(`http://h/,"status":"`, "GET", "\n1\n2\n", "A", "", "", []byte("null"), int64(1))
	f.Fuzz(func(t *testing.T, url, method, key, name, value, bodyText string, body []byte, timeout int64) {
		r, valid := fuzzedRequest(url, method, key, name, value, bodyText, body, timeout)
		if !valid {
			t.Skip()
		}
		stored, err := encodeRequest(7, r)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := decodeRequest(string(stored))
		if err != nil || !reflect.DeepEqual(&decoded, r) {
			t.Errorf("decoded %+v, want %+v (%v)", decoded, r, err)
		}
		lines := strings.SplitN(string(stored), "\n", 4)
		if want := fmt.Sprint(r.AttemptTimeout().Milliseconds()); lines[0] != want {
			t.Errorf("timeout %q, want %q", lines[0], want)
		}
		checkOpening(t, lines[1], r)
		checkLabel(t, lines[2], r)
	})
}

// checkOpening closes the opening of a result line as the scripts do.
func checkOpening(t *testing.T, opening string, r *gather.Request) {
	t.Helper()
	line := opening + `,"status":"failed","elapsed_ms":3,"attempts":2,"truncated":false,"error":{"code":"canceled","message":"m"}}`
	var got gather.Result
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%v of %s", err, line)
	}
	want := gather.Result{
		Index: 7, Key: r.Key, URL: r.URL, Status: gather.ItemFailed, ElapsedMS: 3, Attempts: 2,
		Error: &gather.ItemError{Code: gather.CodeCanceled, Message: "m"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("result %+v, want %+v", got, want)
	}
}

func checkLabel(t *testing.T, label string, r *gather.Request) {
	t.Helper()
	parsed, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(label, r.MethodOrGet()+" "+parsed.Scheme+"://"+parsed.Host) || strings.Contains(label, "\n") {
		t.Errorf("label %q of %q", label, r.URL)
	}
	_, query, _ := strings.Cut(label, "?")
	for _, pair := range strings.Split(query, "&") {
		if _, value, _ := strings.Cut(pair, "="); query != "" && value != "***" {
			t.Errorf("label %q of %q tells the value %q", label, r.URL, value)
		}
	}
}

func FuzzRequest_decoding(f *testing.F) {
	f.Add("1000\n{\"index\":0,\"url\":\"u\"\nGET u\n{\"url\":\"u\"}")
	f.Add("\n\n\n")
	f.Fuzz(func(_ *testing.T, stored string) {
		_, _ = decodeRequest(stored) // an error is fine, a panic is not
	})
}

// metaOf is the hash that creates an aggregation of the spec, with what create.lua adds.
func metaOf(tb testing.TB, spec *gather.Spec) map[string]string {
	tb.Helper()
	args, err := creationArgs(tb.Context(), &gather.Creation{Spec: spec}, 0, nil)
	if err != nil {
		tb.Fatal(err)
	}
	meta := map[string]string{
		"status": "queued", "created": "1000", "accepted": "1000", "accepted_us": "1000000", "succeeded": "0", "failed": "0", "canceled": "0", "retries": "0",
	}
	addFields(meta, args)
	return meta
}

func FuzzMeta_roundTrip(f *testing.F) {
	f.Add("name", "key", "value", 3, int64(time.Minute), int64(time.Hour))
	f.Add("\n{}\"", "", "\u2028<&>", 1, int64(1), int64(1))
	f.Fuzz(func(t *testing.T, name, key, value string, n int, deadline, retention int64) {
		spec := &gather.Spec{
			Name: name, Labels: map[string]string{key: value}, URLs: make([]string, min(max(n, 1), 20)),
			Deadline: gather.After(time.Duration(deadline)), Retention: gather.After(time.Duration(retention)),
		}
		if !fromJSON(key, value) || deadline < 1 || retention < 1 || retention > int64(gather.MaxRetention) {
			t.Skip()
		}
		meta := metaOf(t, spec)
		agg, err := decodeMeta("id", meta, time.UnixMilli(3500))
		if err != nil {
			t.Fatal(err)
		}
		if agg.Name != name || !maps.Equal(agg.Labels, spec.Labels) || agg.ElapsedMS != 2500 || agg.Counts.Pending != len(spec.URLs) {
			t.Errorf("%+v of %+v", agg, spec)
		}
		meta["status"], meta["finished"], meta["finished_us"] = "failed", "2000", "2000000"
		if agg, err = decodeMeta("id", meta, time.UnixMilli(9000)); err != nil || agg.ElapsedMS != 1000 {
			t.Fatalf("%+v, %v", agg, err)
		}
		if kept := agg.ExpiresAt.Sub(agg.FinishedAt.Time); kept < time.Duration(retention) || kept > time.Duration(retention)+time.Millisecond {
			t.Errorf("kept for %v of %v", kept, time.Duration(retention))
		}
	})
}

func FuzzMeta_decoding(f *testing.F) {
	f.Add("running", "1000", "-5", `{"a":"b"}`)
	f.Add("", "", "99999999999999999999", `null`)
	f.Fuzz(func(t *testing.T, status, created, total, labels string) {
		meta := map[string]string{"status": status, "created": created, "accepted": created, "finished": total, "total": total, "labels": labels}
		if agg, err := decodeMeta("id", meta, time.Now()); err == nil && (agg.Labels == nil || agg.ElapsedMS < 0) {
			t.Errorf("%+v", agg)
		}
	})
}

func FuzzResult_line(f *testing.F) {
	f.Add("key", "https://example.com/", "text/plain", []byte(`"a\nb"`), []byte("\x00\xff"), 200, 12.5, 1, "code", "message")
	f.Add("\n", "\u2028", "\"", []byte(`{"a": [1,
		2]}`), []byte(nil), 0, 0.0, 0, "", "")
	f.Fuzz(func(t *testing.T, key, url, contentType string, body, binary []byte, status int, elapsed float64, attempts int, code, message string) {
		want := gather.Result{
			Key: key, URL: url, ContentType: contentType, BodyBase64: binary, Status: gather.ItemSucceeded, HTTPStatus: status,
			ElapsedMS: elapsed, Attempts: attempts, Error: &gather.ItemError{Code: gather.ErrorCode(code), Message: message},
		}
		if json.Valid(body) && utf8.Valid(body) {
			var compact bytes.Buffer
			if json.Compact(&compact, body) == nil {
				want.Body = compact.Bytes()
			}
		}
		if len(binary) == 0 {
			want.BodyBase64 = nil
		}
		line, err := want.Line()
		if err != nil || !fromJSON(key, url, contentType, code, message) {
			t.Skip() // an error: a number without a JSON form
		}
		if bytes.ContainsAny(line, "\n\r") || !json.Valid(line) {
			t.Errorf("not one line of JSON: %q", line)
		}
		var got gather.Result
		if err := json.Unmarshal(line, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("decoded %+v, want %+v (%v)", got, want, err)
		}
	})
}

func TestFetchLabel(t *testing.T) {
	for url, want := range map[string]string{
		"https://user@example.com:8443/a%2Fb/%C3%BC?b=2&a=1&a=3#fragment": "GET https://example.com:8443/a%2Fb/%C3%BC?b=***&a=***&a=***",
		"http://example.com":                   "GET http://example.com",
		"http://example.com/?":                 "GET http://example.com/",
		"http://example.com/?bare&named=value": "GET http://example.com/?=***&named=***",
		"http://example.com/?a=%zz&b=1;c=2":    "GET http://example.com/?a=***&b=***",
		"http://[::1]:80/":                     "GET http://[::1]:80/",
		"http://exa mple/":                     "GET",
	} {
		if got := fetchLabel(&gather.Request{URL: url, Method: http.MethodGet}); got != want {
			t.Errorf("label of %q = %q, want %q", url, got, want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("succeeded 1 2 3 4 2 0 0\n{}\n{}", 2)
	f.Add("failed 0 2 3 -4 0 1 0\n", 1)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, news string, total int) {
		made := &gather.Aggregation{ID: "id", Counts: gather.Counts{Total: total}}
		part := answer(made, news)
		if part != nil && (part.ID != "id" || part.Counts.Total != total || len(part.lines) != total || part.ElapsedMS < 0) {
			t.Errorf("%+v of %q", part, news)
		}
		if answer(nil, news) != nil {
			t.Error("an answer about what was not made here")
		}
	})
}
