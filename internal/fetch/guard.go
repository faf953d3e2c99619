package fetch

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// dialTimeout bounds what a connection may take however long the attempt's
// timeout is; a server that is there answers within it.
const dialTimeout = 30 * time.Second

// azureWireServer is a public address that inside Azure belongs to the host and
// hands out secrets, like 169.254.169.254 elsewhere.
var azureWireServer = netip.MustParsePrefix("168.63.129.16/32")

// guard dials, and refuses addresses that are not public. It looks at the address
// that is about to be connected to, after the name was looked up, so a name whose
// address changes between check and use (DNS rebinding) finds no gap.
type guard struct {
	allow   *allowList
	public  *ssrf.Guardian
	guarded net.Dialer
	open    net.Dialer // for the names that the operator opened, whatever their address
}

func newGuard(allow *allowList) *guard {
	g := &guard{
		allow:  allow,
		public: ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(azureWireServer)),
	}
	g.guarded = net.Dialer{Timeout: dialTimeout, ControlContext: g.check}
	g.open = net.Dialer{Timeout: dialTimeout}
	return g
}

// dialDeadline is the key of the attempt's deadline in the context of a dial.
type dialDeadline struct{}

// withDialDeadline hands ctx's deadline to the dials made for it. The Transport
// detaches a dial from its request, for a later one may use the connection; yet
// with short timeouts and a host that doesn't answer, such dials would pile up.
func withDialDeadline(ctx context.Context) context.Context {
	deadline, _ := ctx.Deadline()
	return context.WithValue(ctx, dialDeadline{}, deadline)
}

// dial connects to the host:port of a URL.
func (g *guard) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	if deadline, ok := ctx.Value(dialDeadline{}).(time.Time); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	dialed, err := g.connect(ctx, network, hostPort)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: dialed, peer: g.peerOf(dialed)}, nil
}

func (g *guard) connect(ctx context.Context, network, hostPort string) (net.Conn, error) {
	if g.allow.allowsName(hostPort) {
		return g.open.DialContext(ctx, network, hostPort)
	}
	host, port, err := splitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	if isDisguised(host) {
		return nil, &prohibitedError{fmt.Sprintf(
			"%s is an IP address in a spelling that not all programs read alike; write four decimal numbers, such as 192.0.2.1", host)}
	}
	if isLocalhost(host) {
		hostPort = nameAndPort("localhost", port)
	}
	return g.guarded.DialContext(g.withVerdict(ctx, port), network, hostPort)
}

// verdict is the key of what is to be said of all addresses of a name, a *error, in
// the context of a dial.
type verdict struct{}

// withVerdict has the addresses of a name judged together, before one is connected to.
func (g *guard) withVerdict(ctx context.Context, port uint16) context.Context {
	var err error
	ctx = context.WithValue(ctx, verdict{}, &err)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) { err = g.judge(info.Addrs, port) },
	})
}

// judge refuses a name that has public addresses beside ones that are not: such names
// are made to pass a check with the one and to be connected to by the other. Those that
// the operator opened are neither, and a name without public ones is judged address by
// address.
func (g *guard) judge(addrs []net.IPAddr, port uint16) error {
	var public bool
	var prohibited error
	for _, addr := range addrs {
		ip, _ := netip.AddrFromSlice(addr.IP)
		switch dst := netip.AddrPortFrom(ip.Unmap(), port); {
		case g.allow.allowsIP(dst):
		case g.isPublic(dst.Addr()):
			public = true
		default:
			prohibited = prohibit(dst)
		}
	}
	if !public {
		return nil
	}
	return prohibited
}

// check is called with every single address before it is connected to.
func (g *guard) check(ctx context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%s is not TCP", network)
	}
	if err, ok := ctx.Value(verdict{}).(*error); ok && *err != nil {
		return *err
	}
	dst, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("check the address to dial: %w", err)
	}
	// ::ffff:127.0.0.1 is 127.0.0.1 for the kernel, and a zone is no part of
	// what an entry of --allow-net names.
	ip := dst.Addr().Unmap().WithZone("")
	if g.allow.allowsIP(netip.AddrPortFrom(ip, dst.Port())) || g.isPublic(ip) {
		return nil
	}
	return prohibit(netip.AddrPortFrom(ip, dst.Port()))
}

func (g *guard) isPublic(ip netip.Addr) bool {
	return g.public.SafeAddr(ip) == nil && !isISATAP(ip)
}
