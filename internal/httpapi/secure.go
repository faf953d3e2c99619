package httpapi

import (
	"net/http"
	"strings"
)

// pagePolicy is the Content-Security-Policy of pages that bring none of their own: what
// they need is served here, and nobody puts them into a frame.
const pagePolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// secureHTML says what a browser may do with the answer, if that is a page.
func secureHTML(h http.Header) {
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		return
	}
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", pagePolicy)
	}
	if h.Get("Referrer-Policy") == "" {
		h.Set("Referrer-Policy", "no-referrer") // addresses name aggregations
	}
}
