package fetch

import (
	"io"
	"net/http"
	"slices"
)

// Sizes of the first buffer for a body.
const (
	unknownLength = 4 << 10 // where its length is not announced
	mostTrusted   = 1 << 20 // where it is, for to announce costs nothing
)

// readBody reads at most limit bytes. It reads one byte more than it keeps: that
// tells a cut body from one that just fits, and lets a body of announced length
// end without a larger buffer. The rest of a cut body is never read, so a small
// response that unpacks to a huge one costs no more than the limit.
func readBody(r io.Reader, length, limit int64) (body []byte, truncated bool, err error) {
	if length < 0 {
		length = unknownLength
	}
	buf := make([]byte, 0, min(length, limit, mostTrusted)+1)
	for {
		room := min(int64(cap(buf)), limit+1)
		n, err := r.Read(buf[len(buf):room])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return buf[:limit], true, nil
		case err == io.EOF:
			return buf, false, nil
		case err != nil:
			return buf, false, err
		case int64(len(buf)) == room:
			buf = slices.Grow(buf, len(buf))
		}
	}
}

// bodyLength is the announced length of a response's body, -1 where there is none.
func bodyLength(resp *http.Response, method string) int64 {
	if method == http.MethodHead || resp.StatusCode == http.StatusNotModified {
		return 0 // the length that a GET would have
	}
	return resp.ContentLength
}
