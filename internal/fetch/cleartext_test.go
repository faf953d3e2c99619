package fetch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gather"
	"gather/internal/hostile"
)

// answerEach serves every request with what answer returns for its number on its
// connection, from 1. "" closes the connection.
func answerEach(t *testing.T, answer func(request int) string) (url string, conns *atomic.Int32) {
	conns = new(atomic.Int32)
	addr := hostile.Serve(t, func(c net.Conn) {
		conns.Add(1)
		r := bufio.NewReader(c)
		for request := 1; ; request++ {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			text := answer(request)
			if _, err := io.WriteString(c, text); err != nil || text == "" {
				return
			}
		}
	})
	return "http://" + addr, conns
}

// TestClient_Fetch_endsOfBodies sends two requests, one after the other, whichever way:
// the second goes over the same connection where the first response says where it ends.
func TestClient_Fetch_endsOfBodies(t *testing.T) {
	large := strings.Repeat("x", 2*defaultMaxBody)
	for name, want := range map[string]struct {
		answer string
		status int // 0 for an answer that is none
		body   string
		conns  int32
	}{
		"a length":             {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 1},
		"a length of none":     {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", 1},
		"chunks":               {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, "hello", 1},
		"chunks and a trailer": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", 200, "hello", 1},
		"no content":           {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", 1},
		"not modified":         {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", 1},
		"an interim response":  {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 1},
		"HTTP/1.0, kept alive": {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 1},
		"HTTP/1.0":             {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 2},
		"a close that is told": {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 2},
		"more than is kept":    {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(large), large), 200, large[:defaultMaxBody], 2},
		"another protocol":     {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, "", 2},
		"no status":            {"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", 0, "", 2},
	} {
		for _, method := range ways {
			t.Run(name+"/"+method, func(t *testing.T) {
				url, conns := answerEach(t, func(int) string { return want.answer })
				c := localClient(t)
				for range 2 {
					resp := c.Fetch(t.Context(), by(method, plain(url)))
					if (resp.Error != nil) != (want.status == 0) || resp.HTTPStatus != want.status || string(resp.Body) != want.body {
						t.Fatalf("%d, %.20q, %+v", resp.HTTPStatus, resp.Body, resp.Error)
					}
				}
				if n := conns.Load(); n != want.conns {
					t.Errorf("%d connections, want %d", n, want.conns)
				}
			})
		}
	}
}

// TestClient_Fetch_bytesBehindBodies are taken for no answer to the next request. net/http
// may put a connection back before it looks at them.
func TestClient_Fetch_bytesBehindBodies(t *testing.T) {
	for method, answer := range map[string]string{
		http.MethodGet:  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello",
		http.MethodHead: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	} {
		url, conns := answerEach(t, func(int) string { return answer })
		c := localClient(t)
		for range 3 {
			wantOK(t, c.Fetch(t.Context(), by(method, plain(url))), "")
		}
		if n := conns.Load(); n != 3 {
			t.Errorf("%s: %d connections, want 3", method, n)
		}
	}
}

func TestClient_Fetch_HEAD_keepsConnections(t *testing.T) {
	for _, header := range []string{"Content-Length: 5", "Transfer-Encoding: chunked\r\nContent-Encoding: gzip"} {
		url, conns := answerEach(t, func(int) string { return "HTTP/1.1 200 OK\r\n" + header + "\r\n\r\n" })
		c := localClient(t)
		for range 2 {
			wantOK(t, c.Fetch(t.Context(), by(http.MethodHead, plain(url))), "")
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%q: %d connections, want 1", header, n)
		}
	}
}

// TestClient_Fetch_HEAD_wantsNothingPacked as there is nothing to unpack.
func TestClient_Fetch_HEAD_wantsNothingPacked(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "accepts="+r.Header.Get("Accept-Encoding"))
	})
	for method, want := range map[string]string{http.MethodHead: "accepts=", http.MethodGet: "accepts=gzip"} {
		r := by(method, plain(srv.URL))
		if resp := localClient(t).Fetch(t.Context(), r); resp.ContentType != want {
			t.Errorf("%s: %q, want %q (%+v)", method, resp.ContentType, want, resp.Error)
		}
	}
}

// TestClient_Fetch_cutBodies closes the connection of a body that is longer than what is
// kept of it: what follows is no answer to the next request.
func TestClient_Fetch_cutBodies(t *testing.T) {
	text := strings.Repeat("x", fuzzLimit+1)
	for name, answer := range map[string]string{
		"length": fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 2*len(text), text),
		"chunks": fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(text), text),
		"gzip":   fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n%s", packed(t, 2*len(text))),
	} {
		for _, method := range ways {
			t.Run(name+"/"+method, func(t *testing.T) {
				closed := make(chan struct{})
				addr := hostile.Serve(t, func(c net.Conn) {
					if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
						_, _ = io.WriteString(c, answer)
					}
					wantClosed(t, c)
					close(closed)
				})
				resp := newClient(t, Options{AllowNet: []string{"127.0.0.1"}, MaxBody: fuzzLimit}).Fetch(t.Context(), by(method, plain("http://"+addr)))
				if resp.Error != nil || !resp.Truncated || len(resp.Body) != fuzzLimit {
					t.Errorf("%d bytes, truncated %v, %+v", len(resp.Body), resp.Truncated, resp.Error)
				}
				<-closed
			})
		}
	}
}

// TestClient_Fetch_unaskedBytes ends connections over which a server goes on sending when
// it has answered.
func TestClient_Fetch_unaskedBytes(t *testing.T) {
	for _, method := range ways {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			answered, ended := make(chan struct{}), make(chan struct{})
			addr := hostile.Serve(t, func(c net.Conn) {
				defer close(ended)
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
				<-answered
				for flood := make([]byte, 64<<10); err == nil; {
					_, err = c.Write(flood)
				}
			})
			wantOK(t, localClient(t).Fetch(t.Context(), by(method, plain("http://"+addr))), "hello")
			close(answered)
			<-ended
		})
	}
}

// TestClient_Fetch_canceledBefore sends nothing, and leaves alone the connection that is kept.
func TestClient_Fetch_canceledBefore(t *testing.T) {
	for _, method := range ways {
		var requests atomic.Int32
		url, conns := answerEach(t, func(int) string {
			requests.Add(1)
			return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
		})
		c := localClient(t)
		r := by(method, plain(url))
		wantOK(t, c.Fetch(t.Context(), r), "hello")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 10 {
			resp := c.Fetch(ended, r)
			wantError(t, resp, gather.CodeCanceled, "canceled")
			if !resp.NotSent {
				t.Errorf("%s: NotSent = false", method)
			}
		}
		wantOK(t, c.Fetch(t.Context(), r), "hello")
		if requests.Load() != 2 || conns.Load() != 1 {
			t.Errorf("%s: %d requests over %d connections, want 2 over 1", method, requests.Load(), conns.Load())
		}
	}
}

// TestCleartext_takes tells which requests go which way.
func TestCleartext_takes(t *testing.T) {
	c := localClient(t)
	header := func(size int) map[string]string {
		return map[string]string{"X": strings.Repeat("x", size-len("X")-len("User-Agent")-len(defaultUserAgent))}
	}
	for name, want := range map[string]struct {
		request gather.Request
		takes   bool
	}{
		"GET":                   {gather.Request{URL: "http://a.example"}, seesReadable},
		"HEAD":                  {gather.Request{URL: "http://a.example:81", Method: "HEAD"}, seesReadable},
		"POST":                  {gather.Request{URL: "http://a.example", Method: "POST"}, false},
		"a body":                {gather.Request{URL: "http://a.example", BodyText: "x"}, false},
		"TLS":                   {gather.Request{URL: "https://a.example"}, false},
		"a name beyond ASCII":   {gather.Request{URL: "http://ä.example"}, false},
		"a name of no header":   {gather.Request{URL: "http://a.example", Headers: map[string]string{"a b": "x"}}, false},
		"a value of no header":  {gather.Request{URL: "http://a.example", Headers: map[string]string{"X": "a\nb"}}, false},
		"many bytes of headers": {gather.Request{URL: "http://a.example", Headers: header(mostHeaders)}, seesReadable},
		"more bytes of headers": {gather.Request{URL: "http://a.example", Headers: header(mostHeaders + 1)}, false},
		"a long name of a host": {gather.Request{URL: "http://a.example", Headers: map[string]string{"Host": strings.Repeat("x", mostHeaders)}}, false},
	} {
		h, err := c.firstHop(&want.request)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.cleartext.takes(h); got != want.takes {
			t.Errorf("%s: %v, want %v", name, got, want.takes)
		}
	}
}

// TestClient_Fetch_largeBodies are not taken for what nobody asked for, and their peer is known.
func TestClient_Fetch_largeBodies(t *testing.T) {
	large := strings.Repeat("x", 3*mostUnasked)
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, large) })
	for _, method := range ways {
		var seen Observation
		c := newClient(t, Options{
			AllowNet: []string{"127.0.0.1"}, MaxBody: 4 * mostUnasked, Observe: func(o Observation) { seen = o },
		})
		for range 2 {
			wantOK(t, c.Fetch(t.Context(), by(method, plain(srv.URL))), large)
			if seen.Peer != PeerLoopback || seen.Code != "" {
				t.Errorf("%s: observed %+v", method, seen)
			}
		}
	}
}

// TestWireBody_end keeps a connection only if its response was read in whole and nobody
// closes it, and reads nothing more once it is left.
func TestWireBody_end(t *testing.T) {
	whole := func(b *wireBody) { _, _ = io.ReadAll(b) }
	cut := func(b *wireBody) { _, _ = b.Read(make([]byte, 1)); _ = b.Close() }
	for name, c := range map[string]struct {
		read               func(*wireBody)
		canceled, reusable bool
		kept               bool
		after              error
	}{
		"read in whole":                  {whole, false, true, true, io.EOF},
		"cut":                            {cut, false, true, false, http.ErrBodyReadAfterClose},
		"canceled at its end":            {whole, true, true, false, io.EOF},
		"the last one of its connection": {whole, false, false, false, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			idle := newIdleConns(1, 1, ample)
			defer idle.close()
			w, far := idleWire(t, idle, "a:80")
			idle.take("a:80")
			w.reader = bufio.NewReader(w)
			b := &wireBody{wire: w, body: strings.NewReader("hello"), stop: func() bool { return !c.canceled }, reusable: c.reusable}
			c.read(b)
			if n, err := b.Read(make([]byte, 1)); n != 0 || err != c.after { //nolint:errorlint // which readers compare
				t.Errorf("read after it: %d, %v; want %v", n, err, c.after)
			}
			_ = b.Close()
			if got := idle.take("a:80"); (got == w) != c.kept {
				t.Errorf("kept: %v, want %v", got == w, c.kept)
			}
			if !c.kept {
				wantClosed(t, far)
			}
			if w.reader != nil {
				t.Error("the connection still has a buffer")
			}
		})
	}
}

// TestClient_Fetch_staleConnection has a server close connections with a request on its
// way, or answer in part.
func TestClient_Fetch_staleConnection(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	for _, method := range ways {
		t.Run("a kept one without an answer/"+method, func(t *testing.T) {
			url, conns := answerEach(t, func(request int) string { return map[int]string{1: whole}[request] })
			c := localClient(t)
			for range 3 {
				wantOK(t, c.Fetch(t.Context(), by(method, plain(url))), "hello")
			}
			if n := conns.Load(); n != 3 {
				t.Errorf("%d connections, want 3", n)
			}
		})
		t.Run("a kept one with a part of an answer/"+method, func(t *testing.T) {
			addr := hostile.Serve(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				for _, answer := range []string{whole, "HTTP/1.1 200"} {
					if _, err := http.ReadRequest(r); err == nil {
						_, _ = io.WriteString(c, answer)
					}
				}
			})
			c := localClient(t)
			r := by(method, plain("http://"+addr))
			wantOK(t, c.Fetch(t.Context(), r), "hello")
			wantError(t, c.Fetch(t.Context(), r), gather.CodeConnectionTerminated, "without an answer")
		})
		t.Run("a new one without an answer/"+method, func(t *testing.T) {
			url, conns := answerEach(t, func(int) string { return "" })
			wantError(t, localClient(t).Fetch(t.Context(), by(method, plain(url))), gather.CodeConnectionTerminated, "without an answer")
			if n := conns.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

// TestClient_Close_underWay lets a fetch that is under way come to its end, and its
// connection with it.
func TestClient_Close_underWay(t *testing.T) {
	arrived, release, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	srv := unstarted(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "hello")
	})
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			close(closed)
		}
	}
	srv.Start()
	c := localClient(t)
	var fetch sync.WaitGroup
	var resp *gather.Response
	fetch.Go(func() { resp = c.Fetch(t.Context(), plain(srv.URL)) })
	<-arrived
	c.Close()
	close(release)
	fetch.Wait()
	wantOK(t, resp, "hello")
	<-closed
}

// TestClient_Fetch_keepsAnswersApart has many fetches share connections, some of which
// are cut off or canceled: each gets its own answer or none.
func TestClient_Fetch_keepsAnswersApart(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		w.Header().Set("Content-Length", fmt.Sprint(1000*len(path)))
		for range 1000 {
			_, _ = io.WriteString(w, path)
		}
	})
	c := newClient(t, Options{AllowNet: []string{"127.0.0.1"}, MaxBody: 5000})
	var all sync.WaitGroup
	var cut atomic.Int32
	for caller := range 16 {
		all.Go(func() {
			for i := range 100 {
				path := fmt.Sprintf("/%d-%d", caller, i)
				ctx, cancel := context.WithCancel(t.Context())
				if i%7 == 0 {
					go cancel()
				}
				resp := c.Fetch(ctx, plain(srv.URL+path))
				cancel()
				whole := strings.Repeat(path, 1000)
				switch {
				case resp.Error != nil && resp.Error.Code == gather.CodeCanceled && i%7 == 0:
				case resp.Error != nil || string(resp.Body) != whole[:min(len(whole), 5000)] || resp.Truncated != (len(whole) > 5000):
					t.Errorf("%s: %.20q, %+v", path, resp.Body, resp.Error)
				case resp.Truncated:
					cut.Add(1)
				}
			}
		})
	}
	all.Wait()
	if cut.Load() == 0 {
		t.Error("no answer was cut off")
	}
}
