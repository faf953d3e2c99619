package fetch

import (
	"net/http"
	"slices"
	"strings"

	"gather"
)

// packings are the content codings (RFC 9110, section 8.4.1, and the registry that
// it founded) that make text unreadable. Others are seen in the wild as well, such
// as "utf-8" and "identity", and mean nothing.
var packings = []string{"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"}

// getsUnasked reports whether a response is packed in a way that nobody asked for.
// Gzip alone is asked for, and unpacked, by net/http or by unpacked.
func (h *hop) getsUnasked(resp *http.Response) bool {
	if h.takesAnyCoding() {
		return false
	}
	codings := strings.Split(strings.ToLower(strings.Join(resp.Header["Content-Encoding"], ",")), ",")
	return slices.ContainsFunc(codings, func(c string) bool { return slices.Contains(packings, strings.TrimSpace(c)) })
}

// takesAnyCoding reports whether a request says itself what it accepts, or wants a part of
// what may be stored packed: it gets the bytes as they are.
func (h *hop) takesAnyCoding() bool {
	return h.header.Get("Accept-Encoding") != "" || h.header.Get("Range") != ""
}

func unaskedCoding(host string) *fault {
	return &fault{gather.CodeHTTPContentCoding, "the answer of " + host +
		" is in a content coding that was not asked for; with an Accept-Encoding header of your own you get it as it is", true}
}

// isChunked reports whether a body comes in chunks (RFC 9112, section 7.1).
func isChunked(resp *http.Response) bool { return len(resp.TransferEncoding) > 0 }

// chunkedError is an error from a body that came in chunks: net/http has no type for
// chunks that are broken.
type chunkedError struct{ error }

func (e *chunkedError) Unwrap() error { return e.error }
