package webhook

import (
	"crypto/x509"
	"fmt"
	"os"
)

// Roots returns those who may vouch for receivers: whom the system trusts, and
// whose certificates are in a PEM file; "" is none.
func Roots(file string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("load the system's certificates: %w", err)
	}
	if file == "" {
		return roots, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load certificates: %s has none: want PEM, which begins with -----BEGIN CERTIFICATE-----", file)
	}
	return roots, nil
}
