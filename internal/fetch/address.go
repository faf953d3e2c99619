package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// prohibitedError refuses an address that is not public, or may not be.
type prohibitedError struct{ why string }

func (e *prohibitedError) Error() string { return e.why }

// prohibit says what an address is, and what would open it and nothing else.
func prohibit(dst netip.AddrPort) *prohibitedError {
	return &prohibitedError{fmt.Sprintf("%s is %s; a worker reaches it only with --allow-net %s", dst.Addr(), kindOf(dst.Addr()), dst)}
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

// isISATAP reports whether an IPv6 address stands for an IPv4 address inside some
// site (RFC 5214, section 6.1). Its network may be a public one.
func isISATAP(ip netip.Addr) bool {
	b := ip.As16()
	return ip.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// isDisguised reports whether a host is an IPv4 address in one of the spellings of
// inet_aton, such as 127.1, 0x7f000001 and 017700000001, or looks like one
// (https://url.spec.whatwg.org/#ends-in-a-number-checker). Go takes them for names,
// a C library for addresses, and DNS has no top-level domain like that.
func isDisguised(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	last := canonicalName(host)
	last = last[strings.LastIndexByte(last, '.')+1:]
	digits, hex := strings.CutPrefix(last, "0x")
	if hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// isLocalhost reports whether a name is this machine, whatever DNS would say of it
// (RFC 6761, section 6.3).
func isLocalhost(host string) bool {
	name := canonicalName(host)
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

var errPort = errors.New("the port must be 1 to 65535")

// splitHostPort splits a host:port whose port is a number.
func splitHostPort(hostPort string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, errPort
	}
	return host, uint16(n), nil
}
