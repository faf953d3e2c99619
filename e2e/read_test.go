package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func testRead(t *testing.T, s *system) {
	t.Run("a wait ends with the aggregation", func(t *testing.T) {
		for _, ask := range []struct{ query, header string }{{"?wait=50s", "X: y"}, {"", "Prefer: wait=50"}} {
			u := newUpstream(t)
			open := u.gate("/held")
			id := s.create(t, object{"urls": u.urls("/held")}).ID
			u.sees(t, "/held", 1)
			time.AfterFunc(100*time.Millisecond, open)
			began := time.Now()
			agg := s.get(t, http.StatusOK, path(id, ask.query), ask.header).aggregation(t)
			if !agg.finished() {
				t.Errorf("%+v: answered %s after %v", ask, agg.Status, time.Since(began))
			}
		}
	})
	t.Run("a wait that is over answers with what there is, in input order", func(t *testing.T) {
		u := newUpstream(t)
		open := u.gate("/held")
		id := s.create(t, object{"urls": u.urls("/a", "/held", "/b")}).ID
		eventually(t, "two items are done", func() bool {
			return s.get(t, http.StatusOK, path(id, "?results=false")).aggregation(t).Counts.Succeeded == 2
		})
		began := time.Now()
		a := s.get(t, http.StatusOK, path(id, "?wait=300ms"))
		if took := time.Since(began); took < 300*time.Millisecond {
			t.Errorf("answered after %v, before the wait was over", took)
		}
		agg := a.aggregation(t)
		if agg.Status != "running" || agg.Counts != (counts{Total: 3, Succeeded: 2, Pending: 1}) {
			t.Errorf("%s with %+v", agg.Status, agg.Counts)
		}
		if len(agg.Results) != 2 || agg.Results[0].Index != 0 || agg.Results[1].Index != 2 {
			t.Errorf("results = %+v, want those of 0 and 2", agg.Results)
		}
		if a.header.Get("Retry-After") != "1" || a.header.Get("ETag") != "" {
			t.Errorf("Retry-After = %q, ETag = %q, want 1 and none", a.header.Get("Retry-After"), a.header.Get("ETag"))
		}
		open()
		s.finished(t, id)
	})
	t.Run("every wait that is over is answered", func(t *testing.T) {
		u := newUpstream(t)
		open := u.gate("/held")
		id := s.create(t, object{"urls": u.urls("/held")}).ID
		var waits sync.WaitGroup
		for range 20 {
			waits.Go(func() {
				a, err := s.try(http.MethodGet, path(id, "?wait=1s"), nil)
				if err != nil || a.status != http.StatusOK {
					t.Errorf("answered %+v, %v", a, err)
				}
			})
		}
		waits.Wait()
		open()
		s.finished(t, id)
	})
	t.Run("results can be left out", func(t *testing.T) {
		u := newUpstream(t)
		id := s.run(t, object{"urls": u.urls("/a")}).ID
		a := s.get(t, http.StatusOK, path(id, "?results=false"))
		if bytes.Contains(a.body, []byte(`"results"`)) {
			t.Errorf("answered %s", a.body)
		}
	})
	t.Run("the times add up", func(t *testing.T) {
		u := newUpstream(t)
		u.on("/slow", u.slow(200*time.Millisecond))
		agg := s.run(t, object{"urls": u.urls("/slow"), "retention": "90s"})
		created, finished, expires := instant(t, agg.CreatedAt), instant(t, agg.FinishedAt), instant(t, agg.ExpiresAt)
		if agg.ElapsedMS < 200 || agg.Results[0].ElapsedMS < 200 || agg.Results[0].ElapsedMS > agg.ElapsedMS+50 {
			t.Errorf("elapsed_ms = %v, of its 200 ms item %v", agg.ElapsedMS, agg.Results[0].ElapsedMS)
		}
		if started := instant(t, agg.StartedAt); started.Before(created) || finished.Before(started) {
			t.Errorf("created %v, started %v, finished %v", created, started, finished)
		}
		if got := expires.Sub(finished); got != 90*time.Second {
			t.Errorf("expires %v after its finish, want 90s", got)
		}
	})
}

func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(timeLayout, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

func testConditionalRead(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/flips", first(1, fails(http.StatusNotFound), ok))
	id := s.run(t, object{"urls": u.urls("/a", "/flips")}).ID
	tag := s.get(t, http.StatusOK, path(id)).header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		t.Fatalf("ETag = %q, want a strong one", tag)
	}
	t.Run("the same tag is 304", func(t *testing.T) {
		for _, header := range []string{tag, `"other", ` + tag, "W/" + tag, "*"} {
			a := s.get(t, http.StatusNotModified, path(id), "If-None-Match: "+header)
			if len(a.body) > 0 || a.header.Get("ETag") != tag {
				t.Errorf("If-None-Match %s: %d bytes, ETag %q", header, len(a.body), a.header.Get("ETag"))
			}
		}
	})
	t.Run("without results it is another representation", func(t *testing.T) {
		a := s.get(t, http.StatusOK, path(id, "?results=false"), "If-None-Match: "+tag)
		s.get(t, http.StatusNotModified, path(id, "?results=false"), "If-None-Match: "+a.header.Get("ETag"))
	})
	t.Run("a retry makes it another", func(t *testing.T) {
		s.do(t, http.StatusAccepted, http.MethodPost, path(id, "/retry"), nil)
		s.finished(t, id)
		if got := s.get(t, http.StatusOK, path(id), "If-None-Match: "+tag).header.Get("ETag"); got == tag {
			t.Errorf("the tag is still %s", got)
		}
	})
}

func testCompression(t *testing.T, s *system) {
	u := newUpstream(t)
	u.on("/long", answerWith(http.StatusOK, "text/plain", bytes.Repeat([]byte("all work and no play "), 500)))
	id := s.run(t, object{"urls": u.urls("/long")}).ID
	plain := s.get(t, http.StatusOK, path(id))
	for coding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		t.Run(coding, func(t *testing.T) {
			a := s.get(t, http.StatusOK, path(id), "Accept-Encoding: "+coding)
			if got := a.header.Get("Content-Encoding"); got != coding {
				t.Fatalf("Content-Encoding = %q, want %s", got, coding)
			}
			if !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("Vary = %q, want Accept-Encoding in it", a.header.Get("Vary"))
			}
			r, err := open(bytes.NewReader(a.body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(text, plain.body) {
				t.Errorf("unpacked %d bytes (%v), want the same %d as without", len(text), err, len(plain.body))
			}
			tag := a.header.Get("ETag")
			if tag == plain.header.Get("ETag") {
				t.Errorf("the strong tag %s stands for two sequences of bytes", tag)
			}
			s.get(t, http.StatusNotModified, path(id), "Accept-Encoding: "+coding, "If-None-Match: "+tag)
		})
	}
}
