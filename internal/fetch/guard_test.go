package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"gather"
)

// TestGuard_check pins what is public, address by address.
func TestGuard_check(t *testing.T) {
	g := newGuard(&allowList{})
	for _, addr := range []string{
		"1.1.1.1:443", "8.8.8.8:22", "93.184.216.34:80", "[::ffff:8.8.8.8]:80", "[2606:4700:4700::1111]:443",
	} {
		if err := g.check(t.Context(), network(addr), addr, nil); err != nil {
			t.Errorf("%s: %v, want it open", addr, err)
		}
	}
	for addr, kind := range map[string]string{
		"0.0.0.0:80":                 "the unspecified address",
		"0.1.2.3:80":                 "not a public address",
		"10.0.0.7:80":                "a private address",
		"100.64.0.1:80":              "not a public address", // carrier-grade NAT
		"100.100.100.200:80":         "not a public address", // metadata at Alibaba
		"127.0.0.1:80":               "a loopback address",
		"127.255.255.254:80":         "a loopback address",
		"168.63.129.16:80":           "not a public address", // the host at Azure
		"169.254.169.254:80":         "a link-local address", // metadata nearly everywhere
		"172.16.0.1:80":              "a private address",
		"172.31.255.255:80":          "a private address",
		"192.0.0.192:80":             "not a public address", // metadata at Oracle
		"192.0.2.1:80":               "not a public address",
		"192.168.1.1:80":             "a private address",
		"198.18.0.1:80":              "not a public address",
		"224.0.0.1:80":               "a multicast address",
		"255.255.255.255:80":         "not a public address",
		"[::]:80":                    "the unspecified address",
		"[::1]:80":                   "a loopback address",
		"[::127.0.0.1]:80":           "not a public address", // IPv4-compatible
		"[::ffff:127.0.0.1]:80":      "127.0.0.1 is a loopback address",
		"[::ffff:10.0.0.7]:80":       "10.0.0.7 is a private address",
		"[64:ff9b::a00:7]:80":        "not a public address", // NAT64
		"[64:ff9b:1::a00:7]:80":      "not a public address", // local-use NAT64
		"[2001::1]:80":               "not a public address", // Teredo
		"[2001:db8::1]:80":           "not a public address",
		"[2002:a00:7::1]:80":         "not a public address", // 6to4
		"[fc00::1]:80":               "a private address",
		"[fd00:ec2::254]:80":         "a private address", // metadata at Amazon
		"[fe80::1%eth0]:80":          "fe80::1 is a link-local address",
		"[fec0::1]:80":               "not a public address",
		"[ff02::1]:80":               "a multicast address",
		"[::ffff:169.254.169.254]:1": "a link-local address",
	} {
		var prohibited *prohibitedError
		err := g.check(t.Context(), network(addr), addr, nil)
		if !errors.As(err, &prohibited) || !strings.Contains(err.Error(), kind) {
			t.Errorf("%s: %v, want it refused as %q", addr, err, kind)
		}
	}
	for _, network := range []string{"udp4", "unix", "tcp"} {
		if g.check(t.Context(), network, "1.1.1.1:443", nil) == nil {
			t.Errorf("%s is open, want TCP only", network)
		}
	}
}

func network(addr string) string {
	if strings.HasPrefix(addr, "[") {
		return "tcp6"
	}
	return "tcp4"
}

func TestClient_Fetch_saysWhatOpensAnAddress(t *testing.T) {
	c := newClient(t, Options{})
	wantError(t, c.Fetch(t.Context(), get("http://10.0.0.7")), gather.CodeDestinationIPProhibited,
		"10.0.0.7 is a private address; a worker reaches it only with --allow-net 10.0.0.7:80")
	wantError(t, c.Fetch(t.Context(), get("http://[::1]")), gather.CodeDestinationIPProhibited,
		"::1 is a loopback address; a worker reaches it only with --allow-net [::1]:80")
}

func TestClient_Fetch_opensWhatAllowNetNames(t *testing.T) {
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	a, b := serve(t, ok), serve(t, ok)
	portA, portB := portOf(t, a.URL), portOf(t, b.URL)
	names := map[string]string{"one.example": "127.0.0.1", "two.example": "127.0.0.1"}
	all := []string{
		"127.0.0.1:" + portA, "127.0.0.1:" + portB, "localhost:" + portA, "one.example:" + portA,
		"One.Example.:" + portA, "one.example:" + portB, "two.example:" + portA, "[::ffff:127.0.0.1]:" + portA, "0.0.0.0:" + portA,
	}
	cases := map[string]struct{ allow, opens string }{
		"nothing":           {"", ""},
		"a network":         {"127.0.0.0/8", "0 1 2 3 4 5 6 7"},
		"another network":   {"10.0.0.0/8", ""},
		"an address":        {"127.0.0.1", "0 1 2 3 4 5 6 7"},
		"a mapped address":  {"::ffff:127.0.0.1", "0 1 2 3 4 5 6 7"},
		"an address's port": {"127.0.0.1:" + portA, "0 2 3 4 6 7"},
		"a name's port":     {"one.example:" + portA, "3 4"},
		"the name's dot":    {"ONE.example.:" + portA, "3 4"},
		"localhost":         {"localhost:" + portA, "2"},
		"another port":      {"one.example:1", ""},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{AllowNet: strings.Split(want.allow, ",")}).resolve(t, names)
			for i, host := range all {
				for _, method := range ways {
					resp := c.Fetch(t.Context(), by(method, get("http://"+host)))
					if strings.Contains(" "+want.opens+" ", " "+string(rune('0'+i))+" ") {
						wantOK(t, resp, "ok")
					} else {
						wantError(t, resp, gather.CodeDestinationIPProhibited, "--allow-net")
					}
				}
			}
		})
	}
}

func TestClient_Fetch_opensIPv6(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	srv := unstarted(t, echo)
	_ = srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	for _, allow := range []string{"::1", "::1/128", l.Addr().String()} {
		c := newClient(t, Options{AllowNet: []string{allow}})
		if resp := c.Fetch(t.Context(), get(srv.URL)); resp.Error != nil {
			t.Errorf("with %s: %+v", allow, resp.Error)
		}
	}
}

func portOf(tb testing.TB, rawURL string) string {
	tb.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		tb.Fatal(err)
	}
	return u.Port()
}

// TestClient_Fetch_endsItsDials: dials that outlive their attempts would pile up
// at a host that doesn't answer.
func TestClient_Fetch_endsItsDials(t *testing.T) {
	left := make(chan time.Duration, 1)
	c, url := control(func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		return syscall.EINVAL
	})(t)
	for _, method := range ways {
		r := by(method, get(url))
		r.Timeout = gather.After(dialTimeout / 2)
		c.Fetch(t.Context(), r)
		if got := <-left; got > dialTimeout/2 {
			t.Errorf("%s: the dial may go on for %v, with %v for the attempt", method, got, dialTimeout/2)
		}
	}
}
