package modbus_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/cable"
	"datastub/hack/poll"
)

// sign appends the CRC of RTU, as the specification's appendix B has it.
func sign(frame []byte) []byte {
	crc := uint16(0xFFFF)
	for _, b := range frame {
		crc ^= uint16(b)
		for range 8 {
			carry := crc & 1
			crc >>= 1
			if carry == 1 {
				crc ^= 0xA001
			}
		}
	}
	return binary.LittleEndian.AppendUint16(frame, crc)
}

// registerFrame answers a read of one holding register, which has its address as its
// value.
func registerFrame(request []byte) []byte {
	return sign([]byte{request[0], request[1], 2, request[2], request[3]})
}

// wire answers requests of 8 bytes at a pseudoterminal, each by a function, until
// the test ends, and returns the settings of a unit there.
func wire(t *testing.T, timeout time.Duration, answer func(port *os.File, request []byte)) func(unit int) driver.Settings {
	t.Helper()
	there, here, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		request := make([]byte, 8)
		for at := 0; ; {
			n, err := there.Read(request[at:])
			if err != nil {
				return
			}
			if at += n; at == len(request) {
				answer(there, request)
				at = 0
			}
		}
	}()
	t.Cleanup(func() {
		_ = there.Close()
		_ = here.Close()
		<-ended
	})
	return func(unit int) driver.Settings {
		return driver.Settings{"serialPort": here.Name(), "slaveID": unit, "timeout": timeout.String(), "baudRate": 115200}
	}
}

// TestDamaged has answers come damaged or with noise around: retries mend that.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(good []byte) []byte{
		"bit":             func(b []byte) []byte { b[4] ^= 4; return b },
		"CRC":             func(b []byte) []byte { b[6]++; return b },
		"bytes before":    func(b []byte) []byte { return append([]byte{0x55, 99}, b...) },
		"noise around":    func(b []byte) []byte { return append(append([]byte{0, 0xFF}, b...), 0xFF) },
		"one behind":      func(b []byte) []byte { return append(sign([]byte{9, 3, 2, 0, 9}), b...) },
		"late one before": func(b []byte) []byte { return append(sign([]byte{9, 0x83, 2}), b...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			settings := wire(t, 5*time.Second, func(port *os.File, request []byte) {
				reply := registerFrame(request)
				if asked.Add(1) == 2 {
					reply = damage(reply)
				}
				_, _ = port.Write(reply)
			})
			device := open(t, modbus.New(modbus.Options{}), settings(1))
			for offset := range 3 {
				if r := read(t, device, point(t, device, driver.Int, holding("offset", offset))); r.Value != int64(offset) {
					t.Errorf("got %v, %v, want %d", r.Value, r.Err, offset)
				}
			}
		})
	}
}

// TestLateOnALine has a unit answer when nobody waits for it any more, and be
// asked for something of the same length all the time: by the same device, and by
// one that was opened anew.
func TestLateOnALine(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	settings := wire(t, 200*time.Millisecond, func(port *os.File, request []byte) {
		reply := registerFrame(request)
		if request[0] == 1 && asked.Add(1) == 2 {
			<-time.After(300 * time.Millisecond) // one answer after another
		}
		_, _ = port.Write(reply)
	})
	d := modbus.New(modbus.Options{})
	first, err := d.Open("plc", settings(1))
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, d, settings(2))
	read(t, first, point(t, first, driver.Int, holding("offset", 1)))
	if _, err := first.Read(t.Context(), []driver.Point{point(t, first, driver.Int, holding("offset", 2))}); err == nil || !contains(err, "no answer in") {
		t.Errorf("got %v, want no answer", err)
	}
	shut(t, first)
	again := open(t, d, settings(1))
	p, beside := point(t, again, driver.Int, holding("offset", 3)), point(t, other, driver.Int, holding("offset", 4))
	poll.Within(t, 20*time.Second, "unit 1 answers again", func() bool {
		readings, err := again.Read(t.Context(), []driver.Point{p})
		if err == nil && readings[0].Value != int64(3) {
			t.Errorf("unit 1: got %v, %v", readings[0].Value, readings[0].Err)
		}
		if readings, err := other.Read(t.Context(), []driver.Point{beside}); err == nil && readings[0].Value != int64(4) {
			t.Errorf("unit 2: got %v, %v", readings[0].Value, readings[0].Err)
		}
		return err == nil
	})
}

// TestPortComesBack pulls the cable and plugs it in again.
func TestPortComesBack(t *testing.T) {
	t.Parallel()
	c := cable.Lay(t)
	s := startServer(t, "--serial", c.There)
	device := open(t, modbus.New(modbus.Options{}), lineSettings(c, 1))
	points := []driver.Point{point(t, device, driver.Int, holding("offset", 1))}
	read(t, device, points[0])
	c.Pull()
	poll.Within(t, 20*time.Second, "the port is missed", func() bool {
		_, err := device.Read(t.Context(), points)
		return err != nil && contains(err, "see /dev/serial/by-id")
	})
	s.stop(t)
	c.Plug(t)
	s.start(t)
	poll.Within(t, 60*time.Second, "the port is used again", func() bool {
		_, err := device.Read(t.Context(), points)
		return err == nil
	})
}

// TestPortErrors says why a port cannot be opened.
func TestPortErrors(t *testing.T) {
	t.Parallel()
	settings := wire(t, time.Second, func(port *os.File, request []byte) { _, _ = port.Write(registerFrame(request)) })
	user := open(t, modbus.New(modbus.Options{}), settings(1))
	read(t, user, point(t, user, driver.Int, holding("offset", 1)))
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, settings := range map[string]driver.Settings{
		"no such file or directory: the adapter is not plugged in": {"serialName": "/dev/no-such-port"},
		"no serial port": {"serialName": file},
		"another program has the serial port open": settings(1),
	} {
		device := open(t, modbus.New(modbus.Options{}), settings)
		_, err := device.Read(t.Context(), []driver.Point{point(t, device, driver.Int, holding("offset", 1))})
		if !errors.Is(err, driver.ErrUnreachable) || !contains(err, want) {
			t.Errorf("got %v, want ErrUnreachable and %q", err, want)
		}
	}
}

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

// TestPauses looks when requests come: pause and connectPause are between.
func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		g := &gateway{answer: func(_ byte, good []byte) []byte {
			at = append(at, time.Since(began))
			return good
		}}
		device, err := g.driver().Open("plc", driver.Settings{"ip": "10.0.0.1", "pause": "200ms", "connectPause": "3s"})
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, device)
		p := point(t, device, driver.Int, holding("offset", 7))
		for range 3 {
			read(t, device, p)
		}
		if len(at) != 3 || at[0] != 3*time.Second || at[1] != 3200*time.Millisecond || at[2] != 3400*time.Millisecond {
			t.Errorf("requests at %v", at)
		}
	})
}

// TestBusy has a device say that it is busy: it is left alone, and reachable.
func TestBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := &gateway{}
		g.answer = func(_ byte, good []byte) []byte {
			if asked++; asked > 1 {
				return good
			}
			return append(append([]byte{}, good[:4]...), 0, 3, good[6], good[7]|0x80, 6)
		}
		device, p := g.unit(t, modbus.New(modbus.Options{Dial: g.dial, Rand: func() float64 { return 0.5 }}), 1)
		defer shut(t, device)
		for range 3 {
			if r := read(t, device, p); r.Err == nil || !contains(r.Err, "server device busy (exception 6): to be asked again later") {
				t.Errorf("got %v, %v", r.Value, r.Err)
			}
		}
		time.Sleep(time.Second)
		if r := read(t, device, p); r.Value != int64(7) || asked != 2 {
			t.Errorf("got %v, %v after %d requests, want 7 after 2", r.Value, r.Err, asked)
		}
	})
}
