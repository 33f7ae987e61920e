package coap_test

import (
	"testing"

	"datastub/driver"
	"datastub/driver/coap"
)

// open opens a device until the test ends.
func open(t *testing.T, settings driver.Settings) driver.Device {
	t.Helper()
	device, err := coap.New(coap.Options{}).Open("station", settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	})
	return device
}

// point makes a point of a device.
func point(t *testing.T, device driver.Device, typ driver.Type, settings driver.Settings) driver.Point {
	t.Helper()
	p, err := device.Point(config("p", typ, settings))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// read reads one point, of which the device must tell something.
func read(t *testing.T, device driver.Device, p driver.Point) driver.Reading {
	t.Helper()
	readings, err := device.Read(t.Context(), []driver.Point{p})
	if err != nil {
		t.Fatal(err)
	}
	return readings[0]
}
