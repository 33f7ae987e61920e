package modbus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// tlsConfig is what TLS needs: paths of files in PEM. They are read at each
// connection, so that what was renewed is taken.
type tlsConfig struct {
	ca         string // authorities of the device's certificate; "" are the system's
	cert, key  string // the mapper's certificate; "" is none
	serverName string // that the device's certificate must be of
}

// String names the files.
func (c tlsConfig) String() string {
	return fmt.Sprintf("TLS (tlsCA %q, tlsCert %q, tlsKey %q, tlsServerName %q)", c.ca, c.cert, c.key, c.serverName)
}

// secure begins TLS on a connection.
func (c tlsConfig) secure(ctx context.Context, socket net.Conn, now func() time.Time) (*secured, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, // MODBUS/TCP Security V36, R-01
		ServerName: c.serverName,
		Time:       now,
	}
	if err := errors.Join(c.readCA(config), c.readCert(config, now())); err != nil {
		return nil, err
	}
	conn := tls.Client(socket, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, c.explain(err)
	}
	return &secured{Conn: conn}, nil
}

func (c tlsConfig) readCA(into *tls.Config) error {
	if c.ca == "" {
		return nil
	}
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return fmt.Errorf("tlsCA: %w", err)
	}
	into.RootCAs = x509.NewCertPool()
	if !into.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("tlsCA: %s holds no certificate in PEM", c.ca)
	}
	return nil
}

func (c tlsConfig) readCert(into *tls.Config, now time.Time) error {
	if c.cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("tlsCert %s, tlsKey %s: %w", c.cert, c.key, err)
	}
	if end := pair.Leaf.NotAfter; now.After(end) {
		return fmt.Errorf("tlsCert: %s expired at %s", c.cert, end.Format(time.RFC3339))
	}
	into.Certificates = []tls.Certificate{pair}
	return nil
}

// explain says which setting is about what is wrong with a handshake.
func (c tlsConfig) explain(err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		authorities := "the system's authorities"
		if c.ca != "" {
			authorities = "those of tlsCA " + c.ca
		}
		return fmt.Errorf("the device's certificate is of none of %s: %w", authorities, err)
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("the device's certificate is not of %s (tlsServerName): %w", c.serverName, err)
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return fmt.Errorf("the device's certificate: %w", err)
	}
	return explainEnd(err)
}

// errCertificate says why a device ends TLS before it has said anything.
var errCertificate = errors.New("the device refuses the mapper's certificate, or wants one (tlsCert, tlsKey)")

// explainEnd says what a device means that ends TLS before it has said anything.
func explainEnd(err error) error {
	alert, ok := errors.AsType[*net.OpError](err)
	ended := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if ended || ok && alert.Op == "remote error" {
		return fmt.Errorf("%w: %w", errCertificate, err)
	}
	return err
}

// secured is a connection with TLS. With TLS 1.3, a device looks at the mapper's
// certificate after the mapper's part of the handshake is over.
type secured struct {
	*tls.Conn
	heard bool // anything of the device
}

// Read says what an end means that comes first.
func (s *secured) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.heard = s.heard || n > 0
	if !s.heard {
		err = explainEnd(err)
	}
	return n, err
}

// Write says what an end means that comes before anything.
func (s *secured) Write(b []byte) (int, error) {
	n, err := s.Conn.Write(b)
	if !s.heard {
		err = explainEnd(err)
	}
	return n, err
}
