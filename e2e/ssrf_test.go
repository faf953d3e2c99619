package e2e

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"gather/internal/hostile"
)

// TestSSRF asks for what is inside, in every spelling, directly and by redirects,
// while listeners on loopback wait for a connection. The operator has opened one port
// of one address, which is open, and opens nothing else.
func TestSSRF(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	u.on("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	})
	open := strings.TrimPrefix(u.URL, "http://")
	_, openPort, _ := net.SplitHostPort(open)
	s := startBare(t)
	start(t, "worker", nil, "--redis-url", s.redis.URL, "--allow-net", open)
	s.ready(t, 1)
	port, connections := listenInside(t)

	t.Run("what is inside is refused", func(t *testing.T) {
		targets := append(insideTargets(port), "http://127.0.0.2:"+openPort, "http://[::1]:"+openPort, "http://127.1:"+openPort)
		for _, target := range targets {
			targets = append(targets, u.URL+"/to?to="+url.QueryEscape(target))
		}
		agg := s.run(t, object{"urls": targets})
		for i := range agg.Results {
			if r := &agg.Results[i]; r.code() != "destination_ip_prohibited" || r.Attempts > 1 {
				t.Errorf("%s: %s %+v after %d attempts", r.URL, r.Status, r.Error, r.Attempts)
			}
		}
		t.Logf("%d URLs", len(targets))
	})
	t.Run("what is no host is not accepted", func(t *testing.T) {
		for host := range strings.FieldsSeq(hostile.NoHosts) {
			s.do(t, http.StatusUnprocessableEntity, http.MethodPost, aggregations, object{"urls": []string{"http://" + host + "/"}})
			r := s.run(t, object{"urls": []string{u.URL + "/to?to=" + url.QueryEscape("http://"+host+"/")}}).Results[0]
			if r.code() != "http_protocol_error" {
				t.Errorf("a redirect to %s: %s %+v", host, r.Status, r.Error)
			}
		}
	})
	t.Run("what is open is open", func(t *testing.T) {
		wantPaths(t, s.run(t, object{"urls": []string{u.URL + "/a", "http://[::ffff:127.0.0.1]:" + openPort + "/b"}}), "/a", "/b")
	})
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were made to what is inside", n)
	}
}

// insideTargets are URLs of what is inside, on a port that is listened on and on those
// of their schemes.
func insideTargets(port string) (targets []string) {
	for _, hosts := range hostile.Inside {
		for host := range strings.FieldsSeq(hosts) {
			targets = append(targets, "http://"+host+":"+port+"/", "https://"+host+"/")
		}
	}
	return targets
}

// listenInside listens on loopback addresses and counts the connections that come.
func listenInside(t *testing.T) (port string, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	count := func(net.Conn) { connections.Add(1) }
	_, port, _ = net.SplitHostPort(hostile.Serve(t, count))
	for _, ip := range []string{"127.1.2.3", "::1"} { // which not every machine has
		if listener, err := net.Listen("tcp", net.JoinHostPort(ip, port)); err == nil {
			hostile.ServeOn(t, listener, count)
		}
	}
	return port, connections
}
