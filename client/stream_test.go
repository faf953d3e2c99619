package client_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"gather"
	"gather/client"
)

// last is the error that a sequence ends with.
func last[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}

// told writes events down: results as their index and position, all else by its name.
func told(t *testing.T, seq iter.Seq2[client.Event, error]) (list []string) {
	t.Helper()
	for ev, err := range seq {
		switch {
		case err != nil:
			t.Fatal(err)
		case ev.Result != nil:
			list = append(list, fmt.Sprintf("%d@%d", ev.Result.Index, ev.Position))
		case ev.Progress != nil:
			list = append(list, fmt.Sprintf("progress %d", ev.Progress.Succeeded))
		case ev.Done != nil:
			list = append(list, string(ev.Done.Status))
		}
	}
	return list
}

func resultEvent(position, index int) string {
	return fmt.Sprintf("event: result\nid: %d\ndata: {\"index\":%d,\"status\":\"succeeded\"}\n\n", position, index)
}

func progressEvent(succeeded int) string {
	return fmt.Sprintf("event: progress\ndata: {\"total\":3,\"succeeded\":%d}\n\n", succeeded)
}

const done = "event: done\ndata: " + succeeded + "\n\n"

// TestClient_Events_goOn cuts the stream everywhere: what is told is always the same.
func TestClient_Events_goOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := progressEvent(0) + resultEvent(1, 2) + progressEvent(1) + ": keep-alive\n\n" + resultEvent(2, 0) + resultEvent(3, 1) + progressEvent(3) + done
		c, _ := newFake(t, []step{answers(200, whole)})
		want := told(t, c.Events(t.Context(), "agg_1"))
		if !slices.Equal(want, []string{"progress 0", "2@1", "progress 1", "0@2", "1@3", "progress 3", "succeeded"}) {
			t.Fatalf("told %v", want)
		}
		for at := range len(whole) {
			for _, end := range []step{cut(whole[:at]), answers(200, whole[:at])} {
				c, f := newFake(t, []step{end, func(r *http.Request) (*http.Response, error) {
					rest := progressEvent(0)
					switch r.Header.Get("Last-Event-ID") {
					case "0":
						return answers(200, whole)(r)
					case "1":
						rest = progressEvent(1)
					}
					_, after, _ := strings.Cut(whole, "id: "+r.Header.Get("Last-Event-ID")+"\n")
					_, after, _ = strings.Cut(after, "\n\n")
					return answers(200, rest+after)(r)
				}})
				got := told(t, c.Events(t.Context(), "agg_1"))
				got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "progress") })
				if !slices.Equal(got, []string{"2@1", "0@2", "1@3", "succeeded"}) {
					t.Fatalf("cut after %q: %v, after %d requests", whole[:at], got, len(f.seen))
				}
			}
		}
	})
}

func TestClient_Events_options(t *testing.T) {
	c, f := newFake(t, []step{answers(200, "event: news\ndata: x\n\nretry: 3\nid:3\ndata:{\"index\":1,\ndata:\"status\":\"failed\"}\r\nevent:result\r\n\r\n"+done)})
	if got := told(t, c.Events(t.Context(), "a/b?c", client.After(2))); !slices.Equal(got, []string{"1@3", "succeeded"}) {
		t.Errorf("told %v", got)
	}
	if got := f.seen[0]; got.header.Get("Last-Event-ID") != "2" || got.uri != "GET /v1/aggregations/a%2Fb%3Fc/events" {
		t.Errorf("%+v", got)
	}
}

func TestClient_Events_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newFake(t, []step{cut(resultEvent(1, 0)), refuses(404, "not-found")})
		if err := last(c.Events(t.Context(), "agg_1")); !errors.Is(err, gather.ErrNotFound) {
			t.Errorf("one that is deleted meanwhile: %v", err)
		}
		c, f := newFake(t, []step{answers(200, "event: result\nid: x\ndata: {}\n\n")})
		if err := last(c.Events(t.Context(), "agg_1")); err == nil || len(f.seen) != 1 {
			t.Errorf("no Gather: %v", err)
		}
		c, f = newFake(t, []step{answers(200, ""), breaks}, client.WithMaxOutage(30*time.Second))
		if err := last(c.Events(t.Context(), "agg_1")); !errors.Is(err, errReset) || len(f.seen) < 5 {
			t.Errorf("an outage: %v after %d requests", err, len(f.seen))
		}
	})
}

// TestClient_Events_silence holds that a connection that died unnoticed is replaced.
func TestClient_Events_silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := func(r *http.Request) (*http.Response, error) {
			reader, writer := io.Pipe()
			go func() {
				_, _ = io.WriteString(writer, resultEvent(1, 0))
				<-r.Context().Done()
				_ = writer.CloseWithError(r.Context().Err())
			}()
			return response(200, reader), nil
		}
		c, f := newFake(t, []step{dead, answers(200, done)})
		if got := told(t, c.Events(t.Context(), "agg_1")); !slices.Equal(got, []string{"0@1", "succeeded"}) {
			t.Errorf("told %v", got)
		}
		if took := f.pauses()[0]; took < 30*time.Second || took > time.Minute {
			t.Errorf("a dead connection was replaced after %v", took)
		}
	})
}

func TestClient_Results_goOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var whole strings.Builder
		for i := range 4 {
			fmt.Fprintf(&whole, "{\"index\":%d,\"status\":\"succeeded\"}\n", i)
		}
		for at := range whole.Len() {
			c, _ := newFake(t, []step{cut(whole.String()[:at]), breaks, cut(whole.String()[:at/2]), answers(200, whole.String())})
			var got []int
			for r, err := range c.Results(t.Context(), "agg_1") {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, r.Index)
			}
			if !slices.Equal(got, []int{0, 1, 2, 3}) {
				t.Fatalf("cut after %d bytes: %v", at, got)
			}
		}
		c, f := newFake(t, []step{answers(200, "<html>\n")})
		if err := last(c.Results(t.Context(), "agg_1")); err == nil || len(f.seen) != 1 {
			t.Errorf("no Gather: %v", err)
		}
	})
}

// TestClient_streams_break leaves sequences early. What that leaves running fails TestMain.
func TestClient_streams_break(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 1; r.Context().Err() == nil; i++ {
			line := resultEvent(i, i)
			if strings.HasSuffix(r.URL.Path, "/results") {
				line = fmt.Sprintf("{\"index\":%d}\n", i)
			}
			if _, err := io.WriteString(w, line); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c := mustNew(t, server.URL)
	for ev, err := range c.Events(t.Context(), "agg_1") {
		if err != nil || ev.Position == 1000 {
			break
		}
	}
	for r, err := range c.Results(t.Context(), "agg_1") {
		if err != nil || r.Index == 1000 {
			break
		}
	}
}

// TestClient_streams_large reads results of 8 MiB, one after the other: one is in memory.
func TestClient_streams_large(t *testing.T) {
	const n, size = 4, 8 << 20
	body := strings.Repeat("x", size)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range n {
			result := fmt.Sprintf(`{"index":%d,"body":"%s"}`, i, body)
			if strings.HasSuffix(r.URL.Path, "/results") {
				_, _ = io.WriteString(w, result+"\n")
			} else {
				_, _ = fmt.Fprintf(w, "event: result\nid: %d\ndata: %s\n\n", i+1, result)
			}
		}
		_, _ = io.WriteString(w, done)
	}))
	defer server.Close()
	c := mustNew(t, server.URL)
	for ev, err := range c.Events(t.Context(), "agg_1") {
		if err != nil || ev.Result != nil && len(ev.Result.Body) != size+2 {
			t.Fatalf("%d: %v", ev.Position, err)
		}
	}
	seen := 0
	for r, err := range c.Results(t.Context(), "agg_1") {
		if seen == n {
			break // what follows is of the other stream
		}
		if err != nil || len(r.Body) != size+2 {
			t.Fatalf("%d: %v", r.Index, err)
		}
		seen++
		if seen == n {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > 6*size {
				t.Errorf("%d MiB are in use for results of %d MiB", m.HeapAlloc>>20, size>>20)
			}
		}
	}
}

// TestClient_streams_maxOutage holds that repeats are no success: what cuts every answer at
// the same place is an outage, and what has a word now and then is none.
func TestClient_streams_maxOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		again := progressEvent(1) + resultEvent(1, 0)
		for name, stream := range map[string]func(*client.Client) error{
			"events":  func(c *client.Client) error { return last(c.Events(t.Context(), "agg_1")) },
			"results": func(c *client.Client) error { return last(c.Results(t.Context(), "agg_1")) },
		} {
			text := again
			if name == "results" {
				text = "{\"index\":0}\n"
			}
			c, f := newFake(t, []step{cut(text)}, client.WithMaxOutage(time.Minute))
			began := time.Now()
			if err := stream(c); !errors.Is(err, errReset) || time.Since(began) < 50*time.Second || time.Since(began) > 62*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
			f.seen, f.steps = nil, []step{tooLong}
			if err := stream(c); !errors.Is(err, bufio.ErrTooLong) || len(f.seen) != 1 {
				t.Errorf("%s with a line that is too long: %v after %d requests", name, err, len(f.seen))
			}
		}
		idle := make([]step, 10, 11)
		for i := range idle {
			idle[i] = keepsAlive
		}
		c, _ := newFake(t, append(idle, answers(200, done)), client.WithMaxOutage(time.Minute))
		if got := told(t, c.Events(t.Context(), "agg_1")); !slices.Equal(got, []string{"progress 1", "succeeded"}) {
			t.Errorf("cut while nothing happens: told %v", got)
		}
	})
}

func tooLong(*http.Request) (*http.Response, error) {
	return response(200, iotest.ErrReader(bufio.ErrTooLong)), nil
}

// keepsAlive is cut after 20 s without news.
func keepsAlive(*http.Request) (*http.Response, error) {
	reader, writer := io.Pipe()
	go func() {
		_, _ = io.WriteString(writer, progressEvent(1))
		time.Sleep(20 * time.Second)
		_, _ = io.WriteString(writer, ": keep-alive\n\n")
		_ = writer.CloseWithError(errReset)
	}()
	return response(200, reader), nil
}
