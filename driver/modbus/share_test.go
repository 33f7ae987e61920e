package modbus_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
)

// A gateway answers units by a function, which may wait; nil is no answer. It
// is at the other end of each connection that is made.
type gateway struct {
	answer      func(unit byte, good []byte) []byte
	connections int
}

func (g *gateway) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	g.connections++
	replies := make(chan []byte, 16) // a pipe holds nothing
	go func() {
		for reply := range replies {
			_, _ = there.Write(reply) // fails when the other end is closed
		}
	}()
	go func() {
		defer close(replies)
		defer there.Close()
		for {
			request := make([]byte, 260)
			n, err := there.Read(request)
			if err != nil {
				return
			}
			good := request[:n]
			if request[7] == 3 {
				good = goodReply(request[:n])
			}
			if reply := g.answer(request[6], good); reply != nil {
				replies <- reply
			}
		}
	}()
	return here, nil
}

func (g *gateway) driver() *modbus.Driver { return modbus.New(modbus.Options{Dial: g.dial}) }

// unit opens a unit behind the gateway, and a point of it.
func (g *gateway) unit(t *testing.T, d *modbus.Driver, id int) (driver.Device, driver.Point) {
	t.Helper()
	device, err := d.Open("plc", driver.Settings{"ip": "10.0.0.1", "slaveID": id, "timeout": "1s"})
	if err != nil {
		t.Fatal(err)
	}
	return device, point(t, device, driver.Int, holding("offset", 7))
}

func shut(t *testing.T, device driver.Device) {
	t.Helper()
	if err := device.Close(); err != nil {
		t.Error(err)
	}
}

// TestUnitsShare has two units behind one gateway: there is one connection, and
// it outlasts one of them, even in the middle of its read.
func TestUnitsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: func(_ byte, good []byte) []byte {
			time.Sleep(100 * time.Millisecond)
			return good
		}}
		d := g.driver()
		a, pa := g.unit(t, d, 1)
		b, pb := g.unit(t, d, 2)
		read(t, a, pa)
		read(t, b, pb)
		go func() { _, _ = a.Read(t.Context(), []driver.Point{pa}) }() // is ended
		time.Sleep(50 * time.Millisecond)
		shut(t, a)
		if r := read(t, b, pb); r.Value != int64(7) || g.connections != 1 {
			t.Errorf("got %v, %v after %d connections, want 7 on the first", r.Value, r.Err, g.connections)
		}
		shut(t, b)
		c, pc := g.unit(t, d, 3)
		if read(t, c, pc); g.connections != 2 {
			t.Errorf("%d connections, want another one after the last unit was closed", g.connections)
		}
		shut(t, c)
	})
}

// TestDeadUnits has 32 units behind one gateway, three of which never answer,
// each read every second for ten minutes.
func TestDeadUnits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const units, answerTime = 32, 20 * time.Millisecond
		dead := func(unit byte) bool { return unit%11 == 10 } // 10, 21 and 32
		g := &gateway{}
		g.answer = func(unit byte, good []byte) []byte {
			if dead(unit) {
				return nil
			}
			time.Sleep(answerTime)
			return good
		}
		d := g.driver()
		const cycles = 600
		good := make([]int, units+1)
		stop, cancel := context.WithTimeout(t.Context(), cycles*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for id := 1; id <= units; id++ {
			device, p := g.unit(t, d, id)
			all.Go(func() {
				defer shut(t, device)
				tick := time.NewTicker(time.Second) // drops what is late
				defer tick.Stop()
				for {
					select {
					case <-stop.Done():
						return
					case <-tick.C:
					}
					if _, err := device.Read(stop, []driver.Point{p}); err == nil {
						good[id]++
					}
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second) // the gateway notices
		for id := 1; id <= units; id++ {
			if dead(byte(id)) != (good[id] == 0) || !dead(byte(id)) && good[id] < cycles*95/100 {
				t.Errorf("unit %d: %d of %d cycles", id, good[id], cycles)
			}
		}
	})
}

// TestUnitComesBack has a unit that did not answer for an hour answer again.
func TestUnitComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		away.Store(true)
		g := &gateway{}
		g.answer = func(unit byte, good []byte) []byte {
			if away.Load() && unit == 2 {
				return nil
			}
			return good
		}
		d := g.driver()
		a, pa := g.unit(t, d, 1)
		b, pb := g.unit(t, d, 2)
		defer shut(t, a)
		defer shut(t, b)
		for range 3600 {
			read(t, a, pa)
			_, _ = b.Read(t.Context(), []driver.Point{pb}) // fails
			time.Sleep(time.Second)
		}
		away.Store(false)
		back := time.Now()
		for {
			read(t, a, pa)
			if _, err := b.Read(t.Context(), []driver.Point{pb}); err == nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(back); took > 31*time.Second {
			t.Errorf("the unit was read %v after it came back", took)
		}
	})
}
