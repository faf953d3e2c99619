// Package hostile holds what a worker has to withstand, for tests: upstreams that
// misbehave, each in one way, with the outcome that a fetch from it has to come to
// ([Upstreams]), and hosts that nobody may reach ([Inside]). The same tables are run
// against the fetching code alone and, end to end, against a worker.
//
// All of it stays on loopback and is bounded: no upstream sends more than [mostSent]
// over one connection, and all are gone when the test ends.
package hostile

import (
	"slices"
	"testing"
)

// Marker is in what upstreams send, and has to show up in no log and no message.
const Marker = "h0st1le"

// mostSent bounds what is sent to a client that takes everything.
const mostSent = 256 << 20

// Upstream is a server that misbehaves in one way.
type Upstream struct {
	// Name says how.
	Name string
	// Start starts it for the length of the test and returns the URL to fetch.
	Start func(tb testing.TB, ca *CA) (url string)
	// Want is what has to come of a GET of that URL.
	Want Outcome
}

// Outcome is what comes of a fetch, in the words of the API's results.
type Outcome struct {
	// Code is the error's code; "" means that the fetch succeeds all the same.
	Code string
	// HTTPStatus is that of the last response; 0 means that none came.
	HTTPStatus int
	// Truncated tells that the body is cut at the limit.
	Truncated bool
	// Lasts tells that the upstream goes on until the client's time is up.
	Lasts bool
}

// Outcomes that many have in common.
var (
	whole = Outcome{HTTPStatus: 200}
	cut   = Outcome{HTTPStatus: 200, Truncated: true}
)

// fails is the outcome where no headers came.
func fails(code string) Outcome { return Outcome{Code: code} }

// breaks is the outcome where it was the body that went wrong.
func breaks(code string) Outcome { return Outcome{Code: code, HTTPStatus: 200} }

// tooLate is the outcome where the client's time was up, before or after the status.
func tooLate(status int) Outcome {
	return Outcome{Code: "http_response_timeout", HTTPStatus: status, Lasts: true}
}

// Upstreams returns all of them. They take clients that trust the CA, keep 1 MiB of a
// body and 256 KiB of headers, and may reach 127.0.0.1 but no address beside it.
func Upstreams() []Upstream {
	return slices.Concat(bodies, codings, lengths, heads, redirects, handshakes, streams)
}
