package fetch

import (
	"net/http/httptrace"
	"testing"

	"gather"
)

func TestTrace_neverGoesBack(t *testing.T) {
	tr := newTrace(false, nil)
	hooks := httptrace.ContextClientTrace(tr.follow(t.Context()))
	for _, step := range []struct {
		call func()
		want phase
	}{
		{func() { hooks.ConnectStart("tcp", "") }, phaseConnect},
		{func() { hooks.DNSStart(httptrace.DNSStartInfo{}) }, phaseConnect},
		{func() { hooks.GotConn(httptrace.GotConnInfo{}) }, phaseSend},
		{func() { hooks.TLSHandshakeStart() }, phaseSend}, // of the dial that lost to a free connection
	} {
		if step.call(); tr.at() != step.want {
			t.Errorf("phase = %d, want %d", tr.at(), step.want)
		}
	}
}

// TestTrace_mayHaveReached: when the time runs out, the transport's writer may
// still be at it.
func TestTrace_mayHaveReached(t *testing.T) {
	tr := newTrace(true, nil)
	hooks := httptrace.ContextClientTrace(tr.follow(t.Context()))
	check := func(at string, ended, failed bool) {
		t.Helper()
		if tr.mayHaveReached(true) != ended || tr.mayHaveReached(false) != failed {
			t.Errorf("%s: may have reached the server when the time ran out: %v, when the connection failed: %v; want %v, %v",
				at, tr.mayHaveReached(true), tr.mayHaveReached(false), ended, failed)
		}
	}
	check("while connecting", false, false)
	hooks.GotConn(httptrace.GotConnInfo{})
	check("with a connection", true, false)
	hooks.WroteHeaders()
	check("with headers written", true, true)
}

// TestTrace_handshake: a server whose settings let no stream be open, and come in time,
// makes net/http try one connection after another without ever sending the request.
func TestTrace_handshake(t *testing.T) {
	stopped := false
	tr := newTrace(false, func() { stopped = true })
	hooks := httptrace.ContextClientTrace(tr.follow(t.Context()))
	for i := range mostHandshakes + 1 {
		if stopped {
			t.Errorf("stopped at the handshake %d of %d", i, mostHandshakes)
		}
		hooks.TLSHandshakeStart()
	}
	if !stopped {
		t.Errorf("not stopped after %d handshakes", mostHandshakes+1)
	}
	f := where{phase: tr.at(), host: "a.example:81"}.terminated()
	if f.code != gather.CodeConnectionTerminated || f.message != "a.example:81 takes no request over any connection" {
		t.Errorf("fault = %+v", f)
	}
}
