package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/internal/redistest"
)

// TestCommand_TLS reaches a Redis, and a cluster, over TLS.
func TestCommand_TLS(t *testing.T) {
	t.Parallel()
	certificate, key := newCertificate(t)
	for scheme, config := range map[string]string{"rediss://": "cluster-enabled no", "rediss-cluster://": "cluster-enabled yes\ncluster-announce-ip 127.0.0.1\ntls-cluster yes"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			port := redistest.FreePort(t)
			server := redistest.LaunchTCP(t, config, "tls-port "+port, "tls-auth-clients no",
				"tls-cert-file "+certificate, "tls-key-file "+key, "tls-ca-cert-file "+certificate)
			if scheme == "rediss-cluster://" {
				takeAllSlots(t, server)
			}
			url := scheme + "localhost:" + port
			_, stderr, code := launch(t, patience, "worker", nil, "--redis-url", url)
			if code != 1 || !strings.Contains(stderr, "certificate") {
				t.Errorf("a certificate that nobody vouches for: code %d, %s", code, stderr)
			}
			trust := []string{"SSL_CERT_FILE=" + certificate}
			s := &system{}
			api := start(t, "api", trust, "--redis-url", url, "--listen", "127.0.0.1:0")
			s.client = newClient(t, api.address(t))
			start(t, "worker", trust, "--redis-url", url, "--allow-net", loopback)
			s.ready(t, 1)
			u := newUpstream(t)
			wantPaths(t, s.run(t, object{"urls": u.urls("/a", "/b")}), "/a", "/b")
		})
	}
}

// takeAllSlots makes the server a cluster of its own.
func takeAllSlots(t *testing.T, server *redistest.Server) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	if err := rdb.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is whole", func() bool {
		info, err := rdb.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
}

// newCertificate makes a certificate for this machine, which vouches for itself.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}
