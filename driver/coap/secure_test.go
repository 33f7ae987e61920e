package coap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datastub/driver"
	"datastub/driver/coap"
)

// secureSettings are those of a device over DTLS.
func (s *server) secureSettings(key, value string) driver.Settings {
	return driver.Settings{"address": "coaps://" + address(s.port+1), "pskIdentity": "edge-1", key: value}
}

func TestDTLS(t *testing.T) {
	t.Parallel()
	s := startSecure(t, resource{"/temperature", "text/plain", "23.5"})
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, settings := range map[string]driver.Settings{
		"key":  s.secureSettings("pskKey", secret),
		"file": s.secureSettings("pskKeyFile", file),
	} {
		t.Run(name, func(t *testing.T) {
			device := open(t, settings)
			p := point(t, device, driver.Double, driver.Settings{"path": "/temperature"})
			if r := read(t, device, p); r.Value != 23.5 {
				t.Errorf("got %v, %v", r.Value, r.Err)
			}
			if err := device.Write(t.Context(), p, 24.5); err != nil {
				t.Error(err)
			}
			if got := s.get(t, "/temperature"); got != "24.5" {
				t.Errorf("coap-client reads %q over UDP", got)
			}
			if err := device.Write(t.Context(), p, 23.5); err != nil {
				t.Error(err)
			}
		})
	}
}

// A wrong key is told, and neither key ever is.
func TestDTLSWrongKey(t *testing.T) {
	t.Parallel()
	s := startSecure(t)
	settings := s.secureSettings("pskKey", "guessed")
	settings["timeout"] = "200ms"
	device := open(t, settings)
	_, err := device.Read(t.Context(), []driver.Point{point(t, device, driver.String, driver.Settings{"path": "/time"})})
	if !errors.Is(err, driver.ErrUnreachable) || !strings.Contains(err.Error(), "DTLS handshake") || strings.Contains(err.Error(), "guessed") {
		t.Errorf("got %v", err)
	}
	_, err = coap.New(coap.Options{}).Open("d", driver.Settings{"address": "coaps://h", "pskKey": "guessed", "pskKeyFile": "/f"})
	if err == nil || strings.Contains(err.Error(), "guessed") {
		t.Errorf("got %v", err)
	}
}

// A server that has lost its sessions gets a new one.
func TestDTLSServerRestarts(t *testing.T) {
	t.Parallel()
	s := startSecure(t, resource{"/temperature", "text/plain", "23.5"})
	settings := s.secureSettings("pskKey", secret)
	settings["timeout"] = "200ms"
	device := open(t, settings)
	p := point(t, device, driver.Double, driver.Settings{"path": "/temperature"})
	if r := read(t, device, p); r.Value != 23.5 {
		t.Fatalf("got %v, %v", r.Value, r.Err)
	}
	s.stop(t)
	s.start(t)
	eventually(t, "the device is read again", func() bool {
		readings, err := device.Read(t.Context(), []driver.Point{p})
		return err == nil && readings[0].Value == 23.5
	})
}
