package fetch

import (
	"context"
	"fmt"
	"net"
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
	g.guarded = net.Dialer{Timeout: dialTimeout, Control: g.check}
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
	if g.allow.allowsName(hostPort) {
		return g.open.DialContext(ctx, network, hostPort)
	}
	return g.guarded.DialContext(ctx, network, hostPort)
}

// check is called with every single address before it is connected to.
func (g *guard) check(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%s is not TCP", network)
	}
	dst, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("check the address to dial: %w", err)
	}
	// ::ffff:127.0.0.1 is 127.0.0.1 for the kernel, and a zone is no part of
	// what an entry of --allow-net names.
	ip := dst.Addr().Unmap().WithZone("")
	if g.allow.allowsIP(netip.AddrPortFrom(ip, dst.Port())) {
		return nil
	}
	if g.public.SafeAddr(ip) != nil {
		return &prohibitedError{ip}
	}
	return nil
}

// prohibitedError refuses an address that is not public.
type prohibitedError struct{ ip netip.Addr }

func (e *prohibitedError) Error() string {
	return fmt.Sprintf("%s is %s; a worker reaches it only with --allow-net %s",
		e.ip, kindOf(e.ip), netip.PrefixFrom(e.ip, e.ip.BitLen()))
}

// kindOf says why an address is not public, in words.
func kindOf(ip netip.Addr) string {
	switch {
	case ip.IsLoopback():
		return "a loopback address"
	case ip.IsPrivate():
		return "a private address"
	case ip.IsLinkLocalUnicast():
		return "a link-local address"
	case ip.IsMulticast():
		return "a multicast address"
	case ip.IsUnspecified():
		return "the unspecified address"
	}
	return "not a public address"
}
