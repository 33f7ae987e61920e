package modbus_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"datastub/driver"
)

// hangUp answers, and ends the connection some time later.
func hangUp(wait time.Duration) play {
	return func(x exchange) []step {
		return append(obey(x), step{wait: wait, then: (*socket).Close})
	}
}

// single refuses to read more than one at once.
func single(code byte) play {
	return func(x exchange) []step {
		if !x.writes() && binary.BigEndian.Uint16(x.pdu[3:]) > 1 {
			return except(code)(x)
		}
		return obey(x)
	}
}

// quirks are what real devices do that is not wrong: none of it may cost a value.
var quirks = []struct {
	name  string
	play  play
	cycle time.Duration
}{
	{"one answer a connection", hangUp(0), time.Second},
	{"hangs up after an idle second", hangUp(time.Second), 2 * time.Second},
	{"hangs up after ten", hangUp(10 * time.Second), 30 * time.Second},
	{"takes 900 ms", late(900 * time.Millisecond), 3 * time.Second},
	{"one register a request, else illegal address", single(2), time.Second},
	{"one register a request, else illegal value", single(3), time.Second},
	{"byte by byte", byByte, time.Second},
}

// TestQuirks reads three registers of devices with quirks for a while.
func TestQuirks(t *testing.T) {
	t.Parallel()
	for _, f := range framings {
		for _, quirk := range quirks {
			t.Run(f.name+"/"+quirk.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					o := &oracle{t: t, framing: f, play: quirk.play}
					u := o.unit(t, o.driver(), 1)
					var points []driver.Point
					for at := range 3 {
						points = append(points, point(t, u, driver.Bytes, operation{"HoldingRegister", at, 1, nil}.settings()))
					}
					for cycle := range 20 {
						readings, err := u.Read(t.Context(), points)
						if err != nil {
							t.Fatalf("cycle %d: %v", cycle, err)
						}
						for at, r := range readings {
							if r.Err != nil || r.Value == nil {
								t.Errorf("cycle %d: register %d: %v", cycle, at, r.Err)
							}
						}
						time.Sleep(quirk.cycle)
					}
					o.checkConnections(t, 1)
					u.shut(t)
					time.Sleep(time.Minute) // the peer has said all
				})
			})
		}
	}
}
