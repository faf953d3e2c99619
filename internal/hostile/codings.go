package hostile

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"
)

// codings are content codings (RFC 9110, section 8.4) that lie, or unpack to far
// more than they are. The client asks for gzip alone.
var codings = []Upstream{
	{"a gzip bomb", answeringLate(func() string { return ok("Content-Encoding: gzip") + bomb(256) }), cut},
	{"a gzip bomb without end", func(tb testing.TB, ca *CA) string {
		return flooding(ok("Content-Encoding: gzip"), bomb(1))(tb, ca)
	}, cut},
	{"gzip without end that is empty", func(tb testing.TB, ca *CA) string {
		return dripping(ok("Content-Encoding: gzip"), strings.Repeat(packed(nil), 500))(tb, ca)
	}, tooLate(200)},
	{"a gzip bomb in gzip", answeringLate(func() string {
		return ok("Content-Encoding: gzip, gzip") + packed([]byte(bomb(256)))
	}), breaks("http_response_content_coding")},
	{"a deflate bomb", answeringLate(func() string {
		return ok("Content-Encoding: deflate") + deflated(8<<20)
	}), breaks("http_response_content_coding")},
	{"a coding that was not asked for", answering(ok("Content-Encoding: br") + "\x0b\x02\x80{}\x03"), breaks("http_response_content_coding")},
	{"a coding that was not asked for, zstd", answering(ok("Content-Encoding: zstd") + "\x28\xb5\x2f\xfd\x04\x00"), breaks("http_response_content_coding")},
	{"a body that is not the gzip it claims to be", answering(ok("Content-Encoding: gzip") + block), breaks("http_response_content_coding")},
	{"gzip whose end is cut off", answeringLate(func() string {
		return ok("Content-Encoding: gzip") + packed([]byte(block))[:50]
	}), breaks("http_response_incomplete")},
	{"gzip with a wrong checksum", answeringLate(func() string {
		text := []byte(packed([]byte(block)))
		text[len(text)-5] ^= 1
		return ok("Content-Encoding: gzip") + string(text)
	}), breaks("http_response_content_coding")},
}

// answeringLate is answering for what takes a moment to make.
func answeringLate(answer func() string) func(testing.TB, *CA) string {
	return func(tb testing.TB, ca *CA) string { return answering(answer())(tb, ca) }
}

// packed is the text in gzip.
func packed(text []byte) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text)
	_ = w.Close()
	return b.String()
}

// bomb is gzip that unpacks to so many MiB, a thousand times its size. It is a
// chain of members, which count as one (RFC 1952, section 2.2).
func bomb(mebibytes int) string {
	return strings.Repeat(packed(make([]byte, 1<<20)), mebibytes)
}

// deflated is zlib that unpacks to so many bytes.
func deflated(size int64) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.CopyN(w, zeros{}, size)
	_ = w.Close()
	return b.String()
}

// zeros is an endless reader of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
