package fetch

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseAllow(t *testing.T) {
	cases := []struct {
		entry   string
		opens   string // space-separated: ip:port as dialed, or name:port as in a URL
		refuses string
	}{
		{"10.0.0.0/8", "10.0.0.7:80 10.255.255.255:1", "11.0.0.1:80 [::1]:80 a.example:80"},
		{"0.0.0.0/0", "127.0.0.1:80 169.254.169.254:80", "[::1]:80"},
		{"::/0", "[::1]:80 [fd00::1]:80", "127.0.0.1:80"},
		{"fd00::/8", "[fd12::1]:80", "[fe80::1]:80"},
		{"::ffff:10.0.0.0/104", "10.0.0.7:80", "11.0.0.1:80"},
		{"10.0.0.7", "10.0.0.7:80 10.0.0.7:65535", "10.0.0.8:80"},
		{"::1", "[::1]:80", "127.0.0.1:80 [::2]:80"},
		{"::ffff:10.0.0.7", "10.0.0.7:80", "10.0.0.8:80"},
		{"10.0.0.7:8080", "10.0.0.7:8080", "10.0.0.7:80 10.0.0.8:8080"},
		{"[::1]:8080", "[::1]:8080", "[::1]:80 127.0.0.1:8080"},
		{"localhost:8080", "localhost:8080 LOCALHOST:8080 localhost.:8080", "localhost:80 127.0.0.1:8080 x.localhost:8080"},
		{"API.Example.:443", "api.example:443 api.example.:443", "example:443 api.example:80 api.example..:443"},
		{"my_service:80", "my_service:80", "my-service:80"},
		{" 10.0.0.7 ", "10.0.0.7:80", "10.0.0.8:80"},
		{"", "", "127.0.0.1:80 localhost:80"},
	}
	for _, c := range cases {
		t.Run(c.entry, func(t *testing.T) {
			a, err := parseAllow([]string{c.entry})
			if err != nil {
				t.Fatal(err)
			}
			for _, dst := range strings.Fields(c.opens) {
				if !opens(a, dst) {
					t.Errorf("%s is not open", dst)
				}
			}
			for _, dst := range strings.Fields(c.refuses) {
				if opens(a, dst) {
					t.Errorf("%s is open", dst)
				}
			}
		})
	}
}

func opens(a *allowList, dst string) bool {
	if addr, err := netip.ParseAddrPort(dst); err == nil && a.allowsIP(addr) {
		return true
	}
	return a.allowsName(dst)
}

func TestParseAllow_refuses(t *testing.T) {
	for entry, message := range map[string]string{
		"10.0.0/8":             "is not a CIDR",
		"10.0.0.0/33":          "is not a CIDR",
		"10.0.0.7/8":           "write 10.0.0.0/8",
		"::ffff:0.0.0.0/90":    "behind its length",
		"::/90/1":              "is not a CIDR",
		"::ffff:0:0/95":        "behind its length",
		"fe80::1%eth0":         "zone",
		"[fe80::1%eth0]:80":    "zone",
		"localhost":            "write a CIDR",
		"[::1]":                "write a CIDR",
		"http://localhost:80":  "is not a CIDR",
		"localhost:http":       "port",
		"localhost:0":          "port",
		"localhost:65536":      "port",
		"localhost:-1":         "port",
		":80":                  "name in ASCII",
		".:80":                 "name in ASCII",
		"*:80":                 "name in ASCII",
		"münchen.example:80":   "xn--",
		"a b:80":               "name in ASCII",
		"user@host:80":         "name in ASCII",
		"10.0.0.7:80,10.0.0.8": "port",
		"127.1:80":             "in full",
		"0x7f000001:80":        "in full",
		"10.0.0.256:80":        "in full",
		"010.0.0.7:80":         "in full",
		"10.0.0.7.:80":         "in full",
	} {
		_, err := parseAllow([]string{"127.0.0.1", entry})
		if err == nil || !strings.Contains(err.Error(), "--allow-net \""+entry+"\": ") || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: error = %v, want one with %q", entry, err, message)
		}
	}
}

// FuzzParseAllow checks that an entry is refused by its name or opens no more
// than one thing, and never everything unless it says so.
func FuzzParseAllow(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "10.0.0.7", "::1", "[::1]:80", "localhost:80", "fe80::1%a", "a.b.:1", "::ffff:1.2.3.4/100", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		a, err := parseAllow([]string{entry})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "--allow-net ") {
				t.Fatalf("error %q does not name the flag", err)
			}
			return
		}
		if n := len(a.prefixes) + len(a.addrs) + len(a.names); n > 1 || n == 0 && strings.TrimSpace(entry) != "" {
			t.Fatalf("%q opens %d things", entry, n)
		}
		for _, p := range a.prefixes {
			if !p.IsValid() || p.Addr().Is4In6() {
				t.Fatalf("%q opens %v, which no dialed address is compared with", entry, p)
			}
			if !strings.Contains(entry, "/") && !p.IsSingleIP() {
				t.Fatalf("%q opens the network %v", entry, p)
			}
		}
		for name := range a.names {
			if !a.allowsName(name) {
				t.Fatalf("%q opens the name %q, which is never found", entry, name)
			}
		}
	})
}
