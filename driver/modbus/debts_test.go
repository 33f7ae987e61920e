package modbus_test

import (
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
	"datastub/hack/poll"
)

// slow takes some time for each answer.
var slow = late(100 * time.Millisecond)

// TestNoiseIsNoAnswer has noise come, as long as an answer, before the answer: the
// read that is sent again has two.
func TestNoiseIsNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{t: t, framing: serial}
		o.play = func(x exchange) []step {
			if x.count == 0 {
				return append([]step{{bytes: slices.Repeat([]byte{0x55}, 20)}}, slow(x)...)
			}
			return slow(x)
		}
		d := modbus.New(modbus.Options{Rand: func() float64 { return 0 }}.WithPort(o.connect))
		u := o.unitWith(t, d, 1, driver.Settings{"retries": 1})
		for range 5 {
			_ = u.try(t.Context(), t, operations[2])
			_ = u.try(t.Context(), t, operations[2].beside())
		}
		u.shut(t)
		time.Sleep(time.Minute)
	})
}

// TestReopenedLine opens the only device of a line anew while its answer is on its
// way, and asks for something else of the same length.
func TestReopenedLine(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 16) // more than are asked
	settings := wire(t, 500*time.Millisecond, func(port *os.File, request []byte) {
		reply := registerFrame(request)
		asked <- struct{}{}
		<-time.After(100 * time.Millisecond)
		_, _ = port.Write(reply)
	})
	d := modbus.New(modbus.Options{})
	device, err := d.Open("plc", settings(1))
	if err != nil {
		t.Fatal(err)
	}
	points := []driver.Point{point(t, device, driver.Int, holding("offset", 1))}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = device.Read(t.Context(), points)
	}()
	<-asked
	shut(t, device)
	<-ended
	device = open(t, d, settings(1))
	p := point(t, device, driver.Int, holding("offset", 2))
	readings, err := device.Read(t.Context(), []driver.Point{p})
	if err == nil && readings[0].Value != int64(2) {
		t.Errorf("got %v, %v, want 2", readings[0].Value, readings[0].Err)
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
