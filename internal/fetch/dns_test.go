package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// Outcomes of a lookup beside addresses.
const (
	dnsUnknown = "NXDOMAIN"
	dnsBroken  = "SERVFAIL"
	dnsSilent  = "no answer"
)

// resolve gives the client a DNS of the test's own: names to IPv4 addresses,
// separated by commas, or one of the outcomes above. Others are unknown.
func (c *Client) resolve(tb testing.TB, records map[string]string) *Client {
	tb.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(tb.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		query := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			if answer := answerDNS(query[:n], records); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	})
	asking := &dialed{}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return asking.dial(ctx, conn.LocalAddr().String())
	}}
	c.guard.guarded.Resolver, c.guard.open.Resolver = resolver, resolver
	tb.Cleanup(func() {
		asking.close()
		_ = conn.Close()
		serving.Wait()
	})
	return c
}

// answerDNS answers a query (RFC 1035, section 4); nil is no answer.
func answerDNS(query []byte, records map[string]string) []byte {
	name, end := "", 12
	for query[end] != 0 {
		label := int(query[end])
		name += string(query[end+1:end+1+label]) + "."
		end += 1 + label
	}
	question := query[12 : end+5]
	isA := binary.BigEndian.Uint16(query[end+1:]) == 1
	record, known := records[strings.ToLower(strings.TrimSuffix(name, "."))]
	var code byte
	var addrs []string
	switch {
	case record == dnsSilent:
		return nil
	case record == dnsBroken:
		code = 2
	case !known || record == dnsUnknown:
		code = 3
	case isA:
		addrs = strings.Split(record, ",")
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, byte(len(addrs)), 0, 0, 0, 0}, question...)
	for _, addr := range addrs {
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		answer = append(answer, netip.MustParseAddr(addr).AsSlice()...)
	}
	return answer
}

// dialed closes the resolver's connections at the end of a test: a lookup that
// nobody waits for any more would keep its own for seconds.
type dialed struct {
	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func (d *dialed) dial(ctx context.Context, addr string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.New("the test is over")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp4", addr)
	if err == nil {
		d.conns = append(d.conns, conn)
	}
	return conn, err
}

func (d *dialed) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, conn := range d.conns {
		_ = conn.Close()
	}
}
