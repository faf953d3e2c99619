package fetch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"gather"
	"gather/internal/hostile"
)

var tlsFailures = map[string]failing{
	"a certificate of an unknown authority": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), serveTLS(t, true, echo).URL
	}, code: gather.CodeTLSCertificateError, message: "authority that the worker does not know", notSent: true, permanent: true},
	"a certificate for another name": {arrange: certified(func(c *x509.Certificate) { c.IPAddresses = nil }),
		code: gather.CodeTLSCertificateError, message: "made out to another name", notSent: true, permanent: true},
	"a certificate that has expired": {arrange: certified(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }),
		code: gather.CodeTLSCertificateError, message: "has expired", notSent: true, permanent: true},
	"a certificate for other uses": {arrange: certified(func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	}), code: gather.CodeTLSCertificateError, message: "is not valid", notSent: true, permanent: true},
	"a server that refuses the handshake": {arrange: tlsServing(func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }
	}), code: gather.CodeTLSAlertReceived, message: `the alert "internal error"`, notSent: true},
	"a server that wants a certificate, before the request": {arrange: tlsServing(func(c *tls.Config) {
		c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	}), code: gather.CodeTLSAlertReceived, message: "the alert", notSent: true},
	"a server with TLS that is too old": {arrange: tlsServing(func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	}), code: gather.CodeTLSAlertReceived, message: "protocol version not supported", notSent: true},
	"a server that does not speak TLS": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "https://" + hostile.Serve(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			hostile.Hang(conn)
		})
	}, code: gather.CodeTLSProtocolError, message: "does not speak TLS", notSent: true},
	"a server that sends something else": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "https://" + hostile.Serve(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "220 mail.example ESMTP s3cret\r\n")
			hostile.Hang(conn)
		})
	}, code: gather.CodeTLSProtocolError, message: "does not speak TLS", notSent: true},
	"a server that closes in the handshake": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "https://" + hostile.Serve(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1<<10))
		})
	}, code: gather.CodeConnectionTerminated, message: "before it was ready", notSent: true},
	"a server that is silent in the handshake": {arrange: func(t *testing.T) (*Client, string) {
		return localClient(t), "https://" + hostile.Serve(t, hostile.Hang)
	}, code: gather.CodeConnectionTimeout, message: "no TLS connection to", timeout: true, notSent: true},
}

// TestClient_Fetch_certificateWanted is apart: under TLS 1.3 a server complains
// only when the client may send already, so the request may be out or not.
func TestClient_Fetch_certificateWanted(t *testing.T) {
	c, url := tlsServing(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })(t)
	resp := c.Fetch(t.Context(), get(url))
	wantError(t, resp, gather.CodeTLSAlertReceived, `the alert "certificate required"`)
	if resp.Permanent {
		t.Errorf("response = %+v, want it to be tried again", resp)
	}
}

// certified arranges a TLS server whose certificate has a flaw. The client trusts
// its issuer, which is the certificate itself.
func certified(flaw func(*x509.Certificate)) func(*testing.T) (*Client, string) {
	return func(t *testing.T) (*Client, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"other.example"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		flaw(template)
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return tlsServing(func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
		})(t)
	}
}
