package modbus_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"datastub/driver"
	"datastub/driver/modbus"
)

// TestIdleConnection has the peer close, or talk on, a connection between two
// reads: the second read has a new one and no error.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		after func(net.Conn) error
	}{
		{"closed", func(conn net.Conn) error { return conn.(*net.TCPConn).CloseWrite() }},
		{"stray bytes", func(conn net.Conn) error { _, err := conn.Write(make([]byte, 13)); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			answered := make(chan struct{})
			port := listen(t, func(conn net.Conn) {
				if connections.Add(1) == 1 {
					conn = talker{conn, answered, tt.after}
				}
				script(func(_, good []byte) []byte { return good }).answer(conn)
			})
			var dialled net.Conn
			dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
				dialled, err = new(net.Dialer).DialContext(ctx, network, address)
				return dialled, err
			}
			device := open(t, modbus.New(modbus.Options{Dial: dial}), peerSettings(port))
			p := point(t, device, driver.Int, holding("offset", 7))
			read(t, device, p)
			close(answered)
			awaitReadable(t, dialled)
			if r := read(t, device, p); r.Value != int64(7) {
				t.Errorf("got %v, %v, want 7", r.Value, r.Err)
			}
			if n := connections.Load(); n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
		})
	}
}

// TestTakenDevice connects to a device that serves another client, and no more.
func TestTakenDevice(t *testing.T) {
	t.Parallel()
	port := listen(t, func(net.Conn) {}) // hangs up
	device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
	_, err := device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 7))})
	if err == nil || !contains(err, "closed by the device before any answer, as where it serves another client") {
		t.Errorf("got %v, want a hint at another client", err)
	}
}

// talker does something after each Write, once what was written is answered.
type talker struct {
	net.Conn
	answered <-chan struct{}
	after    func(net.Conn) error
}

func (c talker) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		return n, err
	}
	<-c.answered
	return n, c.after(c.Conn)
}
