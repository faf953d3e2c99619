package fetch

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
)

// Bounds of what a server may bring about while no request uses its connection, in
// bytes. What is on its way still of an answer that was given up comes under them.
const (
	mostUnasked = 2 * streamWindow
	unaskedCost = mostUnasked / 256 // of one answer to a frame, beside the frame
)

var errUnasked = fmt.Errorf("the server goes on sending although nobody asks: %w", net.ErrClosed)

// conn closes a connection over which a server goes on sending when nobody asks.
// Over HTTP/1 net/http sees to that, and idleConns.sweep. Over HTTP/2 net/http would
// read, and answer, whatever frames come until the connection has been idle for its
// time, on a whole processor if need be.
type conn struct {
	net.Conn
	peer    Peer
	users   atomic.Int32 // requests that use it
	unasked atomic.Int64 // bytes since there were none
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.charge(n) {
		return n, errUnasked
	}
	return n, err
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	if !c.charge(unaskedCost) {
		return 0, errUnasked
	}
	return c.Conn.Write(p)
}

// charge closes the connection, and reports false, where it was too much.
func (c *conn) charge(n int) bool {
	switch {
	case c.users.Load() > 0:
		c.unasked.Store(0)
	case c.unasked.Add(int64(n)) > mostUnasked:
		_ = c.Close()
		return false
	}
	return true
}

// dialedBelow is the connection of ours below one of net/http's, nil where there is none.
func dialedBelow(c net.Conn) *conn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	dialed, _ := c.(*conn)
	return dialed
}
