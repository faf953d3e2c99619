package fetch

import (
	"net"
	"net/netip"
	"time"

	"gather"
)

// Peer is what kind of address a request went to.
type Peer string

// The kinds of addresses.
const (
	PeerNone     Peer = "none" // no connection was made
	PeerPublic   Peer = "public"
	PeerPrivate  Peer = "private" // neither public nor loopback, and opened by the operator
	PeerLoopback Peer = "loopback"
)

// Peers lists them all.
var Peers = []Peer{PeerNone, PeerPublic, PeerPrivate, PeerLoopback}

// Observation is what an observer is told of an attempt.
type Observation struct {
	// Code says why the answer is not what the client wants; "" where it is.
	Code gather.ErrorCode
	// Peer is whom the last hop was connected to.
	Peer    Peer
	Elapsed time.Duration
}

// observe tells what came of an attempt.
func (a *attempt) observe(response *gather.Response, elapsed time.Duration) {
	o := Observation{Peer: a.peer, Elapsed: elapsed}
	switch {
	case response.Error != nil:
		o.Code = response.Error.Code
	case !a.request.Succeeded(response):
		o.Code = gather.CodeHTTPStatus
	}
	a.client.observer(o)
}

// peerOf is what kind of address a connection leads to.
func (g *guard) peerOf(c net.Conn) Peer {
	dst, err := netip.ParseAddrPort(c.RemoteAddr().String())
	switch ip := dst.Addr().Unmap().WithZone(""); {
	case err != nil:
		return PeerNone
	case ip.IsLoopback():
		return PeerLoopback
	case g.isPublic(ip):
		return PeerPublic
	}
	return PeerPrivate
}
