package fetch

import (
	"net/http"
	"time"
)

// Limits of the connections, shared by all requests of a client.
const (
	maxIdleConns     = 4096
	leastIdlePerHost = 512
	idleConnTimeout  = 90 * time.Second
	handshakeTimeout = 10 * time.Second
	maxHeaderBytes   = 256 << 10
	// An HTTP/2 connection has no idle timeout of its own while requests use it.
	// Without pings, one whose other end is gone fails every request for minutes.
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
	// writeTimeout is how long an HTTP/2 server may read nothing of what is sent to it.
	writeTimeout = 30 * time.Second
	// streamWindow is what an HTTP/2 server may send before anyone reads it.
	streamWindow = 1 << 20
)

// idleLimits are how many connections are kept that no request uses. A fan-out goes to
// one host more often than not: all its connections may stay.
func idleLimits(concurrency int) (perHost, most int) {
	perHost = max(leastIdlePerHost, concurrency)
	return perHost, max(maxIdleConns, 2*perHost)
}

// newTransport returns what sends the requests that a cleartext does not take.
func newTransport(g *guard, concurrency int) *http.Transport {
	idlePerHost, idleConns := idleLimits(concurrency)
	return &http.Transport{
		// No proxy, not even one from the environment: a proxy connects on our
		// behalf to whatever the URL names, so the guard would only ever see the
		// proxy's own address.
		Proxy:                  nil,
		DialContext:            g.dial,
		ForceAttemptHTTP2:      true, // a DialContext of our own switches it off otherwise
		MaxIdleConns:           idleConns,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleConnTimeout,
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:           pingAfter,
			PingTimeout:               pingTimeout,
			WriteByteTimeout:          writeTimeout,
			MaxReceiveBufferPerStream: streamWindow,
		},
	}
}
