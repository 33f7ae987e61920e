package modbus_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
)

// TestBackoff refuses connections and looks when the driver tries again.
func TestBackoff(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no route")
	var dials int
	c := newClock()
	device := open(t, modbus.New(modbus.Options{
		Now:  c.now,
		Rand: func() float64 { return 0.5 },
		Dial: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, refusal
		},
	}), driver.Settings{"ip": "192.0.2.1"})
	points := []driver.Point{point(t, device, driver.Int, holding("offset", 0))}
	fail := func() string {
		t.Helper()
		_, err := device.Read(t.Context(), points)
		if !errors.Is(err, driver.ErrUnreachable) || !errors.Is(err, refusal) || !contains(err, "192.0.2.1:502") {
			t.Fatalf("got %v, want ErrUnreachable, the address and the cause", err)
		}
		return err.Error()
	}

	fail()
	for i, wait := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000} {
		wait *= time.Millisecond // half of the most, as Rand says
		c.advance(wait - time.Millisecond)
		if text := fail(); dials != i+1 || !strings.Contains(text, "; next try at ") {
			t.Fatalf("%d dials just before %v were over: %s", dials, wait, text)
		}
		c.advance(time.Millisecond)
		if fail(); dials != i+2 {
			t.Fatalf("%d dials after %v, want %d", dials, wait, i+2)
		}
	}
}

// TestBackoffBeginsAnew fails often, then answers once: the next failure is a
// first one.
func TestBackoffBeginsAnew(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	port := listen(t, func(conn net.Conn) { // one answer a connection
		request := make([]byte, 260)
		if n, err := conn.Read(request); err == nil {
			_, _ = conn.Write(goodReply(request[:n]))
		}
	})
	var dialled net.Conn
	c := newClock()
	device := open(t, modbus.New(modbus.Options{
		Now:  c.now,
		Rand: func() float64 { return 0.5 },
		Dial: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			if away.Load() {
				return nil, errors.New("no route")
			}
			dialled, err = new(net.Dialer).DialContext(ctx, network, address)
			return dialled, err
		},
	}), peerSettings(port))
	p := point(t, device, driver.Int, holding("offset", 7))

	away.Store(true)
	for range 5 {
		if _, err := device.Read(t.Context(), []driver.Point{p}); err == nil {
			t.Fatal("a device without route was read")
		}
		c.advance(time.Minute)
	}
	away.Store(false)
	read(t, device, p)
	awaitReadable(t, dialled) // the peer's end of it
	away.Store(true)
	if _, err := device.Read(t.Context(), []driver.Point{p}); err == nil {
		t.Fatal("a device without route was read")
	}
	away.Store(false)
	c.advance(100 * time.Millisecond)
	read(t, device, p)
}

// TestBackoffSaysWhen looks at the whole error while waiting.
func TestBackoffSaysWhen(t *testing.T) {
	t.Parallel()
	c := newClock()
	device := open(t, modbus.New(modbus.Options{
		Now:  c.now,
		Rand: func() float64 { return 0.5 },
		Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") },
	}), driver.Settings{"ip": "::1", "port": 1502})
	p := point(t, device, driver.Int, holding("offset", 3))
	var err error
	for range 2 {
		err = device.Write(t.Context(), p, int64(1))
	}
	const want = "write holding register 3: device unreachable: [::1]:1502: no route; next try at 03:04:05.100"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestNoConnection tells a host that is away from a device that does not answer.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		device, err := modbus.New(modbus.Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}).Open("plc", driver.Settings{"ip": "10.0.0.1", "timeout": "2s"})
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, device)
		_, err = device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 3))})
		if err == nil || !contains(err, "10.0.0.1:502: no connection: no answer in 2s") {
			t.Errorf("got %v, want that there is no connection", err)
		}
	})
}
