package modbus_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"

	"datastub/driver"
	"datastub/driver/modbus"
)

// registerFrame answers a read of one holding register, which has its address as its
// value.
func registerFrame(request []byte) []byte {
	return frameRTU(request[0], []byte{request[1], 2, request[2], request[3]}, nil)
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
		"one behind":      func(b []byte) []byte { return append(frameRTU(9, []byte{3, 2, 0, 9}, nil), b...) },
		"late one before": func(b []byte) []byte { return append(frameRTU(9, []byte{0x83, 2}, nil), b...) },
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
