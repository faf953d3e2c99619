package fetch

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"gather"
)

func TestReadBody(t *testing.T) {
	const limit = 100
	for _, size := range []int{0, 1, limit - 1, limit, limit + 1, 2 * limit, 5000} {
		for _, length := range []int64{-1, 0, 1, int64(size), limit, 1 << 40} {
			for kind, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "end with data": iotest.DataErrReader,
			} {
				sent := bytes.Repeat([]byte("x"), size)
				body, truncated, err := readBody(wrap(bytes.NewReader(sent)), length, limit)
				if err != nil || !bytes.Equal(body, sent[:min(size, limit)]) || truncated != (size > limit) {
					t.Errorf("size %d announced as %d, %s: %d bytes, truncated %v, error %v",
						size, length, kind, len(body), truncated, err)
				}
			}
		}
	}
}

func TestReadBody_takesOneBufferOfKnownLength(t *testing.T) {
	const size = 1 << 20
	body, _, err := readBody(bytes.NewReader(make([]byte, size)), size, 2*size)
	if err != nil || len(body) != size || cap(body) != size+1 {
		t.Errorf("%d bytes in a buffer of %d, error %v", len(body), cap(body), err)
	}
}

func TestClient_Fetch_cutsLargeBodies(t *testing.T) {
	const limit = 1000
	endless := func(w io.Writer) {
		for block := bytes.Repeat([]byte("x"), 32<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	cases := map[string]struct {
		handler   http.HandlerFunc
		size      int
		truncated bool
	}{
		"a body at the limit": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", limit))
		}, limit, false},
		"a body one byte over it": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", limit+1))
		}, limit, true},
		"a body without end": {func(w http.ResponseWriter, _ *http.Request) { endless(w) }, limit, true},
		"a body of huge length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(1<<40))
			endless(w)
		}, limit, true},
		"a body that unpacks to far more": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zw := gzip.NewWriter(w)
			for range 8 << 10 { // 8 MiB
				_, _ = zw.Write(bytes.Repeat([]byte("x"), 1<<10))
			}
			_ = zw.Close()
		}, limit, true},
		"a body that unpacks to the limit": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zw := gzip.NewWriter(w)
			_, _ = io.WriteString(zw, strings.Repeat("x", limit))
			_ = zw.Close()
		}, limit, false},
		"no content":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 0, false},
		"not modified": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, 0, false},
	}
	for name, want := range cases {
		for _, http2 := range []bool{false, true} {
			t.Run(name+", HTTP/2 "+strconv.FormatBool(http2), func(t *testing.T) {
				srv := serveTLS(t, http2, want.handler)
				c := newClient(t, Options{AllowNet: []string{"127.0.0.1"}, MaxBody: limit}).trust(srv.Certificate())
				resp := c.Fetch(t.Context(), get(srv.URL))
				if resp.Error != nil || string(resp.Body) != strings.Repeat("x", want.size) || resp.Truncated != want.truncated {
					t.Errorf("%d bytes, truncated %v, error %+v", len(resp.Body), resp.Truncated, resp.Error)
				}
			})
		}
	}
}

func TestClient_Fetch_HEAD(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000000") })
	resp := localClient(t).Fetch(t.Context(), &gather.Request{URL: srv.URL, Method: "HEAD"})
	if resp.Error != nil || resp.HTTPStatus != 200 || len(resp.Body) != 0 || resp.Truncated {
		t.Errorf("response = %+v", resp)
	}
}
