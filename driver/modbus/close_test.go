package modbus_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/authority"
)

// TestCloseEndsRead closes devices in all that a read waits for, on each transport.
func TestCloseEndsRead(t *testing.T) {
	t.Parallel()
	a := authority.New(t)
	for _, tt := range []struct {
		name   string
		mode   string
		secure *authority.Authority
	}{
		{"TCP", "TCP", nil},
		{"RTU over TCP", "RTUOverTCP", nil},
		{"TLS", "TLS", a},
		{"TLS handshake", "TLS", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port, asked := silent(t, tt.secure)
			settings := driver.Settings{"communicateMode": tt.mode, "ip": "127.0.0.1", "port": port, "timeout": "1m", "tlsCA": a.Path("ca.pem")}
			checkClose(t, modbus.Options{}, settings, asked)
		})
	}
	t.Run("RTU", func(t *testing.T) {
		t.Parallel()
		asked := make(chan struct{}, 1)
		settings := wire(t, time.Minute, func(*os.File, []byte) { asked <- struct{}{} })(1)
		checkClose(t, modbus.Options{}, settings, asked)
	})
	t.Run("connecting", func(t *testing.T) {
		t.Parallel()
		asked := make(chan struct{}, 1)
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		checkClose(t, modbus.Options{Dial: dial}, driver.Settings{"ip": "10.0.0.1", "timeout": "1m"}, asked)
	})
}

// checkClose closes a device when its peer has been asked, and waits for the read.
func checkClose(t *testing.T, options modbus.Options, settings driver.Settings, asked <-chan struct{}) {
	t.Helper()
	device, err := modbus.New(options).Open("plc", settings)
	if err != nil {
		t.Fatal(err)
	}
	points := []driver.Point{point(t, device, driver.Int, holding("offset", 1))}
	ended := make(chan error, 1)
	go func() {
		_, err := device.Read(t.Context(), points)
		ended <- err
	}()
	<-asked
	began := time.Now()
	shut(t, device)
	if err := <-ended; !errors.Is(err, driver.ErrUnreachable) || !contains(err, "it was closed") {
		t.Errorf("got %v, want that it was closed", err)
	}
	const limit = 5 * time.Second // the mapper's, for all of its devices
	if took := time.Since(began); took > limit {
		t.Errorf("Close took %v of a read that has a minute", took)
	}
}

// TestCloseEndsConnection waits for the end at the peer.
func TestCloseEndsConnection(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	port := listen(t, func(conn net.Conn) {
		script(func(_, good []byte) []byte { return good }).answer(conn)
		close(ended)
	})
	device, err := modbus.New(modbus.Options{}).Open("plc", peerSettings(port))
	if err != nil {
		t.Fatal(err)
	}
	read(t, device, point(t, device, driver.Int, holding("offset", 7)))
	if err := device.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open 10s after Close")
	}
}
