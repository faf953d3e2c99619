package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func testBodies(t *testing.T, s *system) {
	const limit = 1 << 20
	u := newUpstream(t)
	binary := []byte{0x89, 'P', 'N', 'G', 0, 1, 2, 0xff, 0xfe}
	long := bytes.Repeat([]byte("0123456789abcdef"), limit/16+1000)
	for p, h := range map[string]http.HandlerFunc{
		"/json":      answerWith(200, "application/json; charset=utf-8", []byte("{ \"a\": [1, 12345678901234567890] }\n")),
		"/problem":   answerWith(200, "application/problem+json", []byte(`{"b":"<&>"}`)),
		"/text":      answerWith(200, "text/html; charset=utf-8", []byte("<p>naïve</p>\n")),
		"/broken":    answerWith(200, "application/json", []byte(`{"a":`)),
		"/binary":    answerWith(200, "image/png", binary),
		"/empty":     answerWith(200, "application/json", nil),
		"/long":      answerWith(200, "text/plain", long),
		"/long-json": answerWith(200, "application/json", append(append([]byte(`"`), long...), '"')),
		"/fits":      answerWith(200, "text/plain", long[:limit]),
	} {
		u.on(p, h)
	}
	paths := []string{"/json", "/problem", "/text", "/broken", "/binary", "/empty", "/long", "/long-json", "/fits"}
	agg := s.run(t, object{"urls": u.urls(paths...)})
	if agg.Status != "succeeded" {
		t.Fatalf("%s: %+v", agg.Status, agg.Counts)
	}
	of := func(path string) *result {
		for i, p := range paths {
			if p == path {
				return &agg.Results[i]
			}
		}
		return nil
	}
	t.Run("JSON stands as JSON", func(t *testing.T) {
		for p, want := range map[string]string{"/json": `{"a":[1,12345678901234567890]}`, "/problem": `{"b":"<&>"}`} {
			if got := string(of(p).Body); got != want {
				t.Errorf("%s: body = %s, want %s", p, got, want)
			}
		}
	})
	t.Run("text is a string, broken JSON too", func(t *testing.T) {
		if got := of("/text").text(t); got != "<p>naïve</p>\n" {
			t.Errorf("body = %q", got)
		}
		if got := of("/broken").text(t); got != `{"a":` {
			t.Errorf("body = %q", got)
		}
	})
	t.Run("binary is base64", func(t *testing.T) {
		if r := of("/binary"); !bytes.Equal(r.BodyBase64, binary) || r.Body != nil {
			t.Errorf("body = %s, body_base64 = %x", r.Body, r.BodyBase64)
		}
	})
	t.Run("nothing is nothing", func(t *testing.T) {
		if r := of("/empty"); r.Body != nil || r.BodyBase64 != nil || r.HTTPStatus != 200 {
			t.Errorf("body = %s, body_base64 = %x, status = %d", r.Body, r.BodyBase64, r.HTTPStatus)
		}
	})
	t.Run("what is over the limit is cut", func(t *testing.T) {
		for p, sent := range map[string]string{"/long": string(long), "/long-json": `"` + string(long)} {
			r := of(p)
			if text := r.text(t); !r.Truncated || len(text) != limit || !strings.HasPrefix(sent, text) {
				t.Errorf("%s: truncated = %v, %d bytes", p, r.Truncated, len(text))
			}
		}
	})
	t.Run("what never ends is cut too", func(t *testing.T) {
		u.on("/endless", func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = w.Write(long)
			}
		})
		r := s.run(t, object{"urls": u.urls("/endless")}).Results[0]
		if r.Status != "succeeded" || !r.Truncated || len(r.text(t)) != limit {
			t.Errorf("%s, truncated = %v, %d bytes", r.Status, r.Truncated, len(r.text(t)))
		}
		eventually(t, "the rest is not fetched", func() bool { inFlight, _, _ := u.load(); return inFlight == 0 })
	})
	t.Run("what just fits is whole", func(t *testing.T) {
		if r := of("/fits"); r.Truncated || len(r.text(t)) != limit {
			t.Errorf("truncated = %v, %d bytes", r.Truncated, len(r.text(t)))
		}
	})
}
