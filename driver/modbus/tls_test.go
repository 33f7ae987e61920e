package modbus_test

import (
	"errors"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/authority"
)

// tlsSettings are those of a unit of a server with certificates of an authority.
func tlsSettings(s *server, a *authority.Authority, unit int) driver.Settings {
	return driver.Settings{
		"communicateMode": "TLS", "ip": "127.0.0.1", "port": s.port, "slaveID": unit, "timeout": "1m",
		"tlsCA": a.Path("ca.pem"), "tlsCert": a.Path("client.pem"), "tlsKey": a.Path("client.key"),
	}
}

// TestTLS reads and writes units of pymodbus that ask for a certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	a := authority.New(t)
	s := startServer(t, "--tls", a.Folder)
	d := modbus.New(modbus.Options{})
	testUnits(t, open(t, d, tlsSettings(s, a, 1)), open(t, d, tlsSettings(s, a, 2)))
}

// TestTLSErrors says what is wrong with files and certificates.
func TestTLSErrors(t *testing.T) {
	t.Parallel()
	a, other := authority.New(t), authority.New(t)
	a.Certify(t, "old", time.Now().Add(-time.Hour))
	s := startServer(t, "--tls", a.Folder)
	for _, tt := range []struct {
		name     string
		settings driver.Settings // other than tlsSettings'
		want     []string
	}{
		{"no file", driver.Settings{"tlsCA": "/no/such.pem"}, []string{"tlsCA: open /no/such.pem: no such file"}},
		{"no certificate", driver.Settings{"tlsCA": a.Path("ca.key")}, []string{"tlsCA: ", "holds no certificate in PEM"}},
		{"another's key", driver.Settings{"tlsKey": a.Path("ca.key")}, []string{"tlsKey " + a.Path("ca.key"), "does not match"}},
		{"expired", driver.Settings{"tlsCert": a.Path("old.pem"), "tlsKey": a.Path("old.key")}, []string{"tlsCert: " + a.Path("old.pem"), "expired at"}},
		{"unknown authority", driver.Settings{"tlsCA": other.Path("ca.pem")}, []string{"none of those of tlsCA " + other.Path("ca.pem")}},
		{"another name", driver.Settings{"tlsServerName": "plc.example"}, []string{"is not of plc.example (tlsServerName)"}},
		{"no client certificate", driver.Settings{"tlsCert": nil, "tlsKey": nil}, []string{"the device refuses the mapper's certificate, or wants one"}},
		{"client of another authority", driver.Settings{"tlsCert": other.Path("client.pem"), "tlsKey": other.Path("client.key")},
			[]string{"the device refuses the mapper's certificate, or wants one"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			settings := tlsSettings(s, a, 1)
			for key, value := range tt.settings {
				settings[key] = value
			}
			device := open(t, modbus.New(modbus.Options{}), settings)
			_, err := device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 1))})
			if !errors.Is(err, driver.ErrUnreachable) || !contains(err, tt.want...) || contains(err, "another client") {
				t.Errorf("got %v, want ErrUnreachable and %q, nothing of other clients", err, tt.want)
			}
		})
	}
}

// TestTLSRenewed has a certificate expire, and be renewed in the same file.
func TestTLSRenewed(t *testing.T) {
	t.Parallel()
	a := authority.New(t)
	a.Certify(t, "client", time.Now().Add(-time.Hour))
	s := startServer(t, "--tls", a.Folder)
	settings := tlsSettings(s, a, 1)
	c := newClock()
	c.start = time.Now()
	device := open(t, modbus.New(modbus.Options{Now: c.now}), settings)
	p := point(t, device, driver.Int, holding("offset", 1))
	if _, err := device.Read(t.Context(), []driver.Point{p}); err == nil || !contains(err, "expired at") {
		t.Errorf("got %v, want that the certificate expired", err)
	}
	a.Certify(t, "client", time.Now().Add(time.Hour))
	c.advance(time.Minute)
	if r := read(t, device, p); r.Value != int64(-2) {
		t.Errorf("got %v, %v, want -2", r.Value, r.Err)
	}
}
