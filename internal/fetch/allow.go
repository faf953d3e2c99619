package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// allowList is what the operator opened although it is not public.
type allowList struct {
	prefixes []netip.Prefix          // every port
	addrs    map[netip.AddrPort]bool // one port of one address, whatever the URL calls it
	names    map[string]bool         // one port of one name in a URL, whatever it resolves to: "host:port"
}

// parseAllow reads the entries of --allow-net.
func parseAllow(entries []string) (*allowList, error) {
	a := &allowList{addrs: make(map[netip.AddrPort]bool), names: make(map[string]bool)}
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" { // an empty variable, or a comma at the end
			continue
		}
		if err := a.add(entry); err != nil {
			return nil, fmt.Errorf("--allow-net %q: %w", entry, err)
		}
	}
	return a, nil
}

func (a *allowList) add(entry string) error {
	if strings.Contains(entry, "/") {
		return a.addPrefix(entry)
	}
	if ip, err := netip.ParseAddr(entry); err == nil {
		return a.addIP(ip)
	}
	host, port, err := splitHostPort(entry)
	switch {
	case errors.Is(err, errPort):
		return err
	case err != nil:
		return errors.New("write a CIDR (10.0.0.0/8), an IP address (10.0.0.7), or host:port (localhost:8080, [::1]:8080)")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return errZone
		}
		a.addrs[netip.AddrPortFrom(ip.Unmap(), port)] = true
		return nil
	}
	return a.addName(host, port)
}

// errZone refuses fe80::1%eth0: addresses are compared without their zone, so
// such an entry would open more than it says.
var errZone = errors.New("an address can't have a zone here; leave out the % and what follows it")

func (a *allowList) addPrefix(entry string) error {
	p, err := netip.ParsePrefix(entry)
	if err != nil {
		return errors.New("is not a CIDR such as 10.0.0.0/8 or fd00::/8")
	}
	if p != p.Masked() {
		return fmt.Errorf("has bits set behind its length; write %s for the network, or the address alone", p.Masked())
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return errors.New("mixes IPv4 and IPv6; write the IPv4 networks by themselves")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	a.prefixes = append(a.prefixes, p)
	return nil
}

func (a *allowList) addIP(ip netip.Addr) error {
	if ip.Zone() != "" {
		return errZone
	}
	ip = ip.Unmap()
	a.prefixes = append(a.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
	return nil
}

func (a *allowList) addName(host string, port uint16) error {
	name := canonicalName(host)
	if name == "" || len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return errors.New("the host must be a name in ASCII (an international one in its xn-- form) or an IP address")
	}
	if isDisguised(host) {
		return errors.New("write an IP address in full, as four decimal numbers such as 10.0.0.7")
	}
	a.names[nameAndPort(name, port)] = true
	return nil
}

// allowsIP reports whether an address may be dialed by any name.
func (a *allowList) allowsIP(dst netip.AddrPort) bool {
	if a.addrs[dst] {
		return true
	}
	for _, p := range a.prefixes {
		if p.Contains(dst.Addr()) {
			return true
		}
	}
	return false
}

// allowsName reports whether the host:port of a URL may be dialed whatever
// address it has.
func (a *allowList) allowsName(hostPort string) bool {
	if len(a.names) == 0 {
		return false
	}
	host, port, err := splitHostPort(hostPort)
	return err == nil && a.names[nameAndPort(canonicalName(host), port)]
}

func nameAndPort(name string, port uint16) string {
	return name + ":" + strconv.Itoa(int(port))
}

// canonicalName is the one spelling of a host name: lower case, without the dot
// that makes it absolute.
func canonicalName(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
