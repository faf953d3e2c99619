package fetch

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxRedirects is how many redirects one attempt follows.
	maxRedirects = 5
	// maxLocation is the longest URL that a redirect may name, as for a client's own.
	maxLocation = 8192
	// redirectDrain is the longest redirect body read to keep its connection.
	redirectDrain = 2 << 10
)

var errTooManyRedirects = fmt.Errorf("stopped after %d redirects", maxRedirects)

// next is the hop that a response sends the request to, nil where the response is
// the answer. Redirects are followed by hand: http.Client would keep credentials
// for subdomains and other ports, add a Referer, and need a body it can rewind,
// which net/http takes as leave to send it twice.
func (h *hop) next(resp *http.Response) (*hop, error) {
	if !redirects(resp.StatusCode) {
		return nil, nil
	}
	location := resp.Header.Get("Location")
	if location == "" { // seen in the wild, and then an answer like any other
		return nil, nil
	}
	u, err := h.url.Parse(location)
	if err != nil || len(location) > maxLocation {
		return nil, errors.New("was redirected to something that is not a URL")
	}
	if err := checkURL(u); err != nil {
		return nil, fmt.Errorf("was redirected to a URL that can't be used: %w", err)
	}
	n := &hop{method: h.method, url: u, header: maps.Clone(h.header), body: h.body}
	if origin(u) != origin(h.url) {
		maps.DeleteFunc(n.header, func(name string, _ []string) bool { return secret(name) })
	} else if !isAbsolute(location) {
		n.host = h.host // still the same virtual host
	}
	if becomesGet(h.method, resp.StatusCode) {
		n.method, n.body = http.MethodGet, nil
		maps.DeleteFunc(n.header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Content-") })
	}
	n.takeUserinfo()
	return n, nil
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// becomesGet reports whether a redirect asks for a GET instead
// (https://fetch.spec.whatwg.org/#http-redirect-fetch).
func becomesGet(method string, status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound:
		return method == http.MethodPost
	case http.StatusSeeOther:
		return method != http.MethodGet && method != http.MethodHead
	}
	return false
}

// origin is who may see a request's credentials: scheme, host and port, as in
// browsers and curl. So https→http loses them, and so does http→https.
func origin(u *url.URL) string {
	return u.Scheme + "://" + canonicalName(u.Hostname()) + ":" + urlPort(u)
}

// secretParts mark header names that carry credentials: Authorization, Cookie,
// X-Api-Key, X-Auth-Token, Private-Token, X-Amz-Security-Token and their like.
var secretParts = []string{"auth", "cookie", "token", "secret", "passw", "credential", "session", "signature"}

// secret reports whether a header stays with the host that it was meant for. A
// name that only looks the part is dropped too: that costs an answer, the
// opposite a password. An idempotency key is no credential.
func secret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range secretParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return strings.HasSuffix(name, "key") && !strings.HasSuffix(name, "idempotency-key")
}

// isAbsolute reports whether a Location that parses names a host of its own.
func isAbsolute(location string) bool {
	u, err := url.Parse(location)
	return err != nil || u.Host != ""
}

// discard closes a redirect's response, and keeps its connection where that
// costs next to nothing.
func discard(resp *http.Response) {
	if resp.ContentLength >= 0 && resp.ContentLength <= redirectDrain {
		_, _ = io.CopyN(io.Discard, resp.Body, redirectDrain+1)
	}
	_ = resp.Body.Close()
}
