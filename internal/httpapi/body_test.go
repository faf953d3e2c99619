package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gather"
)

// TestBody holds every way in which a body may be wrong against the faults that
// the client is told: all at once, each once, at the place of the field.
func TestBody(t *testing.T) {
	a := New(Options{MaxRequests: 20})
	defer a.Close()
	urls := func(n int) string {
		return `["` + strings.Join(slices.Repeat([]string{"http://a.test/"}, n), `","`) + `"]`
	}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		name, body string
		want       []string // "location: start of the message"
	}{
		{"the least", `{"urls":["http://a.test/"]}`, nil},
		{"everything", `{"requests":[{"url":"https://a.test:8443/x?y#z","method":"POST","headers":{"X-A":"b"},"body":{"a":[1,null]},"key":"k",
			"timeout":"1.5s","retry":{"max_attempts":5,"min_backoff":"0s","max_backoff":"1m"},"expect_status":[200,404]}],
			"concurrency":3,"deadline":"2m","retention":"1h","priority":"low","name":"n","labels":{"app.kubernetes.io/name":"x"}}`, nil},
		{"nulls are as good as nothing", `{"urls":["http://a.test/"],"requests":null,"deadline":null,"name":null,"labels":null}`, nil},
		{"any JSON as a request's body", `{"requests":[{"url":"http://a.test/","body":[1e400,{"a":1,"a":2},` + deep(3000) + `]},{"url":"http://a.test/","body":null}]}`, nil},
		{"escaped names", `{"\u0075rls":["http://a.test/"]}`, nil},

		{"nothing", `{}`, []string{"body: give 1 to 20 items"}},
		{"empty list", `{"urls":[]}`, []string{"body: give 1 to 20 items"}},
		{"two empty lists", `{"urls":[],"requests":[]}`, []string{"body: give urls or requests, not both"}},
		{"urls and requests", `{"urls":["http://a.test/"],"requests":[{"url":"http://b.test/"}]}`, []string{"body: give urls or requests, not both"}},
		{"relative URL", `{"urls":["http://a.test/","/x"]}`, []string{"body.urls[1]: must be absolute"}},
		{"other scheme", `{"requests":[{"url":"ftp://a.test/"}]}`, []string{"body.requests[0].url: must be http or https"}},
		{"no URL", `{"requests":[{"method":"GET"}]}`, []string{"body.requests[0].url: is required"}},
		{"unknown field", `{"urls":["http://a.test/"],"url":"x"}`, []string{"body.url: is not a field"}},
		{"unknown fields inside", `{"requests":[{"url":"http://a.test/","verb":"GET","retry":{"attempts":1}}]}`,
			[]string{"body.requests[0].retry.attempts: is not a field", "body.requests[0].verb: is not a field"}},
		{"field of a request", `{"urls":["http://a.test/"],"timeout":"1s"}`, []string{"body.timeout: is not a field of an aggregation; it belongs in each of requests"}},
		{"other case is another field", `{"URLS":["http://a.test/"]}`, []string{"body.URLS: is not a field"}},
		{"case inside", `{"requests":[{"URL":"http://a.test/"}]}`, []string{"body.requests[0].URL: is not a field", "body.requests[0].url: is required"}},
		{"names with dots", `{"requests":[{"url":"http://a.test/","headers":{"X.Y":1,"Z[0]":"v"},"a.b[1].c":1,"timeout":"x"}],"labels":{"a.b":1}}`,
			[]string{"body.labels.a.b: must be a string", "body.requests[0].a.b[1].c: is not a field", "body.requests[0].headers: has a name that is not", "body.requests[0].headers.X.Y: must be a string", "body.requests[0].timeout: is not a duration"}},

		{"wrong types", `{"urls":"http://a.test/","concurrency":"1","labels":[],"name":5,"priority":1}`,
			[]string{"body.concurrency: must be an integer", "body.labels: must be an object", "body.name: must be a string", "body.priority: must be", "body.urls: must be an array"}},
		{"wrong types inside", `{"requests":[5,{"url":7,"headers":{"A":1},"retry":3,"expect_status":["200"],"method":null,"key":{}},{"url":"http://a.test/","expect_status":200}]}`,
			[]string{"body.requests[0]: must be an object", "body.requests[1].expect_status[0]: must be an integer", "body.requests[1].headers.A: must be a string",
				"body.requests[1].key: must be a string", "body.requests[1].retry: must be an object", "body.requests[1].url: must be a string", "body.requests[2].expect_status: must be an array"}},
		{"null in lists", `{"urls":[null],"requests":null}`, []string{"body.urls[0]: must be a string"}},
		{"null as an item", `{"requests":[null]}`, []string{"body.requests[0]: must be an object"}},
		{"null as a URL", `{"requests":[{"url":null}]}`, []string{"body.requests[0].url: must be a string"}},
		{"null as a header", `{"requests":[{"url":"http://a.test/","headers":{"A":null}}]}`, []string{"body.requests[0].headers.A: must be a string"}},
		{"a number as a duration", `{"urls":["http://a.test/"],"deadline":30}`, []string{"body.deadline: must be a string"}},
		{"a fraction as an integer", `{"urls":["http://a.test/"],"concurrency":1.5}`, []string{"body.concurrency: must be an integer"}},
		{"integers that Go can't read", `{"concurrency":1e30,"requests":[{"url":"http://a.test/","expect_status":[200.0]},{"url":"http://a.test/","retry":{"max_attempts":1e400}},{"url":8}]}`,
			[]string{"body.concurrency: must be a plain integer", "body.requests[0].expect_status: must be a plain integer", "body.requests[1].retry.max_attempts: must be a plain integer", "body.requests[2].url: must be a string"}},

		{"bad durations", `{"urls":["http://a.test/"],"deadline":"soon","retention":"-1s"}`, []string{"body.deadline: is not a duration", "body.retention: must be longer than 0s"}},
		{"durations out of bounds", `{"urls":["http://a.test/"],"deadline":"25h","retention":"0"}`, []string{"body.deadline: must be at most 24h", "body.retention: must be longer than 0s"}},
		{"bad values", `{"urls":["http://a.test/"],"concurrency":-1,"priority":"urgent","name":"` + strings.Repeat("n", 257) + `"}`,
			[]string{"body.concurrency: must be 0", "body.name: must have at most 256", "body.priority: must be one of"}},
		{"an empty priority", `{"urls":["http://a.test/"],"priority": ""}`, []string{`body.priority: must be one of`}},
		{"keys that are not unique", `{"requests":[{"url":"http://a.test/","key":"k"},{"url":"http://a.test/","key":"k"}]}`, []string{"body.requests[1].key: is the key of requests[0] already"}},
		{"both bodies", `{"requests":[{"url":"http://a.test/","body":1,"body_text":"x"}]}`, []string{"body.requests[0].body_text: give body or body_text"}},

		{"fields given twice", `{"urls":["http://a.test/"],"urls":["http://b.test/"],"labels":{"a":"1","a":"2"}}`, []string{"body.labels.a: is given twice", "body.urls: is given twice"}},
		{"a field given thrice", `{"urls":["http://a.test/"],"name":"a","name":"b","name":"c"}`, []string{"body.name: is given twice"}},
		{"fields given twice inside", `{"requests":[{"url":"http://a.test/","url":"http://b.test/","headers":{"A":"1","\u0041":"2"},"retry":{"max_attempts":1,"max_attempts":2}}]}`,
			[]string{"body.requests[0].headers.A: is given twice", "body.requests[0].retry.max_attempts: is given twice", "body.requests[0].url: is given twice"}},

		{"given twice among many", `{"urls":["http://a.test/"],"labels":{"1":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":"","10":"","11":"","12":"","13":"","14":"","3":"","14":"","12":"x"}}`,
			[]string{"body.labels.3: is given twice", "body.labels.12: is given twice", "body.labels.14: is given twice"}},

		{"too many URLs", `{"urls":` + urls(21) + `}`, []string{"body.urls: 21 items are over the limit of 20"}},
		{"too many requests, and more", `{"requests":[` + strings.Repeat(`{"url":"http://a.test/"},`, 30) + `7],"name":5}`,
			[]string{"body.name: must be a string", "body.requests: 31 items are over the limit of 20"}},
		{"too many of both", `{"urls":` + urls(22) + `,"requests":[` + strings.Repeat(`{},`, 40) + `{}],"deadline":"x"}`, nil},

		{"an array", `[1]`, []string{"body: must be an object"}},
		{"null", `null`, []string{"body: must be an object"}},
		{"a string", `"x"`, []string{"body: must be an object"}},
		{"a number", ` 1e400`, []string{"body: must be an object"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := a.readBody([]byte(c.body))
			if b.refusal == nil {
				if c.want != nil {
					t.Fatalf("accepted; want %q", c.want)
				}
				return
			}
			if b.refusal.Status != 422 {
				t.Fatalf("status %d: %s", b.refusal.Status, b.refusal.Detail)
			}
			if c.name == "too many of both" {
				if len(b.refusal.Errors) < 4 {
					t.Errorf("%v", b.refusal.Errors)
				}
				return
			}
			var got []string
			for _, f := range b.refusal.Errors {
				got = append(got, f.Location+": "+f.Message)
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestBody_NotJSON(t *testing.T) {
	a := New(Options{MaxRequests: 2})
	defer a.Close()
	for _, c := range []struct{ name, body, detail string }{
		{"text", "secret", "see line 1, column 1"},
		{"on a later line", "{\n  \"urls\": [\"é\", secret]\n}", "see line 2, column 17"},
		{"cut off", `{"urls":["http://a.test/`, "ends too early"},
		{"white space", "  \n", "ends too early"},
		{"trailing garbage", twoURLs + "x", "see line 1, column 45"},
		{"two documents", twoURLs + twoURLs, "see line 1, column 45"},
		{"single quotes", `{'urls':[]}`, "see line 1, column 2"},
		{"trailing comma", `{"urls":["http://a.test/",]}`, "see line 1, column 27"},
		{"too many items, then garbage", `{"urls":["a","b","c","d"]}}`, "see line 1, column 27"},
		{"not UTF-8", "{\"name\":\"\xff\"}", "not UTF-8"},
		{"a byte order mark", "\ufeff" + twoURLs, "see line 1, column 1"},
		{"nested without end", strings.Repeat(`{"requests":[`, 1<<20), "see line"},
		{"a NUL", "{\x00}", "see line 1, column 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := a.readBody([]byte(c.body))
			if b.refusal == nil || b.refusal.Status != 400 || !strings.Contains(b.refusal.Detail, c.detail) || strings.Contains(b.refusal.Detail, "secret") {
				t.Errorf("%+v", b.refusal)
			}
		})
	}
}

func TestBody_ManyFaults(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	for name, item := range map[string]string{"rules": `{"url":"x"}`, "types": `5`, "unknown": `{"url":"http://a.test/","x":1}`} {
		body := `{"requests":[` + strings.Repeat(item+",", 999) + item + `],"name":7}`
		faults := a.readBody([]byte(body)).refusal.Errors
		if len(faults) != maxFaults+1 || faults[0].Location != "body.name" || faults[maxFaults].Location != "body" {
			t.Errorf("%s: %d faults, %v … %v", name, len(faults), faults[0], faults[len(faults)-1])
		}
		if !strings.HasPrefix(faults[12].Location, "body.requests[11]") {
			t.Errorf("%s: not in order: %v", name, faults[12])
		}
	}
}

func TestBody_LongNamesAreCut(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	f := a.readBody([]byte(`{"urls":["http://a.test/"],"` + strings.Repeat("é", 1<<20) + `":1}`)).refusal.Errors
	if len(f) != 1 || len(f[0].Location) > 300 || !strings.HasSuffix(f[0].Location, "é…") {
		t.Errorf("%d %.400v", len(f), f)
	}
}

// TestBody_AtTheLimit takes the real limit, one below and one above.
func TestBody_AtTheLimit(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	for n, wrong := range map[int]bool{10_000: false, 10_001: true, 600_000: true} {
		body := []byte(`{"urls":["` + strings.Repeat(`http://a/","`, n-1) + `http://a/"]}`)
		b := a.readBody(body)
		if wrong != (b.refusal != nil) {
			t.Fatalf("%d items: %v", n, b.refusal)
		}
		if wrong && (len(b.refusal.Errors) != 1 || b.refusal.Errors[0].Message != fmt.Sprintf("%d items are over the limit of 10000; split the list, or have the server started with a higher --max-requests", n)) {
			t.Errorf("%v", b.refusal.Errors)
		}
	}
}

func TestBody_NeverEchoesValues(t *testing.T) {
	s := serve(t)
	for _, body := range []string{
		`{"urls":["hunter2"],"name":{"a":"hunter2"},"deadline":"hunter2","priority":"hunter2"}`,
		`{"requests":[{"url":"http://u:hunter2@/","headers":{"A":"hunter2\n"},"body_text":["hunter2"],"retry":"hunter2","method":"hunter2 x"}]}`,
		`{"urls":[hunter2]}`, `"hunter2"`, `hunter2`, `["hunter2"]`, `{"urls":["http://hunter2:hunter2/"]}`,
	} {
		if a := s.post(body); a.StatusCode < 400 || strings.Contains(string(a.body), "hunter2") {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.body)
		}
	}
	for _, path := range []string{"?limit=hunter2", "?status=hunter2", "?label=hunter2", "?cursor=hunter2", "/x?wait=hunter2", "/x?results=hunter2", "/x/results?follow=hunter2", "/x/events?last_event_id=hunter2"} {
		if a := s.get("/v1/aggregations" + path); a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(string(a.body), "hunter2") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if strings.Contains(s.log.String(), "hunter2") {
		t.Errorf("in the log: %s", s.log)
	}
}

func TestBody_OverHTTP(t *testing.T) {
	s := serve(t)
	p := s.post(`{"urls":["x"],"concurrency":-1}`).problem(t, 422)
	if p.Type != "urn:gather:problem:invalid-request" || len(p.Errors) != 2 {
		t.Errorf("%+v", p)
	}
	if p := s.post("").problem(t, 400); !strings.Contains(p.Detail, "empty") {
		t.Errorf("%+v", p)
	}
	if p := s.post("{").problem(t, 400); p.Type != "about:blank" || p.Title != "Bad Request" || !strings.Contains(p.Detail, "ends too early") {
		t.Errorf("%+v", p)
	}
	if p := s.post("{", "Idempotency-Key", "").problem(t, 400); !strings.Contains(p.Detail, "ends too early") {
		t.Errorf("%+v", p)
	}
	if len(s.store.order) != 0 || len(s.queue.runs()) != 0 {
		t.Error("something was accepted")
	}
}

// slow is what readBody finds when it asks the schema in any case.
func slow(a *API, data []byte) (accepted bool) {
	spec := new(gather.Spec)
	misfit := json.Unmarshal(data, spec)
	f := findings{names: scan(data, a.opt.MaxRequests).faults, rules: spec.Validate(a.opt.MaxRequests)}
	a.judge(data, misfit, &f)
	return len(f.merged()) == 0
}

// FuzzBody finds bodies that crash, that are refused without a reason, or that
// pass although the published schema refuses them.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		twoURLs, `{}`, `null`, `[]`, `{"urls":[null]}`, `{"requests":[{"url":"http://a.test/","headers":{"a":null},"labels":1}]}`,
		`{"urls":["http://a.test/"],"priority":""}`, `{"urls":["http://a.test/"],"labels":{"a.b":"c"},"deadline":"1h","concurrency":1e3}`,
		`{"requests":[{"url":"http://a.test/","retry":{"max_attempts":3,"min_backoff":"1s"},"expect_status":[200],"body":{"x":1}},{},{},{}]}`,
		`{"urls":["a","b","c","d"],"urls":1}`, `{"\u0075rls":["http://a.test/"]}`, `{"urls":["http://a.test/"],"URLS":[]}`, "{\"a\":\"\\", `{"requests":[{"url":`,
	} {
		f.Add([]byte(seed))
	}
	a := New(Options{MaxRequests: 3})
	f.Cleanup(a.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		b := a.readBody(bytes.Clone(data))
		if b.refusal == nil {
			if !slow(a, data) {
				t.Errorf("accepted against the schema: %q", data)
			}
			return
		}
		if b.refusal.Status != 400 && (b.refusal.Status != 422 || len(b.refusal.Errors) == 0) {
			t.Errorf("%q: %+v", data, b.refusal)
		}
		if b.refusal.Status == 400 && json.Valid(data) && utf8.Valid(data) {
			t.Errorf("%q is JSON", data)
		}
		seen := map[gather.Fault]bool{}
		for _, fault := range b.refusal.Errors {
			if seen[fault] || !strings.HasPrefix(fault.Location, "body") || fault.Message == "" {
				t.Errorf("%q: %+v", data, b.refusal.Errors)
			}
			seen[fault] = true
		}
	})
}
