// Package authority makes certificates, for tests of what speaks TLS.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates, and keeps them in a folder.
type Authority struct {
	Folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

// New makes ca.pem, and of it server.pem for 127.0.0.1 and client.pem, with
// their keys: server.key and client.key.
func New(t *testing.T) *Authority {
	t.Helper()
	a := &Authority{Folder: t.TempDir()}
	a.cert, a.key = a.sign(t, "ca", time.Now().Add(time.Hour))
	a.Certify(t, "server", time.Now().Add(time.Hour))
	a.Certify(t, "client", time.Now().Add(time.Hour))
	return a
}

// Path returns where a file is.
func (a *Authority) Path(file string) string { return filepath.Join(a.Folder, file) }

// Certify writes a certificate that ends at some time, and its key, in place of
// those of that name.
func (a *Authority) Certify(t *testing.T, name string, end time.Time) {
	t.Helper()
	a.sign(t, name, end)
}

// Server is how a server of the authority shakes hands.
func (a *Authority) Server(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Path("server.pem"), a.Path("server.key"))
	if err != nil {
		t.Error(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// sign writes a certificate and its key; the first is the authority's own.
func (a *Authority) sign(t *testing.T, name string, end time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-2 * time.Hour),
		NotAfter:              end,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  a.cert == nil,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, name+".pem", "CERTIFICATE", der)
	a.write(t, name+".key", "PRIVATE KEY", secret)
	return c, key
}

func (a *Authority) write(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.Path(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
