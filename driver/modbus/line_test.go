package modbus_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
)

// TestGatewayExceptions answers as a gateway whose device does not answer it.
func TestGatewayExceptions(t *testing.T) {
	t.Parallel()
	for code, unreachable := range map[byte]bool{1: false, 2: false, 3: false, 4: false, 6: false, 10: true, 11: true, 99: false} {
		var connections atomic.Int32
		port := listen(t, func(conn net.Conn) {
			connections.Add(1)
			script(func(request, _ []byte) []byte { return refuse(request, code) }).answer(conn)
		})
		device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
		points := []driver.Point{point(t, device, driver.Int, holding("offset", 7)), point(t, device, driver.Int, holding("offset", 8))}
		for range 2 {
			readings, err := device.Read(t.Context(), points)
			if errors.Is(err, driver.ErrUnreachable) != unreachable || (err == nil) == unreachable {
				t.Errorf("exception %d: got %v, want unreachable %t", code, err, unreachable)
			}
			said := fmt.Sprintf("read holding registers 7-8: device unreachable: 127.0.0.1:%d: unit 1: gateway ", port)
			if unreachable && !contains(err, said) {
				t.Errorf("exception %d: got %v, want %q in it", code, err, said)
			}
			for i, r := range readings {
				if r.Err == nil || r.Value != nil || r.Time.IsZero() {
					t.Errorf("exception %d: point %d: got %+v, want an error and a time", code, i, r)
				}
			}
		}
		if n := connections.Load(); n != 1 {
			t.Errorf("exception %d: %d connections, want the first kept", code, n)
		}
	}
}

// TestSplitsAreRemembered counts the requests to a device of which one address
// in the middle does not exist.
func TestSplitsAreRemembered(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	port := listen(t, script(func(request, good []byte) []byte {
		requests.Add(1)
		first, last := int(request[9]), int(request[9])+int(request[11])-1
		if first <= 5 && last >= 5 {
			return refuse(request, 2)
		}
		return good
	}).answer)
	device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
	var points []driver.Point
	for i := range 10 {
		points = append(points, point(t, device, driver.Int, holding("offset", i)))
	}
	var counts []int32
	for range 3 {
		readings, err := device.Read(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range readings {
			if (r.Err != nil) != (i == 5) {
				t.Errorf("point %d: got %v, %v", i, r.Value, r.Err)
			}
		}
		counts = append(counts, requests.Swap(0))
	}
	if counts[0] > 9 || !slices.Equal(counts[1:], []int32{counts[1], counts[1]}) || counts[1] > 5 {
		t.Errorf("three reads took %v requests", counts)
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
