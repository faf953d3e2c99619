package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// secret is planted in what a client sends; it must show up nowhere else.
const secret = "hunter2-s3cr3t"

func testInvalid(t *testing.T, s *system) {
	const valid = `"urls":["http://127.0.0.1:9/"]`
	for name, c := range map[string]struct {
		body      string
		status    int
		locations []string // all that errors must name, and nothing else
	}{
		"an empty object":                 {`{}`, 422, []string{"body"}},
		"an empty list":                   {`{"urls":[]}`, 422, []string{"body"}},
		"an empty list of the other kind": {`{"requests":[]}`, 422, []string{"body"}},
		"urls and requests":               {`{` + valid + `,"requests":[{"url":"http://127.0.0.1:9/"}]}`, 422, []string{"body"}},
		"a relative URL":                  {`{"urls":["/x"]}`, 422, []string{"body.urls[0]"}},
		"an address without scheme":       {`{"urls":["example.com/x"]}`, 422, []string{"body.urls[0]"}},
		"another scheme":                  {`{"urls":["ftp://example.com/"]}`, 422, []string{"body.urls[0]"}},
		"a port out of range":             {`{"urls":["http://example.com:99999/"]}`, 422, []string{"body.urls[0]"}},
		"an item without url":             {`{"requests":[{"key":"a"}]}`, 422, []string{"body.requests[0].url"}},
		"an unknown field":                {`{` + valid + `,"urlz":1}`, 422, []string{"body.urlz"}},
		"an unknown field inside":         {`{"requests":[{"url":"http://127.0.0.1:9/","verb":"GET"}]}`, 422, []string{"body.requests[0].verb"}},
		"a field in another case":         {`{"URLs":["http://127.0.0.1:9/"],` + valid + `}`, 422, []string{"body.URLs"}},
		"text for a number":               {`{` + valid + `,"concurrency":"3"}`, 422, []string{"body.concurrency"}},
		"a number for text":               {`{` + valid + `,"name":3}`, 422, []string{"body.name"}},
		"a number for an address":         {`{"urls":[3]}`, 422, []string{"body.urls[0]"}},
		"an object for a list":            {`{"urls":{}}`, 422, []string{"body.urls"}},
		"a number for a duration":         {`{` + valid + `,"deadline":5}`, 422, []string{"body.deadline"}},
		"a duration without unit":         {`{` + valid + `,"deadline":"5"}`, 422, []string{"body.deadline"}},
		"a negative duration":             {`{` + valid + `,"deadline":"-5s"}`, 422, []string{"body.deadline"}},
		"a deadline over a day":           {`{` + valid + `,"deadline":"25h"}`, 422, []string{"body.deadline"}},
		"a negative concurrency":          {`{` + valid + `,"concurrency":-1}`, 422, []string{"body.concurrency"}},
		"an unknown priority":             {`{` + valid + `,"priority":"urgent"}`, 422, []string{"body.priority"}},
		"a duplicate key":                 {`{"requests":[{"url":"http://a.test/","key":"k"},{"url":"http://a.test/","key":"k"}]}`, 422, []string{"body.requests[1].key"}},
		"body and body_text":              {`{"requests":[{"url":"http://a.test/","method":"POST","body":1,"body_text":"x"}]}`, 422, []string{"body.requests[0].body_text"}},
		"a header that is ours":           {`{"requests":[{"url":"http://a.test/","headers":{"Content-Length":"1"}}]}`, 422, []string{"body.requests[0].headers.Content-Length"}},
		"a backoff upside down":           {`{"requests":[{"url":"http://a.test/","retry":{"min_backoff":"2s","max_backoff":"1s"}}]}`, 422, []string{"body.requests[0].retry.max_backoff"}},
		"one item too many":               {`{"urls":[` + strings.Repeat(`"http://127.0.0.1:9/",`, 10_000) + `"http://127.0.0.1:9/"]}`, 422, []string{"body.urls"}},
		"9 MiB":                           {`{"name":"` + strings.Repeat("x", 9<<20) + `",` + valid + `}`, 413, nil},
		"not JSON":                        {`{"urls": [`, 400, nil},
		"not JSON at all":                 {`<urls/>`, 400, nil},
		"two documents":                   {`{` + valid + `}{}`, 400, nil},
		"nothing":                         {``, 400, nil},
		"another type of document":        {`[]`, 422, []string{"body"}},
		"several faults at once": {
			`{"requests":[{"url":"ftp://a.test/","timeout":"-1s","method":"B A D"},{"url":"http://a.test/","retry":{"max_attempts":0}},{"urn":"x"}],
			"concurrency":-1,"deadline":"x","retention":5,"priority":"urgent","labels":{"a:b":"c"}}`, 422,
			[]string{"body.requests[0].url", "body.requests[0].timeout", "body.requests[0].method", "body.requests[1].retry.max_attempts",
				"body.requests[2].url", "body.requests[2].urn", "body.concurrency", "body.deadline", "body.retention", "body.priority", "body.labels"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.do(t, c.status, http.MethodPost, aggregations, c.body).problem(t)
			wantLocations(t, p, c.locations)
		})
	}
	t.Run("a wrong content type", func(t *testing.T) {
		s.do(t, http.StatusUnsupportedMediaType, http.MethodPost, aggregations, `{`+valid+`}`, "Content-Type: text/plain")
	})
	t.Run("no value is repeated", func(t *testing.T) {
		for _, body := range []string{
			`{"urls":["` + secret + `"]}`,
			`{"urls":["ftp://user:` + secret + `@example.com/"]}`,
			`{"urls":["http://user:` + secret + `@exa mple.com/%zz"]}`,
			`{` + valid + `,"deadline":"` + secret + `","priority":"` + secret + `","concurrency":"` + secret + `"}`,
			`{` + valid + `,"name":["` + secret + `"],"labels":"` + secret + `"}`,
			`{"requests":[{"url":"http://a.test/","headers":{"Authorization":"` + secret + `\n"},"method":"` + secret + ` x","timeout":"` + secret + `"}]}`,
			`{"requests":[{"url":"http://a.test/","headers":"` + secret + `","retry":"` + secret + `","expect_status":["` + secret + `"]}]}`,
			`{"urls":["http://a.test/"],"deadline":"1s" ` + secret,
			secret,
		} {
			a, err := s.try(http.MethodPost, aggregations, body)
			if err != nil {
				t.Fatal(err)
			}
			if a.status < 400 || a.status > 499 || strings.Contains(string(a.body), secret) {
				t.Errorf("%s\nis answered with %d %s", body, a.status, a.body)
			}
		}
	})
	t.Run("many faults make a bounded answer", func(t *testing.T) {
		urls := make([]string, 10_000)
		body, _ := json.Marshal(object{"urls": urls})
		a := s.do(t, http.StatusUnprocessableEntity, http.MethodPost, aggregations, string(body))
		if n := len(a.problem(t).Errors); n < 100 || len(a.body) > 64<<10 {
			t.Errorf("%d faults in %d bytes", n, len(a.body))
		}
	})
}

// wantLocations wants a problem to name exactly these places, each with a message.
func wantLocations(tb testing.TB, p *problem, want []string) {
	tb.Helper()
	var got []string
	for _, f := range p.Errors {
		got = append(got, f.Location)
		if f.Message == "" {
			tb.Errorf("the fault at %s has no message", f.Location)
		}
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		tb.Errorf("errors are at %q, want %q: %+v", got, want, p)
	}
}
