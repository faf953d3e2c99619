package fetch

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"gather"
	"gather/internal/hostile"
)

// insideByName are names for what is inside (see names), by the reason.
var insideByName = map[string]string{
	"metadata by name":  "metadata.google.internal METADATA.google.internal. metadata instance-data six.metadata.example",
	"by name":           "loopback.example LOOPBACK.example. private.example linklocal.example zero.example many.example",
	"by name over IPv6": "six.example ula.example mapped.example nat64.example sixtofour.example isatap.example",
	"beside a public":   "mixed.example mixed-last.example mixed-six.example mixed-nat64.example",
}

// names are what the DNS of these tests knows.
var names = map[string]string{
	"localhost": "127.0.0.1,::1", "metadata.google.internal": "169.254.169.254", "metadata": "169.254.169.254",
	"instance-data": "169.254.169.254", "six.metadata.example": "fd00:ec2::254",
	"loopback.example": "127.0.0.1", "private.example": "10.0.0.7", "linklocal.example": "169.254.0.1", "zero.example": "0.0.0.0",
	"many.example": "10.0.0.7,127.0.0.1,192.168.1.1,fd00::1", "six.example": "::1", "ula.example": "fd00::1",
	"mapped.example": "::ffff:127.0.0.1", "nat64.example": "64:ff9b::7f00:1", "sixtofour.example": "2002:7f00:1::",
	"isatap.example": "2606:4700::5efe:7f00:1", "public.example": "8.8.8.8,2606:4700::1111",
	"mixed.example": "8.8.8.8,127.0.0.1", "mixed-last.example": "10.0.0.7,8.8.8.8", "mixed-six.example": "8.8.8.8,::1",
	"mixed-nat64.example": "2606:4700::1111,64:ff9b::a00:7", "changing.example": "8.8.8.8;127.0.0.1", "redirector.example": "127.0.0.1",
	"not-private.example": "10.0.0.7", "private.example.loopback.example": "10.0.0.7",
}

// TestClient_Fetch_refusesWhatIsInside tries each host as it is, and as the place that
// a redirect leads to.
func TestClient_Fetch_refusesWhatIsInside(t *testing.T) {
	redirector, port := serveRedirector(t)
	c := newClient(t, Options{AllowNet: []string{"redirector.example:" + port}}).resolve(t, names)
	w := c.watch("127.0.0.1:" + port)
	hosts := maps.Clone(insideByName)
	maps.Copy(hosts, hostile.Inside)
	for reason, hosts := range hosts {
		t.Run(reason, func(t *testing.T) {
			for host := range strings.FieldsSeq(hosts) {
				for _, target := range []string{
					"http://" + host, "https://" + host, "http://" + host + ":" + port, redirector("http://" + host + ":" + port),
				} {
					for _, method := range ways {
						resp := c.Fetch(t.Context(), by(method, plain(target)))
						if resp.Error == nil || resp.Error.Code != gather.CodeDestinationIPProhibited || !resp.Permanent {
							t.Errorf("%s %s: %+v %+v, want it refused for good", method, target, resp, resp.Error)
						}
					}
				}
			}
		})
	}
	if dialed := w.addresses(); len(dialed) > 0 {
		t.Errorf("about to be connected to: %q", dialed)
	}
}

func TestClient_Fetch_refusesWhatIsNoHost(t *testing.T) {
	redirector, port := serveRedirector(t)
	c := newClient(t, Options{AllowNet: []string{"redirector.example:" + port}}).resolve(t, names)
	w := c.watch("127.0.0.1:" + port)
	for host := range strings.FieldsSeq(hostile.NoHosts) {
		target := "http://" + host + "/"
		if f := (&gather.Spec{URLs: []string{target}}).Validate(1); len(f) == 0 {
			t.Errorf("%s: the API accepts it", target)
		}
		wantError(t, c.Fetch(t.Context(), plain(target)), gather.CodeHTTPRequestError, "URL")
		wantError(t, c.Fetch(t.Context(), plain(redirector(target))), gather.CodeHTTPProtocolError, "redirected to")
	}
	if dialed := w.addresses(); len(dialed) > 0 {
		t.Errorf("about to be connected to: %q", dialed)
	}
}

// TestClient_Fetch_dialsWhatItChecked has a name whose address changes after its first
// lookup, as in DNS rebinding.
func TestClient_Fetch_dialsWhatItChecked(t *testing.T) {
	addr := hostile.Serve(t, func(net.Conn) { t.Error("a connection was made") })
	_, port, _ := net.SplitHostPort(addr)
	for _, method := range ways {
		c := newClient(t, Options{}).resolve(t, names)
		w := c.watch()
		r := by(method, plain("http://changing.example:"+port))
		wantError(t, c.Fetch(t.Context(), r), gather.CodeConnectionRefused, "")
		for range 3 {
			wantError(t, c.Fetch(t.Context(), r), gather.CodeDestinationIPProhibited, "127.0.0.1")
		}
		if dialed := w.addresses(); !slices.Equal(dialed, []string{"8.8.8.8:" + port}) {
			t.Errorf("%s: about to be connected to: %q", method, dialed)
		}
	}
}

func TestClient_Fetch_reachesWhatIsPublic(t *testing.T) {
	c := newClient(t, Options{}).resolve(t, names)
	w := c.watch()
	for _, host := range []string{"8.8.8.8", "[2606:4700::1111]", "[::ffff:8.8.4.4]", "public.example", "PUBLIC.example.", "８.8.8.8"} {
		wantError(t, c.Fetch(t.Context(), plain("http://"+host)), gather.CodeConnectionRefused, "") // by the test itself
	}
	dialed := w.addresses()
	for _, want := range []string{"8.8.8.8:80", "8.8.4.4:80", "[2606:4700::1111]:80"} {
		if !slices.Contains(dialed, want) {
			t.Errorf("%s was not to be connected to, only %q", want, dialed)
		}
	}
}

// TestClient_Fetch_opensNothingElse has one entry of --allow-net at a time, and what it
// may be mistaken for.
func TestClient_Fetch_opensNothingElse(t *testing.T) {
	for allow, hosts := range map[string]struct{ opens, refuses string }{
		"127.0.0.0/30": {"127.0.0.0:80 127.0.0.3:80 127.0.0.1:443 [::ffff:127.0.0.1]:80 loopback.example:80 localhost:80 １２７.0.0.1:80",
			"127.0.0.4:80 126.255.255.255@127.0.0.4:80 [::1]:80 [::127.0.0.1]:80 [64:ff9b::7f00:1]:80 [2002:7f00:1::]:80 [::ffff:0:127.0.0.1]:80 " +
				"127.1:80 2130706433:80 0x7f.0.0.1:80 0177.0.0.1:80 127.0.0.1.:80 six.example:80 mixed-last.example:80"},
		"127.0.0.1": {"127.0.0.1:1 127.0.0.1:65535 mapped.example:80", "127.0.0.2:80 127.0.0.0:80 0.0.0.0:80 0:80 127.1:80 [::1]:80 nat64.example:80"},
		"10.0.0.7:8080": {"10.0.0.7:8080 [::ffff:a00:7]:8080 private.example:8080",
			"10.0.0.7:80 10.0.0.7:8081 10.0.0.7:18080 10.0.0.6:8080 10.7:8080 private.example:80 [::10.0.0.7]:8080"},
		"[fd00::1]:8080": {"[fd00::1]:8080 [fd00:0::0:1]:8080 [fd00::1%25lo]:8080 ula.example:8080", "[fd00::1]:80 [fd00::2]:8080 [fd01::1]:8080"},
		"private.example:8080": {"private.example:8080 PRIVATE.example.:8080 ｐrivate.example:8080",
			"private.example:80 10.0.0.7:8080 not-private.example:8080 private.example.loopback.example:8080 loopback.example:8080"},
		"2606:4700::5efe:a00:7": {"[2606:4700::5efe:a00:7]:80", "[2606:4700::5efe:7f00:1]:80 10.0.0.7:80"},
		"127.0.0.1,8.8.8.8":     {"mixed.example:80", "mixed-six.example:80 mixed-last.example:80"},
	} {
		t.Run(allow, func(t *testing.T) {
			c := newClient(t, Options{AllowNet: strings.Split(allow, ",")}).resolve(t, names)
			c.watch()
			for _, method := range ways {
				for host := range strings.FieldsSeq(hosts.opens) {
					wantError(t, c.Fetch(t.Context(), by(method, plain("http://"+host))), gather.CodeConnectionRefused, "") // by the test itself
				}
				for host := range strings.FieldsSeq(hosts.refuses) {
					wantError(t, c.Fetch(t.Context(), by(method, plain("http://"+host))), gather.CodeDestinationIPProhibited, "")
				}
			}
		})
	}
}
