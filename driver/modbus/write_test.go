package modbus_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
)

// TestDialects writes to servers that lack some functions, and has mbpoll tell
// what they then hold.
func TestDialects(t *testing.T) {
	t.Parallel()
	for _, lacks := range [][]string{nil, {"22"}, {"6", "5"}, {"16", "15"}, {"22", "6"}, {"22", "16"}} {
		t.Run(fmt.Sprint("without ", lacks), func(t *testing.T) {
			t.Parallel()
			s := startServer(t, append([]string{"--lacks"}, lacks...)...)
			device := open(t, modbus.New(modbus.Options{}), s.settings())
			for _, c := range []struct {
				typ      driver.Type
				settings driver.Settings
				value    any
				table    string // mbpoll's -t
				at       int
				want     string
			}{
				{driver.Int, holding("offset", 40), int64(7), "4", 40, "7"},
				{driver.Int, holding("offset", 42, "limit", 2), int64(-123456), "4:int", 42, "-123456"},
				{driver.Int, holding("offset", 44), int64(0x5A5A), "4:hex", 44, "0x5A5A"},
				{driver.Boolean, holding("offset", 44, "bit", 0), true, "4:hex", 44, "0x5A5B"},
				{driver.Boolean, holding("offset", 44, "bit", 14), false, "4:hex", 44, "0x1A5B"},
				{driver.Int, holding("offset", 44, "bit", 15, "isSwap", true), int64(1), "4:hex", 44, "0x1ADB"},
				{driver.Boolean, driver.Settings{"register": "CoilRegister", "offset": 20}, true, "0", 20, "1"},
				{driver.Int, driver.Settings{"register": "CoilRegister", "offset": 21, "limit": 10}, int64(0x201), "0", 30, "1"},
			} {
				c.settings["verify"] = "true"
				for range 2 { // also as it was learned
					p := point(t, device, c.typ, c.settings)
					if err := device.Write(t.Context(), p, c.value); err != nil {
						t.Fatal(err)
					}
				}
				if got := s.mbpoll(t, "-t", c.table, "-r", strconv.Itoa(c.at), "127.0.0.1")[c.at]; got != c.want {
					t.Errorf("%v of %v: mbpoll reads %q, want %q", c.value, c.settings, got, c.want)
				}
			}
		})
	}
}

// TestDialectIsLearned counts which functions a device is asked for, and has it
// change.
func TestDialectIsLearned(t *testing.T) {
	t.Parallel()
	var known, asked []byte // between requests: a write returns when all are answered
	port := listen(t, script(func(request, good []byte) []byte {
		asked = append(asked, request[7])
		switch {
		case !slices.Contains(known, request[7]):
			return refuse(request, 1)
		case good != nil:
			return good
		case request[7] >= 15 && request[7] <= 16:
			binary.BigEndian.PutUint16(request[4:], 6)
			return request[:12]
		}
		return request
	}).answer)
	device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
	one, two := point(t, device, driver.Int, holding("offset", 7)), point(t, device, driver.Int, holding("offset", 7, "limit", 2))
	bit := point(t, device, driver.Boolean, holding("offset", 7, "bit", 3))
	for _, step := range []struct {
		known []byte
		point driver.Point
		value any
		asked []byte
		err   string
	}{
		{[]byte{6, 16, 22}, one, int64(1), []byte{6}, ""},
		{[]byte{6, 16, 22}, two, int64(1), []byte{16}, ""},
		{[]byte{6, 16, 22}, bit, true, []byte{22}, ""},
		{[]byte{3, 16}, bit, true, []byte{22, 3, 6, 16}, ""},
		{[]byte{3, 16}, bit, true, []byte{3, 16}, ""},
		{[]byte{3, 16}, one, int64(1), []byte{16}, ""},
		{[]byte{3, 6}, two, int64(1), []byte{16, 6, 6}, ""},
		{[]byte{3, 6}, two, int64(1), []byte{6, 6}, ""},
		{[]byte{3, 6}, one, int64(1), []byte{6}, ""},
		{[]byte{3, 6}, bit, false, []byte{3, 6}, ""},
		{[]byte{22}, bit, false, []byte{3, 22}, ""},
		{[]byte{22}, bit, false, []byte{22}, ""},
		{[]byte{3}, two, int64(1), []byte{6, 16}, "write holding registers 7-8: illegal function (exception 1)"},
		{[]byte{3}, bit, false, []byte{22, 3, 6, 16}, "write bit 3 of holding register 7: illegal function (exception 1)"},
	} {
		known, asked = step.known, nil
		err := device.Write(t.Context(), step.point, step.value)
		if (err != nil || step.err != "") && fmt.Sprint(err) != step.err {
			t.Errorf("%v on one that knows %v: got %v, want %q", step.point, step.known, err, step.err)
		}
		if !slices.Equal(asked, step.asked) {
			t.Errorf("%v on one that knows %v was asked for %v, want %v", step.point, step.known, asked, step.asked)
		}
	}
}

// TestVerify writes to a device that takes everything and changes nothing.
func TestVerify(t *testing.T) {
	t.Parallel()
	port := listen(t, script(func(request, good []byte) []byte { // a register has its address as its value
		if good != nil {
			return good
		}
		return request
	}).answer)
	device := open(t, modbus.New(modbus.Options{}), peerSettings(port))
	for _, tt := range []struct {
		typ      driver.Type
		settings driver.Settings
		value    any
		want     string
	}{
		{driver.Float, holding("offset", 235, "scale", 0.1), float32(23.5), ""},
		{driver.Float, holding("offset", 235, "scale", 0.1), float32(23.46), ""}, // which it holds as 23.5
		{driver.Float, holding("offset", 235, "scale", 0.1), float32(23.4), "write holding register 235: wanted 23.4, read back 23.5"},
		{driver.Boolean, holding("offset", 8, "bit", 3), true, ""},
		{driver.Boolean, holding("offset", 8, "bit", 3), false, "write bit 3 of holding register 8: wanted false, read back true"},
		{driver.Int, holding("offset", 10, "dataType", "bcd"), int64(10), "wanted 10, read back 00 0A, of which 0x000A is not BCD: A is no digit"},
	} {
		tt.settings["verify"] = true
		err := device.Write(t.Context(), point(t, device, tt.typ, tt.settings), tt.value)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v of %v: got %v, want %q", tt.value, tt.settings, err, tt.want)
		}
	}
}

// TestWriteGoesFirst writes while a hundred requests of ten slow devices wait.
func TestWriteGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []byte
		g := &gateway{}
		g.answer = func(_ byte, good []byte) []byte {
			asked = append(asked, good[7])
			time.Sleep(100 * time.Millisecond)
			return good
		}
		d := g.driver()
		var all sync.WaitGroup
		var last driver.Device
		for id := range 10 {
			device, _ := g.unit(t, d, id+1)
			defer shut(t, device)
			last = device
			points := make([]driver.Point, 10)
			for i := range points {
				points[i] = point(t, device, driver.Int, holding("offset", 1000*i))
			}
			all.Go(func() {
				if _, err := device.Read(t.Context(), points); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := last.Write(t.Context(), point(t, last, driver.Int, holding("offset", 7)), int64(1)); err != nil {
			t.Error(err)
		}
		all.Wait()
		if len(asked) != 101 || asked[1] != 6 {
			t.Errorf("got the functions %v, want 6 second of 101", asked)
		}
	})
}
