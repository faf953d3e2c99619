package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gather"
)

func TestExpand(t *testing.T) {
	for pattern, want := range map[string]string{
		"http://a/":                 "http://a/",
		"http://a/{1..3}":           "http://a/1 http://a/2 http://a/3",
		"http://a/{08..11}":         "http://a/08 http://a/09 http://a/10 http://a/11",
		"http://a/{3..1}":           "http://a/3 http://a/2 http://a/1",
		"http://a/{0..10..5}":       "http://a/0 http://a/5 http://a/10",
		"http://a/{1..2}/{5..6}":    "http://a/1/5 http://a/1/6 http://a/2/5 http://a/2/6",
		"http://a/{id}?q={\"a\":1}": "http://a/{id}?q={\"a\":1}",
		"http://a/{7..7}":           "http://a/7",
		"http://a/{0..1}":           "http://a/0 http://a/1",
	} {
		got, err := expand(pattern)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"{1..5..0}", "{1..100001}", "{1..999999999999999}", "{1..1000}{1..101}", "{1..60000}{1..60000}{1..60000}"} {
		if got, err := expand(pattern); err == nil {
			t.Errorf("%s: %d of them", pattern, len(got))
		}
	}
}

// places are what requests are for, and where they come from.
func places(items []item) (list []string) {
	for i := range items {
		list = append(list, items[i].URL+" from "+items[i].place)
	}
	return list
}

func TestReadItems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "urls.txt")
	if err := os.WriteFile(file, []byte("\xef\xbb\xbfhttp://c/\r\n\n# not this\n  http://d/{1..2}  \n{\"url\": \"http://e/\", \"key\": \"k\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	items, err := readItems([]string{"http://a/", "http://b/{1..2}"}, []string{file, "-"}, strings.NewReader("http://f/\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"http://a/ from http://a/", "http://b/1 from http://b/1", "http://b/2 from http://b/2",
		"http://c/ from " + file + ":1", "http://d/1 from " + file + ":4 (http://d/1)", "http://d/2 from " + file + ":4 (http://d/2)",
		"http://e/ from " + file + ":5", "http://f/ from stdin:1",
	}
	if got := places(items); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if items, err := readItems([]string{"http://a/", "-", "http://b/"}, nil, strings.NewReader("http://f/\n")); err != nil || !slices.Equal(places(items), []string{"http://a/ from http://a/", "http://f/ from stdin:1", "http://b/ from http://b/"}) {
		t.Errorf("- among URLs: %q, %v", places(items), err)
	}
	if items[6].Key != "k" || items[6].own["key"] == nil {
		t.Errorf("%+v", items[6])
	}
}

// TestReadItems_faults holds that all that is wrong is told at once, with its place.
func TestReadItems_faults(t *testing.T) {
	in := "http://a/\n{\"ulr\": 1}\n{\"url\": \"http://a/\"} {}\n{\"url\":\nhttp://a/{1..5..0}\n"
	_, err := readItems(nil, []string{"-", "/nowhere/urls.txt"}, strings.NewReader(in))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"5 faults; nothing was sent", `stdin:2: is not a request as JSON: unknown field "ulr"`, "stdin:3: has more than one", "stdin:4: is not a request", "stdin:5: {1..5..0} has a step of 0", "/nowhere/urls.txt",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	for _, none := range []string{"", "\n# nothing\n"} {
		if _, err := readItems(nil, []string{"-"}, strings.NewReader(none)); err == nil || !strings.Contains(err.Error(), "nothing to send") {
			t.Errorf("%q: %v", none, err)
		}
	}
}

func TestSpec(t *testing.T) {
	items, err := readItems([]string{"http://a/"}, []string{"-"}, strings.NewReader(
		`{"url": "http://b/", "method": "PUT", "headers": {"x-a": "own"}, "body": [1], "timeout": "1s", "retry": {"max_attempts": 1}, "expect_status": [204]}`))
	if err != nil {
		t.Fatal(err)
	}
	retries := 4
	each := requestFlags{
		Header: []string{"X-A: flag", "X-B:two: parts "}, JSON: new("@-"), Timeout: gather.After(2 * time.Second), Retries: &retries, ExpectStatus: []int{200, 404},
	}
	all := specFlags{Concurrency: 3, Name: "n", Priority: "low", Label: map[string]string{"k": "v"}}
	spec, err := all.spec(items, &each, strings.NewReader(`{"from": "stdin"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(spec)
	want := `{"requests":[` +
		`{"url":"http://a/","method":"POST","headers":{"X-A":"flag","X-B":"two: parts"},"body":{"from":"stdin"},"timeout":"2s","retry":{"max_attempts":5},"expect_status":[200,404]},` +
		`{"url":"http://b/","method":"PUT","headers":{"X-B":"two: parts","x-a":"own"},"body":[1],"timeout":"1s","retry":{"max_attempts":1},"expect_status":[204]}` +
		`],"concurrency":3,"priority":"low","name":"n","labels":{"k":"v"}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

// TestSpec_emptyBody holds that --data of nothing is a body, too.
func TestSpec_emptyBody(t *testing.T) {
	items, err := readItems([]string{"http://a/"}, []string{"-"}, strings.NewReader(`{"url": "http://b/", "method": "PUT"}`+"\n"+`{"url": "http://c/", "body": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := new(specFlags).spec(items, &requestFlags{Data: new("@-")}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(spec.Requests)
	if want := `[{"url":"http://a/","method":"POST"},{"url":"http://b/","method":"PUT"},{"url":"http://c/","method":"POST","body":1}]`; err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

// TestSpec_faults holds that faults are told by what they were made with.
func TestSpec_faults(t *testing.T) {
	items, err := readItems([]string{"example.com"}, []string{"-"}, strings.NewReader(
		"ftp://a/\n{\"url\": \"http://a/\", \"key\": \"k\"}\n{\"url\": \"http://a/\", \"key\": \"k\", \"method\": \"\u00e9\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	bad := gather.InvalidDuration
	each := requestFlags{Method: "BAD METHOD", Timeout: &bad}
	all := specFlags{Concurrency: -1, Deadline: &bad}
	_, err = all.spec(items, &each, nil)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		"example.com: the URL must be absolute, such as https://example.com/path", "--method is not a request method", `--timeout is not a duration such as "1.5s" or "2m"`,
		"stdin:1: the URL must be http or https", "stdin:3: method is not a request method", "stdin:3: key is the key of stdin:2 already; keys are unique",
		"--concurrency must be 0", `--deadline is not a duration such as "1.5s" or "2m"`,
	}
	for _, w := range want {
		if strings.Count(err.Error(), w) != 1 {
			t.Errorf("%v\ndoes not say once %q", err, w)
		}
	}
	if got := strings.Count(err.Error(), "\n"); got != len(want) {
		t.Errorf("%d lines of faults, want %d: %v", got, len(want), err)
	}
	for name, each := range map[string]requestFlags{
		"--json: this is not JSON": {JSON: new("{")}, "--data or --json": {JSON: new("1"), Data: new("")}, "--json: this is": {JSON: new("")}, "--header: must be": {Header: []string{"secret"}},
		"--header: x-a is given twice; give its values in one, as 'x-a: a, b'": {Header: []string{"X-A: secret1", "X-B: b", "x-a : secret2"}}, "as 'Cookie: a=1; b=2'": {Header: []string{"Cookie: secret=1", "Cookie: secret=2"}},
		"--data: open /nowhere": {Data: new("@/nowhere")}, "--retries -1 must be 0 to 99": {Retries: new(int)},
	} {
		if each.Retries != nil {
			*each.Retries = -1
		}
		_, err := all.spec(items, &each, nil)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

func TestTranslate_ofTheServer(t *testing.T) {
	items := []item{{place: "urls.txt:4"}}
	for location, want := range map[string]string{
		"body.requests": "requests x", "body": "x", "header.Idempotency-Key": "--idempotency-key x", "body.requests[7].url": "body.requests[7].url x",
		"body.requests[0].url": "urls.txt:4: the URL x", "body.labels": "--label x", "query.status": "--status x",
	} {
		if got := translate(gather.Fault{Location: location, Message: "x"}, items); got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}
