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

// resolve gives the client a DNS of the test's own: names to addresses, separated by
// commas, or one of the outcomes above. Others are unknown. Where there are several
// of these, separated by semicolons, each lookup gets the next one, and the last
// one stays.
func (c *Client) resolve(tb testing.TB, records map[string]string) *Client {
	tb.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(tb.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		asked := make(map[string]int)
		query := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			if answer := answerDNS(query[:n], records, asked); answer != nil {
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

// Types of DNS records.
const (
	typeA    = 1
	typeAAAA = 28
)

// answerDNS answers a query (RFC 1035, section 4); nil is no answer. asked counts the
// questions so far.
func answerDNS(query []byte, records map[string]string, asked map[string]int) []byte {
	name, end := "", 12
	for query[end] != 0 {
		label := int(query[end])
		name += string(query[end+1:end+1+label]) + "."
		end += 1 + label
	}
	question := query[12 : end+5]
	kind := binary.BigEndian.Uint16(query[end+1:])
	record, known := records[strings.ToLower(strings.TrimSuffix(name, "."))]
	successive := strings.Split(record, ";")
	record = successive[min(asked[string(question)], len(successive)-1)]
	asked[string(question)]++
	var code byte
	var addrs []netip.Addr
	switch {
	case record == dnsSilent:
		return nil
	case record == dnsBroken:
		code = 2
	case !known || record == dnsUnknown:
		code = 3
	default:
		addrs = ofType(kind, record)
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, byte(len(addrs)), 0, 0, 0, 0}, question...)
	for _, addr := range addrs {
		answer = append(answer, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(addr.BitLen()/8))
		answer = append(answer, addr.AsSlice()...)
	}
	return answer
}

// ofType are the addresses of a record that belong to a question for one type.
func ofType(kind uint16, record string) (addrs []netip.Addr) {
	for text := range strings.SplitSeq(record, ",") {
		addr := netip.MustParseAddr(text)
		if kind == typeA && addr.Is4() || kind == typeAAAA && addr.Is6() {
			addrs = append(addrs, addr)
		}
	}
	return addrs
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
