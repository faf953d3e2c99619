package gather_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gather"
)

// maxRequests is the server's limit in these tests, where no other is named.
const maxRequests = 100

func TestSpec_Validate_accepts(t *testing.T) {
	long := strings.Repeat("ü", 256)
	cases := map[string]string{
		"one URL":                          `{"urls": ["http://a"]}`,
		"as many URLs as the limit":        `{"urls": [` + repeated(`"http://a"`, maxRequests) + `]}`,
		"as many requests as the limit":    `{"requests": [` + repeated(`{"url": "http://a"}`, maxRequests) + `]}`,
		"requests beside urls: null":       `{"urls": null, "requests": [{"url": "http://a"}]}`,
		"https":                            `{"urls": ["https://a.example/path?q=1#fragment"]}`,
		"a scheme in capitals":             `{"urls": ["HTTPS://A.EXAMPLE"]}`,
		"an IPv6 address and a port":       `{"urls": ["http://[::1]:8080/"]}`,
		"the highest port":                 `{"urls": ["http://a:65535"]}`,
		"a colon without a port":           `{"urls": ["http://a:/"]}`,
		"userinfo":                         `{"urls": ["https://user:@a/"]}`,
		"a host beyond ASCII":              `{"urls": ["https://bücher.example/größe"]}`,
		"the longest URL":                  `{"urls": ["http://a/` + strings.Repeat("x", 8192-len("http://a/")) + `"]}`,
		"no cap on what is in flight":      `{"urls": ["http://a"], "concurrency": 0}`,
		"one after another":                `{"urls": ["http://a"], "concurrency": 1}`,
		"more in flight than items":        `{"urls": ["http://a"], "concurrency": 1000000}`,
		"the longest deadline":             `{"urls": ["http://a"], "deadline": "24h"}`,
		"the shortest deadline":            `{"urls": ["http://a"], "deadline": "1ns"}`,
		"a year of retention":              `{"urls": ["http://a"], "retention": "8760h"}`,
		"high priority":                    `{"urls": ["http://a"], "priority": "high"}`,
		"default priority":                 `{"urls": ["http://a"], "priority": "default"}`,
		"low priority":                     `{"urls": ["http://a"], "priority": "low"}`,
		"the longest name, in characters":  `{"urls": ["http://a"], "name": "` + long + `"}`,
		"labels":                           `{"urls": ["http://a"], "labels": {"app.kubernetes.io/name": "shop", "empty": ""}}`,
		"the longest label":                `{"urls": ["http://a"], "labels": {"` + long[:128] + `": "` + long[:128] + `"}}`,
		"a colon in a label's value":       `{"urls": ["http://a"], "labels": {"a": "b:c"}}`,
		"32 labels":                        `{"urls": ["http://a"], "labels": {` + numbered(`"%d": ""`, 32) + `}}`,
		"every method that may be sent":    items(`"method": "GET"`, `"method": "HEAD"`, `"method": "POST"`, `"method": "PUT"`, `"method": "PATCH"`, `"method": "DELETE"`, `"method": "OPTIONS"`),
		"a method in small letters":        item(`"method": "post"`),
		"a method of one's own":            item(`"method": "PROPFIND"`),
		"headers":                          item(`"headers": {"Accept": "*/*", "x-empty": "", "X-Tab": "a\tb", "X-Umlaut": "ü"}`),
		"a host of one's own":              item(`"headers": {"Host": "b.example"}`),
		"a hundred headers":                item(`"headers": {` + numbered(`"X-%d": ""`, 100) + `}`),
		"any JSON as body":                 items(`"body": null`, `"body": false`, `"body": 0`, `"body": ""`, `"body": []`, `"body": {"a": [1]}`),
		"text as body":                     item(`"body_text": "a=b"`),
		"a body on GET":                    item(`"method": "GET", "body": {}`),
		"a body beside an empty body_text": item(`"body": {}, "body_text": ""`),
		"the longest key":                  item(`"key": "` + long + `"`),
		"several items without a key":      items(``, ``, `"key": "a"`, `"key": ""`),
		"keys that differ in case":         items(`"key": "a"`, `"key": "A"`),
		"the same URL twice":               `{"urls": ["http://a", "http://a"]}`,
		"a long timeout":                   item(`"timeout": "24h"`),
		"retry without fields":             item(`"retry": {}`),
		"the fewest attempts":              item(`"retry": {"max_attempts": 1}`),
		"the most attempts":                item(`"retry": {"max_attempts": 100}`),
		"no wait between attempts":         item(`"retry": {"min_backoff": "0s", "max_backoff": "0s"}`),
		"only a short max_backoff":         item(`"retry": {"max_backoff": "1ms"}`),
		"only a long min_backoff":          item(`"retry": {"min_backoff": "1h"}`),
		"the same wait always":             item(`"retry": {"min_backoff": "1s", "max_backoff": "1s"}`),
		"any final status code":            item(`"expect_status": [200, 304, 404, 599]`),
		"no status code listed":            item(`"expect_status": []`),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			if faults := mustSpec(t, text).Validate(maxRequests); faults != nil {
				t.Errorf("Validate() = %v, want nil", faults)
			}
		})
	}
}

func TestSpec_Validate_refuses(t *testing.T) {
	const first = "body.requests[0]"
	cases := map[string]struct {
		text     string
		location string
		message  string // a part of it
	}{
		"nothing":             {`{}`, "body", "give 1 to 100 items"},
		"an empty list":       {`{"requests": []}`, "body", "give 1 to 100 items"},
		"both lists":          {`{"urls": ["http://a"], "requests": [{"url": "http://a"}]}`, "body", "not both"},
		"both, one is empty":  {`{"urls": [], "requests": [{"url": "http://a"}]}`, "body", "not both"},
		"too many URLs":       {`{"urls": [` + repeated(`"http://a"`, maxRequests+1) + `]}`, "body.urls", "101 items are over the limit of 100"},
		"too many requests":   {`{"requests": [` + repeated(`{}`, maxRequests+1) + `]}`, "body.requests", "101 items are over the limit of 100"},
		"less than no cap":    {`{"urls": ["http://a"], "concurrency": -1}`, "body.concurrency", "0 (no cap) or more"},
		"another priority":    {`{"urls": ["http://a"], "priority": "High"}`, "body.priority", "one of high, default, low"},
		"too long a name":     {`{"urls": ["http://a"], "name": "` + strings.Repeat("x", 257) + `"}`, "body.name", "at most 256 characters"},
		"too many labels":     {`{"urls": ["http://a"], "labels": {` + numbered(`"%d": ""`, 33) + `}}`, "body.labels", "at most 32 labels"},
		"a label without key": {`{"urls": ["http://a"], "labels": {"": "x"}}`, "body.labels", "a key that is empty"},
		"a colon in a key":    {`{"urls": ["http://a"], "labels": {"a:b": "x"}}`, "body.labels", "contains a colon"},
		"too long a key":      {`{"urls": ["http://a"], "labels": {"` + strings.Repeat("x", 129) + `": ""}}`, "body.labels", "at most 128 bytes"},
		"too long a value":    {`{"urls": ["http://a"], "labels": {"a": "` + strings.Repeat("x", 129) + `"}}`, "body.labels", "at most 128 bytes"},

		"a deadline that is none":      {`{"urls": ["http://a"], "deadline": "soon"}`, "body.deadline", "not a duration"},
		"an empty deadline":            {`{"urls": ["http://a"], "deadline": ""}`, "body.deadline", "not a duration"},
		"no time until the deadline":   {`{"urls": ["http://a"], "deadline": "0s"}`, "body.deadline", "longer than 0s"},
		"a deadline in the past":       {`{"urls": ["http://a"], "deadline": "-1s"}`, "body.deadline", "longer than 0s"},
		"a deadline after a day":       {`{"urls": ["http://a"], "deadline": "24h0m1s"}`, "body.deadline", "at most 24h"},
		"a retention that is none":     {`{"urls": ["http://a"], "retention": "1d"}`, "body.retention", "not a duration"},
		"no retention":                 {`{"urls": ["http://a"], "retention": "0s"}`, "body.retention", "longer than 0s"},
		"a retention beyond a year":    {`{"urls": ["http://a"], "retention": "8761h"}`, "body.retention", "at most 8760h"},
		"a timeout that is none":       {item(`"timeout": "10"`), first + ".timeout", "not a duration"},
		"no time for an attempt":       {item(`"timeout": "0s"`), first + ".timeout", "longer than 0s"},
		"a timeout after a day":        {item(`"timeout": "25h"`), first + ".timeout", "at most 24h"},
		"no attempt":                   {item(`"retry": {"max_attempts": 0}`), first + ".retry.max_attempts", "1 to 100"},
		"too many attempts":            {item(`"retry": {"max_attempts": 101}`), first + ".retry.max_attempts", "1 to 100"},
		"a min_backoff that is none":   {item(`"retry": {"min_backoff": "x"}`), first + ".retry.min_backoff", "not a duration"},
		"a negative min_backoff":       {item(`"retry": {"min_backoff": "-1s"}`), first + ".retry.min_backoff", "not be negative"},
		"a min_backoff after a day":    {item(`"retry": {"min_backoff": "25h"}`), first + ".retry.min_backoff", "at most 24h"},
		"a max_backoff that is none":   {item(`"retry": {"min_backoff": "1s", "max_backoff": "x"}`), first + ".retry.max_backoff", "not a duration"},
		"a negative max_backoff":       {item(`"retry": {"min_backoff": "1s", "max_backoff": "-1s"}`), first + ".retry.max_backoff", "not be negative"},
		"max_backoff under min":        {item(`"retry": {"min_backoff": "2s", "max_backoff": "1s"}`), first + ".retry.max_backoff", "not be shorter than min_backoff"},
		"no max_backoff under min":     {item(`"retry": {"min_backoff": "2s", "max_backoff": "0s"}`), first + ".retry.max_backoff", "not be shorter than min_backoff"},
		"a status code on the way":     {item(`"expect_status": [200, 101]`), first + ".expect_status[1]", "200 to 599"},
		"a status code that is none":   {item(`"expect_status": [600]`), first + ".expect_status[0]", "200 to 599"},
		"both bodies":                  {item(`"body": {}, "body_text": "x"`), first + ".body_text", "not both"},
		"null and body_text":           {item(`"body": null, "body_text": "x"`), first + ".body_text", "not both"},
		"too long a key of an item":    {item(`"key": "` + strings.Repeat("x", 257) + `"`), first + ".key", "at most 256 characters"},
		"a key given twice":            {items(`"key": "a"`, ``, `"key": "a"`), "body.requests[2].key", "requests[0]"},
		"a method that is no token":    {item(`"method": "GET /"`), first + ".method", "not a request method"},
		"a letter like S in a method":  {item(`"method": "poſt"`), first + ".method", "not a request method"},
		"CONNECT":                      {item(`"method": "CONNECT"`), first + ".method", "can't be sent"},
		"trace in small letters":       {item(`"method": "trace"`), first + ".method", "can't be sent"},
		"a header without a name":      {item(`"headers": {"": "x"}`), first + ".headers", "not a header field name"},
		"a header's name with a blank": {item(`"headers": {"X Y": "x"}`), first + ".headers", "not a header field name"},
		"a line end in a header":       {item(`"headers": {"X": "a\r\nY: b"}`), first + ".headers.X", "control characters"},
		"a NUL in a header":            {item(`"headers": {"X": "\u0000"}`), first + ".headers.X", "control characters"},
		"a header of the connection":   {item(`"headers": {"transfer-encoding": "chunked"}`), first + ".headers.transfer-encoding", "set by Gather itself"},
		"a length of one's own":        {item(`"headers": {"Content-Length": "1"}`), first + ".headers.Content-Length", "set by Gather itself"},
		"a header given twice":         {item(`"headers": {"x-A": "1", "x-a": "2"}`), first + ".headers.x-a", "given twice"},
		"too many headers":             {item(`"headers": {` + numbered(`"X-%d": ""`, 101) + `}`), first + ".headers", "at most 100 headers"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			wantOne(t, mustSpec(t, c.text).Validate(maxRequests), c.location, c.message)
		})
	}
}

func TestSpec_Validate_refusesURLs(t *testing.T) {
	cases := map[string]struct{ url, message string }{
		"none":                      {"", "is required"},
		"too long":                  {"http://a/" + strings.Repeat("x", 8192), "at most 8192 bytes"},
		"a path":                    {"/path", "must be absolute"},
		"a host without a scheme":   {"example.com/path", "must be absolute"},
		"a host after two slashes":  {"//example.com/path", "must be absolute"},
		"a scheme alone":            {"https://", "must be absolute"},
		"three slashes":             {"https:///path", "must be absolute"},
		"another scheme":            {"ftp://example.com", "http or https"},
		"a file":                    {"file://host/etc/passwd", "http or https"},
		"mail":                      {"mailto:a@example.com", "http or https"},
		"a scheme without slashes":  {"https:example.com", "must name a host"},
		"a port without a host":     {"http://:80/", "must name a host"},
		"userinfo without a host":   {"http://user@/", "must be absolute"},
		"port zero":                 {"http://a:0/", "1 to 65535"},
		"a port too high":           {"http://a:65536/", "1 to 65535"},
		"a port far too high":       {"http://a:99999999999999999999/", "1 to 65535"},
		"a port that is no number":  {"http://a:b/", "is not a URL"},
		"a host with a blank":       {"http://a b/", "is not a URL"},
		"a broken escape":           {"http://a/%zz", "is not a URL"},
		"a line end":                {"http://a/\r\nHost: b", "is not a URL"},
		"an address without its ]":  {"http://[::1/", "is not a URL"},
		"what browsers take for it": {`http:\\a`, "must name a host"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			short := gather.Spec{URLs: []string{"http://a", c.url}}
			wantOne(t, short.Validate(maxRequests), "body.urls[1]", c.message)
			full := gather.Spec{Requests: []gather.Request{{URL: "http://a"}, {URL: c.url}}}
			wantOne(t, full.Validate(maxRequests), "body.requests[1].url", c.message)
		})
	}
}

func TestSpec_Validate_reportsAllAtOnce(t *testing.T) {
	spec := mustSpec(t, `{
		"requests": [
			{"url": "ftp://a", "method": "A B", "headers": {"Upgrade": "x", "": "x"}, "body": 1, "body_text": "x", "timeout": "x",
			 "retry": {"max_attempts": 0, "min_backoff": "x", "max_backoff": "-1s"}, "expect_status": [1, 2]},
			{"url": "http://:0"}
		],
		"concurrency": -1, "deadline": "x", "retention": "x", "priority": "x", "labels": {"": ""}
	}`)
	want := []string{
		"body.requests[0].url", "body.requests[0].method", "body.requests[0].headers", "body.requests[0].headers.Upgrade",
		"body.requests[0].body_text", "body.requests[0].timeout", "body.requests[0].retry.max_attempts",
		"body.requests[0].retry.min_backoff", "body.requests[0].retry.max_backoff",
		"body.requests[0].expect_status[0]", "body.requests[0].expect_status[1]",
		"body.requests[1].url", "body.requests[1].url", // no host, and no port
		"body.deadline", "body.retention", "body.concurrency", "body.priority", "body.labels",
	}
	var got []string
	for _, fault := range spec.Validate(maxRequests) {
		got = append(got, fault.Location)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("faults at\n%s\nwant them at\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSpec_Validate_boundsTheAnswer(t *testing.T) {
	for items, want := range map[int]int{99: 99, 100: 100, 101: 101, 10_000: 101} {
		spec := gather.Spec{URLs: make([]string, items)}
		faults := spec.Validate(gather.DefaultMaxRequests)
		if len(faults) != want {
			t.Fatalf("%d bad items make %d faults, want %d", items, len(faults), want)
		}
		last := faults[len(faults)-1]
		if cut := last.Location == "body" && strings.Contains(last.Message, "more faults"); cut != (items > 100) {
			t.Errorf("of %d bad items the last fault is %v", items, last)
		}
	}
}

// TestSpec_Validate_keepsSecrets plants a secret in every value that may hold one:
// messages end up in logs, and on the screens of others.
func TestSpec_Validate_keepsSecrets(t *testing.T) {
	const secret = "s3cr3t"
	planted := rapid.OneOf(
		rapid.SampledFrom([]string{
			secret, "http://" + secret, "http://u:" + secret + "@", "http://a:" + secret, "ftp://" + secret, "http://a/%zz" + secret,
			"http://a b" + secret, secret + "\r\n", "10" + secret, strings.Repeat(secret, 2000), "get " + secret, ":" + secret,
		}),
		rapid.Map(rapid.String(), func(s string) string { return s + secret }),
	)
	name := rapid.SampledFrom([]string{"Authorization", "authorization", "Upgrade", "X-A", "x-a", "X Y", ""})
	rapid.Check(t, func(t *rapid.T) {
		text := func(what string) string { return planted.Draw(t, what) }
		duration := func(what string) *gather.Duration {
			var d gather.Duration
			_ = d.UnmarshalText([]byte(text(what)))
			return &d
		}
		spec := gather.Spec{
			Deadline: duration("deadline"), Retention: duration("retention"),
			Priority: gather.Priority(text("priority")), Name: text("name"), Labels: map[string]string{text("label"): text("value")},
		}
		for range rapid.IntRange(1, 3).Draw(t, "requests") {
			spec.Requests = append(spec.Requests, gather.Request{
				URL: text("url"), Method: text("method"), Headers: rapid.MapOf(name, planted).Draw(t, "headers"),
				Body: json.RawMessage(`"` + secret + `"`), BodyText: text("body_text"),
				Key: rapid.SampledFrom([]string{secret, strings.Repeat(secret, 100)}).Draw(t, "key"), Timeout: duration("timeout"),
				Retry: &gather.Retry{MinBackoff: duration("min_backoff"), MaxBackoff: duration("max_backoff")},
			})
		}
		if rapid.Bool().Draw(t, "urls too") {
			spec.URLs = []string{text("url")}
		}
		faults := spec.Validate(maxRequests)
		if len(faults) == 0 {
			t.Fatal("no fault was found")
		}
		for _, fault := range faults {
			if strings.Contains(fault.Message, secret) || strings.Contains(fault.Location, secret) {
				t.Fatalf("%+v tells a secret", fault)
			}
		}
	})
}

// Durations can't hide a secret, but the message is no place for values of any kind.
func TestSpec_Validate_keepsDurations(t *testing.T) {
	text := item(`"timeout": "31h", "retry": {"min_backoff": "37s", "max_backoff": "33s"}`)
	for _, fault := range mustSpec(t, text).Validate(maxRequests) {
		for _, value := range []string{"31", "37", "33"} {
			if strings.Contains(fault.Message, value) {
				t.Errorf("%+v repeats a value", fault)
			}
		}
	}
}

// TestSpec_Validate_acceptsAllWithinBounds draws specs that the contract calls valid.
func TestSpec_Validate_acceptsAllWithinBounds(t *testing.T) {
	upTo := func(longest time.Duration) *rapid.Generator[*gather.Duration] {
		return rapid.Ptr(rapid.Map(rapid.Int64Range(1, int64(longest)), func(n int64) gather.Duration { return gather.Duration(n) }), true)
	}
	request := rapid.Custom(func(t *rapid.T) gather.Request {
		r := gather.Request{
			URL:          rapid.StringMatching(`https?://[a-z0-9]{1,20}(\.[a-z]{2,5})?(:[1-9][0-9]{0,3})?(/[!-$&-~]{0,20})?`).Draw(t, "url"),
			Method:       rapid.StringMatching(`|get|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|[A-Z]{9}`).Draw(t, "method"),
			Headers:      rapid.MapOf(rapid.StringMatching(`X-[0-9]{1,3}`), rapid.StringMatching(`[\t -~ü]*`)).Draw(t, "headers"),
			Timeout:      upTo(24*time.Hour).Draw(t, "timeout"),
			ExpectStatus: rapid.SliceOf(rapid.IntRange(200, 599)).Draw(t, "expect_status"),
		}
		if rapid.Bool().Draw(t, "retry is given") {
			longest := time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "max_backoff"))
			r.Retry = &gather.Retry{
				MaxAttempts: rapid.Ptr(rapid.IntRange(1, 100), true).Draw(t, "max_attempts"),
				MinBackoff:  upTo(longest).Draw(t, "min_backoff"), MaxBackoff: gather.After(longest),
			}
		}
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		spec := gather.Spec{
			Requests:    rapid.SliceOfN(request, 1, 5).Draw(t, "requests"),
			Concurrency: rapid.IntRange(0, 1e6).Draw(t, "concurrency"),
			Deadline:    upTo(24*time.Hour).Draw(t, "deadline"), Retention: upTo(24*time.Hour).Draw(t, "retention"),
			Priority: rapid.SampledFrom(append(gather.Priorities[:3:3], "")).Draw(t, "priority"),
			Name:     rapid.StringN(0, 256, -1).Draw(t, "name"),
			Labels:   rapid.MapOfN(rapid.StringMatching(`[a-z./-]{1,128}`), rapid.StringN(0, 128, 128), 0, 32).Draw(t, "labels"),
		}
		for i := range spec.Requests {
			spec.Requests[i].Key = rapid.SampledFrom([]string{"", fmt.Sprint("key ", i)}).Draw(t, "key")
		}
		mustBeSound(t, &spec, 5)
		if faults := spec.Validate(5); faults != nil {
			t.Fatalf("Validate() = %v, want nil", faults)
		}
	})
}

// TestSpec_Validate_any feeds specs that no JSON comes to as well.
func TestSpec_Validate_any(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := rapid.Make[gather.Spec]().Draw(t, "spec")
		mustBeSound(t, &spec, rapid.IntRange(1, 5).Draw(t, "limit"))
	})
}

// FuzzSpecValidate checks that whatever JSON comes is refused within bounds, or is
// a spec that Gather can run.
func FuzzSpecValidate(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"urls": ["http://a"]}`, `{"urls": ["", "x", "http://[", "http://a:0", "https://ü"]}`,
		`{"urls": [], "requests": null}`, `{"requests": [{}, null]}`,
		`{"requests": [{"url": "http://a", "key": "a"}, {"url": "http://a", "key": "a"}]}`,
		`{"requests": [{"url": "http://a", "method": "poſt", "headers": {"X": "\n", "x": ""}, "body": {"a": [null]}}]}`,
		`{"requests": [{"url": "http://a", "body": null, "body_text": "x", "expect_status": [0, 200, 600]}]}`,
		`{"requests": [{"url": "http://a", "timeout": "-1s", "retry": {"max_attempts": 101, "min_backoff": "2s", "max_backoff": "1s"}}]}`,
		`{"requests": [{"url": "http://a", "retry": {"max_attempts": 100, "min_backoff": "1ns", "max_backoff": "24h"}}]}`,
		`{"urls": ["http://a"], "concurrency": -1, "deadline": "24h1ns", "retention": "0s", "priority": "x", "name": "\ud800"}`,
		`{"urls": ["http://a"], "labels": {"": "", "a:b": "c", "d": "e"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var spec gather.Spec
		if err := json.Unmarshal(text, &spec); err != nil {
			t.Skip()
		}
		mustBeSound(t, &spec, maxRequests)
	})
}

// mustBeSound checks what holds of every spec: faults are few and tell their place,
// and where there are none the spec keeps the promises that the rest of Gather
// relies on, and keeps them after it was stored.
func mustBeSound(tb rapid.TB, spec *gather.Spec, limit int) {
	tb.Helper()
	faults := spec.Validate(limit)
	if len(faults) > 101 {
		tb.Fatalf("%d faults, want at most 101", len(faults))
	}
	for _, fault := range faults {
		if fault.Location != "body" && !strings.HasPrefix(fault.Location, "body.") || fault.Message == "" {
			tb.Fatalf("%+v does not tell its place or what is wrong", fault)
		}
	}
	if faults != nil {
		return
	}
	items := spec.Items()
	if len(items) < 1 || len(items) > limit {
		tb.Fatalf("%d items pass, want 1 to %d", len(items), limit)
	}
	if d := spec.DeadlineOrDefault(); d <= 0 || d > 24*time.Hour {
		tb.Fatalf("a deadline of %v passes", d)
	}
	for i := range items {
		mustBeSendable(tb, &items[i])
	}
	stored, err := json.Marshal(spec)
	if err != nil {
		tb.Fatalf("a spec passes that can't be stored: %v", err)
	}
	var back gather.Spec
	if err := json.Unmarshal(stored, &back); err != nil {
		tb.Fatalf("a spec passes that can't be read again: %v", err)
	}
	if faults := back.Validate(limit); faults != nil {
		tb.Fatalf("a spec passes, but not once it was stored: %v", faults)
	}
}

func mustBeSendable(tb rapid.TB, r *gather.Request) {
	tb.Helper()
	if n := r.MaxAttempts(); n < 1 || n > 100 {
		tb.Fatalf("%d attempts pass", n)
	}
	if d := r.AttemptTimeout(); d <= 0 {
		tb.Fatalf("a timeout of %v passes", d)
	}
	for attempts := range 100 {
		if d := r.Backoff(attempts, 0); d < 0 || d > 24*time.Hour {
			tb.Fatalf("a wait of %v passes", d)
		}
	}
}

func mustSpec(tb testing.TB, text string) *gather.Spec {
	tb.Helper()
	spec := new(gather.Spec)
	if err := json.Unmarshal([]byte(text), spec); err != nil {
		tb.Fatalf("the test's own JSON: %v", err)
	}
	return spec
}

// wantOne checks that there is one fault, this one.
func wantOne(tb testing.TB, faults []gather.Fault, location, message string) {
	tb.Helper()
	if len(faults) != 1 || faults[0].Location != location || !strings.Contains(faults[0].Message, message) {
		tb.Errorf("Validate() = %+v, want one fault at %s: …%s…", faults, location, message)
	}
}

// item is the JSON of a spec with one request of the given fields.
func item(fields string) string { return items(fields) }

// items is the JSON of a spec with one request for each of the given fields.
func items(fields ...string) string {
	requests := make([]string, len(fields))
	for i, own := range fields {
		requests[i] = strings.TrimSuffix(`{"url": "http://a", `+own, ", ") + "}"
	}
	return `{"requests": [` + strings.Join(requests, ", ") + `]}`
}

// repeated is n times text, as the elements of a list.
func repeated(text string, n int) string {
	return strings.TrimSuffix(strings.Repeat(text+", ", n), ", ")
}

// numbered is the format filled with 1 to n, as the elements of a list.
func numbered(format string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i+1)
	}
	return strings.Join(list, ", ")
}
