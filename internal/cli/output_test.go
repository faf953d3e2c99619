package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gather"
)

var agg = gather.Aggregation{
	ID: "agg_1", Labels: map[string]string{}, Status: gather.StatusPartial, Reason: "deadline_exceeded",
	Counts: gather.Counts{Total: 3, Succeeded: 2, Failed: 1}, CreatedAt: gather.UnixMilli(0), ElapsedMS: 1234.5,
}

var results = []gather.Result{
	{Index: 2, URL: "http://c/\x1b[2J", Status: gather.ItemFailed, ElapsedMS: 61_000, Attempts: 3, Error: &gather.ItemError{Code: gather.CodeDNSError, Message: "no\tsuch host"}},
	{Index: 0, URL: "http://a/?b&c", Key: "first", Status: gather.ItemSucceeded, HTTPStatus: 200, ContentType: "text/html", Body: json.RawMessage(`"<p>"`), ElapsedMS: 12.3, Attempts: 1},
	{Index: 1, URL: "http://b/", Status: gather.ItemSucceeded, HTTPStatus: 204, ElapsedMS: 1234, Attempts: 2},
}

// inOrder are the results in input order.
func inOrder() iter.Seq2[gather.Result, error] {
	return func(yield func(gather.Result, error) bool) {
		_ = yield(results[1], nil) && yield(results[2], nil) && yield(results[0], nil)
	}
}

// printed is what flags print of the results.
func printed(t *testing.T, f showFlags) string {
	t.Helper()
	var out bytes.Buffer
	s := &session{Streams: Streams{Out: &out}}
	v, err := s.shown(&f)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	for i := range results {
		if err := v.add(&results[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.finish(&agg, inOrder()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTable(t *testing.T) {
	want := "" +
		"#  KEY    STATUS     HTTP  TIME   TRIES  SIZE  URL\n" +
		"0  first  succeeded  200   12ms   1      3B    http://a/?b&c\n" +
		"1         succeeded  204   1.23s  2      0B    http://b/\n" +
		"2         failed     -     1m1s   3      -     http://c/\ufffd[2J  dns_error: no\ufffdsuch host\n"
	if got := printed(t, showFlags{Output: "table"}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := printed(t, showFlags{Output: "table", Failed: true}); strings.Count(got, "\n") != 2 || !strings.Contains(got, "dns_error") {
		t.Errorf("--failed: %s", got)
	}
	var cut bytes.Buffer
	of := table{w: &cut}
	if err := errors.Join(of.add(&gather.Result{HTTPStatus: 200, Body: json.RawMessage(`"<p>"`), Truncated: true}, ""), of.finish(nil, nil)); err != nil || !strings.Contains(cut.String(), " 3B-cut ") {
		t.Errorf("a body that is cut: %s, %v", cut.String(), err)
	}
}

func TestDocument(t *testing.T) {
	text := printed(t, showFlags{Output: "json"})
	var got gather.Aggregation
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if got.ID != "agg_1" || len(got.Results) != 3 || got.Results[0].URL != "http://a/?b&c" || got.Results[2].Error.Code != gather.CodeDNSError {
		t.Errorf("%+v", got)
	}
	if n := strings.Count(text, "\n"); n != 5 {
		t.Errorf("%d lines, want one a result and two around them: %s", n, text)
	}
	var none bytes.Buffer
	if err := (&document{w: &none}).finish(&agg, func(func(gather.Result, error) bool) {}); err != nil || json.Unmarshal(none.Bytes(), &got) != nil || len(got.Results) != 0 {
		t.Errorf("without results: %s, %v", none.String(), err)
	}
}

func TestResultLines(t *testing.T) {
	var indexes []int
	for line := range strings.Lines(printed(t, showFlags{Output: "ndjson"})) {
		var r gather.Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, r.Index)
	}
	if !slices.Equal(indexes, []int{2, 0, 1}) {
		t.Errorf("%v, want them as they came", indexes)
	}
}

func TestFileName(t *testing.T) {
	ok := gather.ItemSucceeded
	for want, r := range map[string]gather.Result{
		"00003-weather.json":   {Index: 3, Key: "weather", ContentType: "application/json; charset=utf-8"},
		"00003-report.PDF":     {Index: 3, URL: "http://a/x/report.PDF?y", ContentType: "application/pdf"},
		"00003-a.example.html": {Index: 3, URL: "http://a.example/", ContentType: "text/html"},
		"00003-photo.jpeg":     {Index: 3, URL: "http://a/photo.jpeg"},
		"00003-etc_passwd":     {Index: 3, Key: "../../etc/passwd"},
		"00003.json":           {Index: 3, Key: "..", ContentType: "application/problem+json"},
		"00003-NUL.txt":        {Index: 3, Key: "NUL", ContentType: "text/plain"},
		"00003-a_b_c":          {Index: 3, Key: "a\\b\x00c"},
		"00003-" + strings.Repeat("x", 80) + ".xml": {Index: 3, Key: strings.Repeat("x", 300), ContentType: "image/x+xml"},
		"10000": {Index: 10000, Key: "☃"},
	} {
		r.Status = ok
		got := fileName(&r)
		if got != want {
			t.Errorf("%+v is %q, want %q", r, got, want)
		}
		if filepath.Base(got) != got || !filepath.IsLocal(got) {
			t.Errorf("%q leaves its folder", got)
		}
	}
	if got := fileName(&gather.Result{URL: "http://a/x.json", ContentType: "application/json", Status: gather.ItemFailed}); got != "00000-x-failed.json" {
		t.Errorf("%q", got)
	}
	if got := fileName(&gather.Result{Key: "x", ContentType: "application/json", Status: ok, Truncated: true}); got != "00000-x-cut.json" {
		t.Errorf("of a body that is cut: %q", got)
	}
}

// TestFolder_earlier holds that an item has no file of an earlier run beside its own.
func TestFolder_earlier(t *testing.T) {
	dir := t.TempDir()
	files := func() (names []string) {
		found, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, f.Name())
		}
		return names
	}
	for _, name := range []string{
		"00000-a-failed.txt", "00000", "00000.json", "00000-other.html.part", "00000-first.html", "00001-b.json", // of these items
		"00003-c.json", "000000-d.json", "00000x.json", "0000-e.json", "notes.txt", // not of these
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("earlier"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "00000-folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	printed(t, showFlags{Output: "table", Dir: dir})
	want := []string{"0000-e.json", "00000-first.html", "00000-folder", "000000-d.json", "00000x.json", "00003-c.json", "notes.txt"}
	if got := files(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if body, err := os.ReadFile(filepath.Join(dir, "00000-first.html")); err != nil || string(body) != "<p>" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestFolder(t *testing.T) {
	dir, outside := filepath.Join(t.TempDir(), "new", "dir"), filepath.Join(t.TempDir(), "outside")
	text := printed(t, showFlags{Output: "table", Dir: dir})
	if body, err := os.ReadFile(filepath.Join(dir, "00000-first.html")); err != nil || string(body) != "<p>" || !strings.Contains(text, "00000-first.html") {
		t.Errorf("%q, %v\n%s", body, err, text)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%v, want one file: the others have no body", files)
	}
	// A link that somebody has put there leads nowhere.
	for _, name := range []string{"00007-x.txt", "00007-x.txt.part"} {
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	_, err = f.save(&gather.Result{Index: 7, Key: "x", Status: gather.ItemSucceeded, ContentType: "text/plain", Body: json.RawMessage(`"y"`)})
	if _, stat := os.Lstat(outside); err == nil || stat == nil {
		t.Errorf("written through a link: %v", err)
	}
	if _, err := openFolder(filepath.Join(dir, "00000-first.html")); err == nil {
		t.Error("a file is no folder")
	}
}

func TestHints(t *testing.T) {
	refused := func(message string) *gather.Result {
		return &gather.Result{Truncated: true, Error: &gather.ItemError{Code: gather.CodeDestinationIPProhibited, Message: message}}
	}
	var h hints
	h.take(refused("127.0.0.1 is a loopback address; a worker reaches it only with --allow-net 127.0.0.1:3000"))
	h.take(refused("127.0.0.1 is a loopback address; a worker reaches it only with --allow-net 127.0.0.1:3000"))
	h.take(refused("10.0.0.1 is a private address; a worker reaches it only with --allow-net 10.0.0.1:80"))
	var said bytes.Buffer
	h.tell(&session{Streams: Streams{Err: &said}}, true)
	if !strings.Contains(said.String(), "run it again with --allow-net 127.0.0.1:3000,10.0.0.1:80\n") || !strings.Contains(said.String(), "3 bodies are over the limit") {
		t.Errorf("%s", said.String())
	}
}

func TestListed(t *testing.T) {
	old := agg
	old.Name, old.Labels = "n", map[string]string{"b": "2", "a": "1"}
	lines := listed([]gather.Aggregation{old}, time.UnixMilli(90_000))
	if got := strings.Join(lines[1], "|"); got != "agg_1|partial|3/3|1|1.23s|1m30s|n|a=1 b=2" {
		t.Errorf("%s", got)
	}
}

func TestSummary(t *testing.T) {
	if got := summary(&agg); got != "agg_1 partial (deadline_exceeded): 3 of 3 done, 1 failed in 1.23s" {
		t.Errorf("%s", got)
	}
}
