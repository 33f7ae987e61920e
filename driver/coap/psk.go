package coap

import (
	"bytes"
	"fmt"
	"os"

	"github.com/pion/dtls/v3"

	"datastub/driver"
)

// psk is a pre-shared key of DTLS, as settings give it.
type psk struct {
	identity string
	key      string
	file     string // that holds the key; empty: it is in key
}

// readPSK reads the keys of a device, which only one over DTLS has. A key is a
// secret: no error shows it.
func readPSK(r *driver.Reader, secure bool) psk {
	k := psk{
		identity: r.String("pskIdentity", ""),
		key:      r.String("pskKey", ""),
		file:     r.String("pskKeyFile", ""),
	}
	if !secure {
		return psk{}
	}
	if k.identity == "" {
		r.Refuse("pskIdentity", nil, "the identity that the device knows the key by")
	}
	switch {
	case k.key == "" && k.file == "":
		r.Refuse("pskKey", nil, "the key that the device shares, here or in a file that pskKeyFile names")
	case k.key != "" && k.file != "":
		r.Refuse("pskKeyFile", k.file, "given beside pskKey: want one of the two")
	}
	return k
}

// options are those of a handshake. A file is read for each, so that a key may
// be changed while the mapper runs.
func (k *psk) options() ([]dtls.ClientOption, error) {
	key := []byte(k.key)
	if k.file != "" {
		content, err := os.ReadFile(k.file)
		if err != nil {
			return nil, fmt.Errorf("read pskKeyFile: %w", err)
		}
		if key = bytes.TrimRight(content, "\r\n"); len(key) == 0 {
			return nil, fmt.Errorf("pskKeyFile %s is empty: want the key", k.file)
		}
	}
	return []dtls.ClientOption{
		dtls.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
		dtls.WithPSKIdentityHint([]byte(k.identity)),
		dtls.WithCipherSuites(
			dtls.TLS_PSK_WITH_AES_128_CCM_8, // RFC 7252 section 9.1.3.1: every device has it
			dtls.TLS_PSK_WITH_AES_128_CCM,
			dtls.TLS_PSK_WITH_AES_128_GCM_SHA256,
			dtls.TLS_PSK_WITH_AES_128_CBC_SHA256,
		),
	}, nil
}
