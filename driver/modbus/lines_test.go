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
)

// TestOneAddressOneWay has two devices want one port in two ways.
func TestOneAddressOneWay(t *testing.T) {
	t.Parallel()
	settings := wire(t, 5*time.Second, func(port *os.File, request []byte) { _, _ = port.Write(registerFrame(request)) })
	d := modbus.New(modbus.Options{})
	first, err := d.Open("boiler", settings(1))
	if err != nil {
		t.Fatal(err)
	}
	slower := settings(2)
	slower["baudRate"], slower["parity"] = 9600, "none"
	second := open(t, d, slower)
	p := point(t, second, driver.Int, holding("offset", 7))
	_, err = second.Read(t.Context(), []driver.Point{p})
	if want := "device boiler uses it as 115200 8E1, not as 9600 8N1"; !errors.Is(err, driver.ErrUnreachable) || !contains(err, want) {
		t.Errorf("got %v, want ErrUnreachable and %q", err, want)
	}
	shut(t, first)
	if r := read(t, second, p); r.Value != int64(7) {
		t.Errorf("got %v, %v, want 7", r.Value, r.Err)
	}
}

// TestChangedDevice is opened anew while its line is left alone: it is tried.
func TestChangedDevice(t *testing.T) {
	t.Parallel()
	var dials int
	c := newClock()
	d := modbus.New(modbus.Options{Now: c.now, Rand: func() float64 { return 0.5 }, Dial: func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, errors.New("no route")
	}})
	settings := driver.Settings{"ip": "10.0.0.1"}
	other := open(t, d, settings)
	for want := range 2 {
		c.advance(time.Millisecond)
		device := open(t, d, settings)
		for range 3 {
			_, _ = device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 1))})
			_, _ = other.Read(t.Context(), []driver.Point{point(t, other, driver.Int, holding("offset", 1))})
		}
		if dials != want+1 {
			t.Errorf("%d dials of %d devices, want one each", dials, want+1)
		}
	}
}
