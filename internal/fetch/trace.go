package fetch

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync/atomic"
)

// phase is how far a hop has come. It tells timeouts apart.
type phase int32

const (
	phaseStart     phase = iota
	phaseLookup          // the name is being looked up
	phaseConnect         // a connection is being made
	phaseHandshake       // TLS is being agreed on
	phaseSend            // there is a connection; the request is on its way, or its answer is
	phaseBody            // the headers are here, the body is being read
)

// mostHandshakes bounds the TLS connections that are made for one hop. net/http makes
// another, at once and without end, when an HTTP/2 server goes away or takes no stream.
const mostHandshakes = 4

// trace follows one hop. net/http's transport may go on dialing in the background after
// the request has got another connection or has ended, so its calls come from
// several goroutines, late ones included, and the phase never goes back.
type trace struct {
	phase      atomic.Int32
	wrote      atomic.Bool  // the headers were written, at least to a buffer
	handshakes atomic.Int32 // TLS connections that were begun
	conn       atomic.Pointer[conn]
	unsafe     bool   // the request must not be sent twice
	stop       func() // ends the attempt
}

func newTrace(unsafe bool, stop func()) *trace {
	return &trace{unsafe: unsafe, stop: stop}
}

// follow has what is done under a context tell how far it is.
func (t *trace) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { t.reach(phaseLookup) },
		ConnectStart:      func(string, string) { t.reach(phaseConnect) },
		TLSHandshakeStart: t.handshake,
		GotConn:           t.gotConn,
		WroteHeaders:      func() { t.wrote.Store(true) },
	})
}

func (t *trace) reach(p phase) {
	for old := t.phase.Load(); old < int32(p); old = t.phase.Load() {
		if t.phase.CompareAndSwap(old, int32(p)) {
			return
		}
	}
}

func (t *trace) at() phase { return phase(t.phase.Load()) }

func (t *trace) handshake() {
	t.reach(phaseHandshake)
	if t.handshakes.Add(1) > mostHandshakes {
		t.stop()
	}
}

// gotConn is called each time the transport is about to send the request. Over
// HTTP/2 it does so again, up to seven times, when the server resets the stream
// with PROTOCOL_ERROR, which says nothing on whether the request was acted on. A
// request with a body can't be sent again for want of GetBody; for one without,
// ending the attempt here keeps it from being written (HTTP/2 looks at the context
// before it writes; HTTP/1 comes here again only if nothing was written).
func (t *trace) gotConn(info httptrace.GotConnInfo) {
	t.reach(phaseSend)
	t.use(dialedBelow(info.Conn))
	if t.unsafe && t.wrote.Load() && speaksHTTP2(info) {
		t.stop()
	}
}

// use counts the hop among the users of a connection, in place of the one before.
func (t *trace) use(c *conn) {
	if c != nil {
		c.users.Add(1)
	}
	if last := t.conn.Swap(c); last != nil {
		last.users.Add(-1)
	}
}

// leave ends the hop's use of its connection.
func (t *trace) leave() { t.use(nil) }

func speaksHTTP2(info httptrace.GotConnInfo) bool {
	conn, ok := info.Conn.(*tls.Conn)
	return ok && conn.ConnectionState().NegotiatedProtocol == "h2"
}

// mayHaveReached reports whether a server may have got the request. ended tells
// that the attempt's time ran out: then the transport doesn't wait for its writer,
// and only a request without a connection is known to be unsent.
func (t *trace) mayHaveReached(ended bool) bool {
	return t.wrote.Load() || ended && t.at() >= phaseSend
}
