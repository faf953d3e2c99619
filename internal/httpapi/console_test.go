package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestConsole_Page(t *testing.T) {
	s := serveGuarded(t)
	a := s.get("/").want(t, 200)
	if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" || !strings.Contains(string(a.body), "<title>Gather</title>") {
		t.Errorf("%s: %.300s", got, a.body)
	}
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'"} {
		if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, directive) {
			t.Errorf("%s is not in %q", directive, policy)
		}
	}
	s.do("HEAD", "/", "").want(t, 200)
	s.do("POST", "/", "").want(t, 405)
	s.do("DELETE", "/console/js/main.js", "").want(t, 405)
	files := regexp.MustCompile(`(?:href|src)="(console/[^"]+)"`).FindAllSubmatch(a.body, -1)
	if len(files) < 5 {
		t.Errorf("the page has %d files", len(files))
	}
	for _, file := range files {
		s.get("/"+string(file[1])).want(t, 200)
	}
}

// TestConsole_Modules holds that every module that another imports is there, and that
// nothing is that no page uses.
func TestConsole_Modules(t *testing.T) {
	s := serveGuarded(t)
	used := map[string]bool{"index.html": true}
	page := string(s.get("/").want(t, 200).body)
	for _, file := range regexp.MustCompile(`"console/([^"]+)"`).FindAllStringSubmatch(page, -1) {
		used[file[1]] = true
	}
	all, err := readConsole()
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range all {
		for _, imported := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllSubmatch(file.content, -1) {
			used["js/"+string(imported[1])] = true
		}
		if regexp.MustCompile(`https?://[a-z]`).Match(regexp.MustCompile(`https://(html\.spec|www\.w3|api\.example)|http://www\.w3`).ReplaceAll(file.content, nil)) {
			t.Errorf("%s names another origin", name)
		}
	}
	for name := range used {
		if all[name] == nil {
			t.Errorf("%s is not there", name)
		}
	}
	for name := range all {
		if !used[name] {
			t.Errorf("nothing uses %s", name)
		}
	}
	if err := fs.WalkDir(consoleFiles, "web", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && consoleType(name) == "" {
			t.Errorf("%s has no Content-Type", name)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestConsole_Cache(t *testing.T) {
	s := serve(t)
	const file = "/console/js/table.js"
	plain := s.get(file).want(t, 200)
	tag := plain.Header.Get("ETag")
	if tag == "" || plain.Header.Get("Cache-Control") != "no-cache" || plain.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("header %v", plain.Header)
	}
	if a := s.get(file, "If-None-Match", tag).want(t, 304); a.Header.Get("ETag") != tag || len(a.body) > 0 {
		t.Errorf("304 with %v and %q", a.Header, a.body)
	}
	s.get(file, "If-None-Match", `"other"`).want(t, 200)
	packed := s.get(file, "Accept-Encoding", "gzip").want(t, 200)
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("ETag") == tag {
		t.Errorf("packed: %v", packed.Header)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(r); err != nil || !bytes.Equal(content, plain.body) {
		t.Errorf("packed are %d bytes, %v, want %d", len(content), err, len(plain.body))
	}
	s.get(file, "Accept-Encoding", "gzip", "If-None-Match", packed.Header.Get("ETag")).want(t, 304)
}

func TestConsole_Open(t *testing.T) {
	s := serveGuarded(t)
	for _, header := range [][2]string{{"Authorization", "Bearer none"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://other.example"}} {
		s.get("/", header[0], header[1]).want(t, http.StatusOK)
		s.get("/console/js/main.js", header[0], header[1]).want(t, http.StatusOK)
	}
	for _, path := range []string{"/console/../guard.go", "/console/web/index.html", "/console/js", "/console/js/", "/console/%2e%2e/console.go"} {
		s.get(path).want(t, http.StatusNotFound)
	}
}

func TestPending(t *testing.T) {
	s := serve(t)
	running, done := s.store.add(t, 3), s.store.addFinished(t, 3)
	a := s.get("/v1/aggregations/"+running+"/pending").want(t, 200)
	if want := `{"at_ms":7,"items":[{"index":1,"status":"retrying","attempts":2,"started_ms":3}]}` + "\n"; string(a.body) != want {
		t.Errorf("%s, want %s", a.body, want)
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if a := s.get("/v1/aggregations/"+done+"/pending").want(t, 200); string(a.body) != `{"at_ms":7,"items":[]}`+"\n" {
		t.Errorf("of a finished one: %s", a.body)
	}
	s.get("/v1/aggregations/none/pending").problem(t, 404)
}
