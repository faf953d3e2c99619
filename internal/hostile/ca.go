package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA issues the certificates of upstreams that speak TLS. Clients have to trust it.
type CA struct {
	// Certificate is its own.
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewCA makes an authority up.
func NewCA(tb testing.TB) *CA {
	tb.Helper()
	template := lasting()
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	ca := &CA{key: newKey(tb)}
	ca.Certificate = sign(tb, template, template, &ca.key.PublicKey, ca.key)
	return ca
}

// File is where the authority's certificate is, as SSL_CERT_FILE wants it.
func (ca *CA) File(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Issue makes a certificate for 127.0.0.1, which flaw may spoil.
func (ca *CA) Issue(tb testing.TB, flaw func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	template, key := lasting(), newKey(tb)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	flaw(template)
	cert := sign(tb, template, ca.Certificate, &key.PublicKey, ca.key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// Flawless spoils nothing.
func Flawless(*x509.Certificate) {}

// lasting is a template that is valid for the length of any test.
func lasting() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(2 * time.Hour),
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func sign(tb testing.TB, template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) *x509.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}
