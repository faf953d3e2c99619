package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	anchor = regexp.MustCompile(`\bid="([^"]+)"`)
	link   = regexp.MustCompile(`\b(?:href|src|action|url)\s*[=(]\s*["']?([^"'>)]+)`)
)

func TestDocs(t *testing.T) {
	s := everything(t)
	a := s.get("/docs").want(t, 200)
	page := string(a.body)
	t.Run("anybody may read it", func(t *testing.T) {
		if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" || !strings.HasPrefix(page, "<!doctype html>") {
			t.Errorf("%s: %.100s", got, page)
		}
	})
	t.Run("it asks for nothing", func(t *testing.T) {
		policy := a.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s", policy)
		}
		_, style, _ := strings.Cut(page, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(policy, "'sha256-"+hash+"'") {
			t.Errorf("the style that it has is %s, and not that of %s", hash, policy)
		}
		if strings.Contains(page, "<script") || strings.Contains(page, " style=") || strings.Contains(page, "@import") {
			t.Error("it has a script, or a style beside its own")
		}
	})
	t.Run("its links lead somewhere", func(t *testing.T) {
		var ids []string
		for _, found := range anchor.FindAllStringSubmatch(page, -1) {
			if slices.Contains(ids, found[1]) {
				t.Errorf("%s is there twice", found[1])
			}
			ids = append(ids, found[1])
		}
		for _, found := range link.FindAllStringSubmatch(page, -1) {
			to, inside := strings.CutPrefix(found[1], "#")
			if inside && !slices.Contains(ids, to) || !inside && !slices.Contains([]string{"data:,", "/openapi.json", "/openapi.yaml"}, to) {
				t.Errorf("a link to %s", found[1])
			}
		}
	})
	t.Run("it says all that the document says", func(t *testing.T) {
		var doc documentBody
		s.get("/openapi.json").decode(t, &doc)
		text := html.UnescapeString(page)
		for path, operations := range doc.Paths {
			for method, op := range operations {
				from := strings.Index(text, `<h3 id="`+op.OperationID+`">`)
				if from < 0 {
					t.Fatalf("%s %s is not there", method, path)
				}
				section, _, _ := strings.Cut(text[from:], "</article>")
				wanted := []string{op.Summary, op.Description, "<code>" + path + "</code>", strings.ToUpper(method)}
				for _, sample := range op.Samples {
					wanted = append(wanted, sample.Label, sample.Source)
				}
				for _, p := range op.Parameters {
					wanted = append(wanted, `<code class="name">`+p.Name+`</code>`)
				}
				for status, r := range op.Responses {
					wanted = append(wanted, "<b>"+status+" ", r.Description)
					for name := range r.Headers {
						wanted = append(wanted, `<code class="name">`+name+`</code>`)
					}
				}
				for _, part := range wanted {
					if !strings.Contains(section, part) {
						t.Errorf("%s %s: no %s", method, path, part)
					}
				}
			}
		}
	})
	t.Run("fields of the body stand below each other, with types and bounds", func(t *testing.T) {
		section, _, _ := strings.Cut(page[strings.Index(page, `<h4>Body</h4>`):], "<h4>Answers")
		for _, part := range []string{
			`array of Request</a>, at most 10000 items`, `<code class="name">max_attempts</code>`, `integer, 1 to 100`, `one of high, default, low`,
			`<code class="name">url</code>`, `<b>required</b>`, `Default <code>GET</code>`, `map of string`, `any JSON`,
		} {
			if !strings.Contains(section, part) {
				t.Errorf("no %s", part)
			}
		}
	})
}
