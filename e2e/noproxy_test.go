package e2e

import (
	"strings"
	"testing"
)

// TestNoProxy sets every variable that makes programs use a proxy. The proxy would
// connect to whatever it is asked for, behind the guard's back.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	proxy, u := newUpstream(t), newUpstream(t)
	var env []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		env = append(env, name+"="+proxy.URL, strings.ToLower(name)+"="+proxy.URL)
	}
	env = append(env, "NO_PROXY=", "no_proxy=", "REQUEST_METHOD=")
	embedded, separate := &system{}, startBare(t)
	api := start(t, "api", env, "--listen", "127.0.0.1:0", "--allow-net", loopback)
	embedded.client = newClient(t, api.address(t))
	start(t, "worker", env, "--redis-url", separate.redis.URL, "--allow-net", loopback)
	for name, s := range map[string]*system{"embedded": embedded, "separate": separate} {
		s.ready(t, 1)
		// net/http asks no proxy for loopback addresses: these are others.
		agg := s.run(t, object{"urls": []string{"http://10.255.0.7/", "https://10.255.0.7/", "http://169.254.169.254/", u.URL + "/direct"}})
		for i := range agg.Results[:3] {
			if r := &agg.Results[i]; r.code() != "destination_ip_prohibited" {
				t.Errorf("%s: %s is %s: %+v", name, r.URL, r.Status, r.Error)
			}
		}
		if r := &agg.Results[3]; r.Status != "succeeded" {
			t.Errorf("%s: %s is %s: %+v", name, r.URL, r.Status, r.Error)
		}
	}
	if n := proxy.count(""); n > 0 {
		t.Errorf("the proxy was asked %d times: %+v", n, proxy.requests(""))
	}
	if n := u.count("/direct"); n != 2 {
		t.Errorf("the upstream was asked %d times, want 2", n)
	}
}
