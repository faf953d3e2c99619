package fetch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"gather"
	"gather/internal/hostile"
)

// FuzzClient_Fetch_URL checks, by rules of its own, that no URL leads to an address
// that is not public.
func FuzzClient_Fetch_URL(f *testing.F) {
	for _, hosts := range hostile.Inside {
		for host := range strings.FieldsSeq(hosts) {
			f.Add("http://" + host + ":8080/")
		}
	}
	for host := range strings.FieldsSeq(hostile.NoHosts) {
		f.Add("https://" + host + "/")
	}
	c := newClient(f, Options{}).resolve(f, names)
	w := c.watch()
	f.Fuzz(func(t *testing.T, target string) {
		for _, method := range ways {
			c.Fetch(t.Context(), by(method, plain(target)))
		}
		for _, dialed := range w.addresses() {
			ip := netip.MustParseAddrPort(dialed).Addr().Unmap()
			if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && ip.As16()[0]>>5 != 1 {
				t.Fatalf("%q leads to %s", target, dialed)
			}
		}
	})
}

// FuzzHop_next checks where a redirect may lead, and that no secret goes with it.
func FuzzHop_next(f *testing.F) {
	for _, location := range []string{
		"/end", "end?q", "//b.example", "http://a.example", "https://a.example/", "http://A.EXAMPLE.:80", "http://a.example:8080", "http://u:p@b.example",
		"http://u:p@a.example", "file:///etc/passwd", "http:a.example", "http:///x", "\\\\b.example", "http://a.example\\@b.example", "?", "#", "http://[::1]", "http://１.1",
	} {
		f.Add(302, location)
		f.Add(307, location)
	}
	f.Fuzz(func(t *testing.T, status int, location string) {
		base, _ := url.Parse("http://a.example/start?token=s3cret")
		h := &hop{method: "POST", url: base, host: "virtual.example", header: http.Header{"X-Api-Key": {"s3cret"}}, body: []byte("text")}
		next, err := h.next(&http.Response{StatusCode: status, Header: http.Header{"Location": {location}}})
		if next == nil || err != nil {
			return
		}
		u := next.url
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			t.Fatalf("%q leads to %q", location, u)
		}
		sameOrigin := u.Scheme == "http" && (u.Port() == "" || u.Port() == "80") && strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") == "a.example"
		if !sameOrigin && (next.header.Get("X-Api-Key") != "" || next.host != "") {
			t.Fatalf("%q takes the secrets to %q", location, u)
		}
		if h.header.Get("X-Api-Key") == "" {
			t.Fatal("the hop before has lost its headers")
		}
	})
}

// FuzzReadBody checks a body against what was sent, whatever length was announced.
func FuzzReadBody(f *testing.F) {
	f.Add([]byte("hello"), int64(-1), uint16(3), true)
	f.Add([]byte("hello"), int64(5), uint16(5), false)
	f.Add([]byte{}, int64(1<<62), uint16(1), false)
	f.Fuzz(func(t *testing.T, sent []byte, length int64, limit uint16, oneByte bool) {
		limit = max(limit, 1)
		var r io.Reader = bytes.NewReader(sent)
		if oneByte {
			r = iotest.OneByteReader(r)
		}
		body, truncated, err := readBody(r, max(length, -1), int64(limit))
		if want := sent[:min(len(sent), int(limit))]; err != nil || !bytes.Equal(body, want) || truncated != (len(sent) > int(limit)) {
			t.Fatalf("%d bytes announced as %d, limit %d: %d bytes, truncated %v, %v", len(sent), length, limit, len(body), truncated, err)
		}
	})
}

// fuzzLimit is the body limit of clients under fuzzing.
const fuzzLimit = 4 << 10

// pipedClient is a client each of whose connections is answered with what answer
// writes, in memory, once a request comes.
func pipedClient(tb testing.TB, answer func(w io.Writer)) *Client {
	c := newClient(tb, Options{MaxBody: fuzzLimit})
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			if _, err := far.Read(make([]byte, 64<<10)); err == nil { // all of a request
				answer(far)
			}
		}()
		return &conn{Conn: near}, nil
	}
	c.cleartext.dial, c.transport.DialContext = dial, dial
	return c
}

// FuzzClient_Fetch_answer has a server answer with anything, which is the same to whoever
// reads it.
func FuzzClient_Fetch_answer(f *testing.F) {
	for _, answer := range []string{
		"", "220 ready\r\n", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 000 \r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, world", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 404 Not Found\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: https://b.example\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Type: text/plain; charset=\"\r\n\r\nbusy", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x0b",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\x1f\x8b\x08\x00\r\n0\r\n\r\n", "\x16\x03\x03\x00\x02\x02\x28",
	} {
		f.Add([]byte(answer))
	}
	var answer []byte
	c := pipedClient(f, func(w io.Writer) { _, _ = w.Write(answer) })
	f.Fuzz(func(t *testing.T, sent []byte) {
		answer = sent
		var responses []*gather.Response
		for _, method := range ways {
			resp := c.Fetch(t.Context(), by(method, get("http://a.example")))
			wantSound(t, resp)
			resp.RetryAfter = 0 // may be told as a time, from which it is now a little less
			responses = append(responses, resp)
		}
		if !reflect.DeepEqual(responses[0], responses[1]) {
			t.Fatalf("%+v (%+v) over cleartext, %+v (%+v) by net/http", responses[0], responses[0].Error, responses[1], responses[1].Error)
		}
	})
}

// FuzzClient_Fetch_coding has a server send a valid answer in any content coding, and
// compares gzip with what it stands for.
func FuzzClient_Fetch_coding(f *testing.F) {
	zeros := []byte(packed(f, 2*fuzzLimit))
	for _, coding := range []string{"", "gzip", "GZIP", "x-gzip", "gzip, gzip", "br", "zstd", "deflate,identity", "identity", "utf-8", "aws-chunked", ",", "g\tzip"} {
		f.Add(coding, zeros)
		f.Add(coding, []byte("hello"))
	}
	var coding string
	var body []byte
	c := pipedClient(f, func(w io.Writer) {
		b := bufio.NewWriter(w)
		_, _ = b.WriteString("HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + "\r\n\r\n")
		_, _ = b.Write(body)
		_ = b.Flush()
	})
	f.Fuzz(func(t *testing.T, codingSent string, bodySent []byte) {
		if coding, body = strings.Trim(codingSent, " \t"), bodySent; strings.ContainsFunc(coding, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Skip("an answer that is not valid")
		}
		want := bodySent
		if strings.EqualFold(coding, "gzip") {
			want = unpack(bodySent)
		}
		want = want[:min(len(want), fuzzLimit)]
		for _, method := range ways {
			resp := c.Fetch(t.Context(), by(method, get("http://a.example")))
			wantSound(t, resp)
			if !bytes.Equal(resp.Body, want) {
				t.Fatalf("%s, %q: %d bytes, want %d; error %+v", method, coding, len(resp.Body), len(want), resp.Error)
			}
		}
	})
}

// packed is so many zeros as gzip.
func packed(tb testing.TB, size int) string {
	tb.Helper()
	var b strings.Builder
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write(make([]byte, size)); err != nil {
		tb.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// unpack is as much of gzip as can be read.
func unpack(packed []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, fuzzLimit))
	return text
}

// wantSound fails the test where a response is not what its readers rely on.
func wantSound(t *testing.T, resp *gather.Response) {
	t.Helper()
	if len(resp.Body) > fuzzLimit || resp.Truncated && len(resp.Body) != fuzzLimit {
		t.Fatalf("%d bytes, truncated %v", len(resp.Body), resp.Truncated)
	}
	if resp.HTTPStatus != 0 && (resp.HTTPStatus < 100 || resp.HTTPStatus > 999) || resp.HTTPStatus == 0 && resp.Error == nil || resp.RetryAfter < 0 {
		t.Fatalf("status %d, Retry-After %v, error %+v", resp.HTTPStatus, resp.RetryAfter, resp.Error)
	}
	if e := resp.Error; e != nil {
		if e.Code == "" || e.Message == "" || len(e.Message) > 1000 || strings.Contains(e.Message, "s3cret") || strings.ContainsAny(e.Message, "\r\n\x00") {
			t.Fatalf("error %+v", e)
		}
	}
	if line := lineOf(t, resp); !json.Valid(line) || len(line) > 3*fuzzLimit+2*len(resp.ContentType)*6+1000 {
		t.Fatalf("the line has %d bytes: %.300q", len(line), line)
	}
}
