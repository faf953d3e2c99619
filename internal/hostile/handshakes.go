package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
	"time"
)

// handshakes fail before there is a request.
var handshakes = []Upstream{
	{"a certificate that has expired", certified(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }), fails("tls_certificate_error")},
	{"a certificate that is not valid yet", certified(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), fails("tls_certificate_error")},
	{"a certificate for another host", certified(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }), fails("tls_certificate_error")},
	{"a certificate for other uses", certified(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), fails("tls_certificate_error")},
	{"a certificate of its own making", func(tb testing.TB, _ *CA) string {
		return certified(Flawless)(tb, NewCA(tb))
	}, fails("tls_certificate_error")},
	{"TLS that is too old", secured(func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}), fails("tls_alert_received")},
	{"a refusal of the handshake", secured(func(c *tls.Config) { c.Certificates = nil }), fails("tls_alert_received")},
	{"HTTP where TLS belongs", plain(func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nX-Marker: "+Marker+"\r\n\r\n")
		Hang(conn)
	}), fails("tls_protocol_error")},
	{"records of TLS that mean nothing", plain(func(conn net.Conn) {
		flood(conn, append([]byte{22, 3, 3, 0x40, 0}, make([]byte, 0x4000)...), 0)
	}), fails("tls_protocol_error")},
	{"a close in the handshake", plain(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<10)) }), fails("connection_terminated")},
	{"silence in the handshake", plain(Hang), Outcome{Code: "connection_timeout", Lasts: true}},
}

// certified starts a TLS server whose certificate has a flaw.
func certified(flaw func(*x509.Certificate)) func(testing.TB, *CA) string {
	return func(tb testing.TB, ca *CA) string {
		cert := ca.Issue(tb, flaw)
		return secured(func(c *tls.Config) { c.Certificates = []tls.Certificate{cert} })(tb, ca)
	}
}

// secured starts a TLS server with a config of its own.
func secured(change func(*tls.Config)) func(testing.TB, *CA) string {
	return func(tb testing.TB, ca *CA) string {
		config := &tls.Config{Certificates: []tls.Certificate{ca.Issue(tb, Flawless)}}
		change(config)
		return plain(func(conn net.Conn) {
			_ = tls.Server(conn, config).Handshake()
			Hang(conn)
		})(tb, ca)
	}
}

// plain starts a server of raw connections at an https address.
func plain(handle func(net.Conn)) func(testing.TB, *CA) string {
	return func(tb testing.TB, _ *CA) string { return "https://" + Serve(tb, handle) }
}
