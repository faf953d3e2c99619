package fetch

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gather"
)

// hop is one request on the wire: the client's own, or where a redirect sends it.
type hop struct {
	method string
	url    *url.URL // without userinfo, which is in the headers
	host   string   // the Host header; "" means the URL's
	header http.Header
	body   []byte
}

// firstHop is the request as the client gave it.
func (c *Client) firstHop(r *gather.Request) (*hop, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, errors.New("the URL can't be read")
	}
	if err := checkURL(u); err != nil {
		return nil, err
	}
	h := &hop{method: r.MethodOrGet(), url: u, header: make(http.Header, len(r.Headers)+3)}
	for name, value := range r.Headers {
		h.setHeader(name, value)
	}
	if strings.ContainsAny(h.host, notInHosts) {
		return nil, errors.New("the Host header must be a host, with or without a port")
	}
	h.takeUserinfo()
	switch {
	case len(r.Body) > 0:
		h.body = r.Body
		h.setDefault("Content-Type", "application/json")
	case r.BodyText != "":
		h.body = []byte(r.BodyText)
		h.setDefault("Content-Type", "text/plain; charset=utf-8")
	}
	h.setDefault("User-Agent", c.userAgent)
	return h, nil
}

// notInHosts can't stand in a Host header. Over HTTP/1 net/http would send an
// empty one instead, and say nothing.
const notInHosts = " \t\"#/<>?@\\^`{|}"

// checkURL reports why a request can't be sent to u. Every hop is checked.
func checkURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the URL must start with http:// or https://")
	}
	if u.Hostname() == "" {
		return errors.New("the URL must name a host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("the URL's port must be 1 to 65535")
		}
	}
	return nil
}

// urlPort is the port that a URL stands for.
func urlPort(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func (h *hop) setHeader(name, value string) {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Host":
		h.host = value
	case "Idempotency-Key", "X-Idempotency-Key":
		// Under its canonical name this header tells net/http that a POST may be
		// sent again when a connection breaks. That is for the server to promise,
		// not for a header. On the wire names have no case.
		h.header[strings.ToLower(name)] = []string{value}
	default:
		h.header[name] = []string{value}
	}
}

func (h *hop) setDefault(name, value string) {
	if _, given := h.header[name]; !given && value != "" {
		h.header[name] = []string{value}
	}
}

// takeUserinfo turns user:password@ into the header that it stands for, so that
// it is dropped like one, and no URL in hand holds a secret in that place.
func (h *hop) takeUserinfo() {
	if user := h.url.User; user != nil {
		password, _ := user.Password()
		h.setDefault("Authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
		h.url.User = nil
	}
}

// unsafe reports whether sending the hop twice may do twice as much.
func (h *hop) unsafe() bool { return (&gather.Request{Method: h.method}).Unsafe() }

// request is the hop as net/http writes it. An unsafe one comes without GetBody: then
// the transport can't send it again by itself once it began to. Where the method
// has no body, see trace.gotConn.
func (h *hop) request() *http.Request {
	req := &http.Request{
		Method: h.method, URL: h.url, Host: h.host, Header: h.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(h.body) > 0 {
		body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(h.body)), nil }
		req.Body, _ = body()
		req.ContentLength = int64(len(h.body))
		if !h.unsafe() {
			req.GetBody = body
		}
	}
	return req
}
