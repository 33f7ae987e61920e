package modbus_test

import (
	"context"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/modbus"
)

// An exchange is one request to an oracle.
type exchange struct {
	framing framing
	count   int // which request it is, of all
	unit    byte
	pdu     []byte    // the request's
	number  []byte    // what the framing numbers the answer by
	before  *exchange // on this connection
}

// frame puts a PDU into a frame that answers the request.
func (x exchange) frame(pdu []byte) []byte { return x.framing.frame(x.unit, pdu, x.number) }

// good is the right answer.
func (x exchange) good() []byte {
	switch function := x.pdu[0]; function {
	case 1, 2, 3, 4:
		data := x.data(int(binary.BigEndian.Uint16(x.pdu[1:])), int(binary.BigEndian.Uint16(x.pdu[3:])))
		return append([]byte{function, byte(len(data))}, data...)
	case 15, 16:
		return x.pdu[:5]
	}
	return x.pdu
}

// data is what the registers or bits hold for this request: no two requests are
// answered alike.
func (x exchange) data(first, count int) []byte {
	var data []byte
	if x.pdu[0] >= 3 {
		for i := range count {
			data = binary.BigEndian.AppendUint16(data, uint16(x.hash(first+i)))
		}
		return data
	}
	data = make([]byte, (count+7)/8)
	for i := range count {
		data[i/8] |= byte(x.hash(first+i)&1) << (i % 8)
	}
	return data
}

func (x exchange) hash(address int) uint64 {
	of := uint64(x.count)<<16 | uint64(x.unit)<<8 | uint64(x.pdu[0])
	return rand.NewPCG(of, uint64(address)).Uint64()
}

// writes tells whether the request is a write.
func (x exchange) writes() bool { return x.pdu[0] > 4 }

// A step is a part of what a peer does after a request.
type step struct {
	wait  time.Duration // since the step before, or the request
	bytes []byte
	then  func(*socket) error // nil: the connection stays
}

// A play is what a peer does after a request. No step: it is silent.
type play func(x exchange) []step

// A reply is what a peer is about to do, and before when, if there is a limit.
type reply struct {
	steps  []step
	before time.Time
}

// An oracle is the peer of a driver, at the other end of each connection. What it
// is asked for tells which request it answers.
type oracle struct {
	t       *testing.T
	framing framing
	play    play

	mu     sync.Mutex
	asked  []exchange
	dialed []*socket
	most   int // connections at once
}

func (o *oracle) driver() *modbus.Driver {
	return modbus.New(modbus.Options{Dial: o.dial}.WithPort(o.connect))
}

func (o *oracle) dial(context.Context, string, string) (net.Conn, error) { return o.connect(), nil }

// connect makes a connection.
func (o *oracle) connect() net.Conn {
	here, there := socketPair(o.t)
	o.mu.Lock()
	o.dialed = slices.DeleteFunc(append(o.dialed, here), (*socket).closed)
	o.most = max(o.most, len(o.dialed))
	o.mu.Unlock()
	answers := make(chan reply, 1024) // more than are ever behind
	go o.hear(there, answers)
	go o.say(there, answers)
	return here
}

// hear takes the requests of a connection.
func (o *oracle) hear(conn *socket, answers chan<- reply) {
	defer close(answers)
	var before *exchange
	for {
		unit, pdu, number, err := o.framing.read(conn)
		if err != nil {
			return
		}
		o.mu.Lock()
		if o.framing.echoes {
			_, _ = conn.Write(o.framing.frame(unit, pdu, number)) // fails when the other end is closed
		}
		x := exchange{o.framing, len(o.asked), unit, pdu, number, before}
		o.asked = append(o.asked, x)
		before = &x
		o.mu.Unlock()
		answers <- reply{o.play(x), time.Now().Add(2 * timeout)}
	}
}

// say gives the answers of a connection, one after another.
func (o *oracle) say(conn *socket, answers <-chan reply) {
	defer func() { _ = conn.Close() }()
	for r := range answers {
		for _, s := range r.steps {
			time.Sleep(s.wait)
			if !o.framing.numbered && !time.Now().Before(r.before) {
				break
			}
			if _, err := conn.Write(s.bytes); err != nil {
				return
			}
			if s.then != nil {
				_ = s.then(conn)
				return
			}
		}
	}
}

// since returns what was asked behind the first n requests.
func (o *oracle) since(n int) []exchange {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[n:]
}

// count is how much was asked.
func (o *oracle) count() int { return len(o.since(0)) }

// unit opens a device behind the oracle.
func (o *oracle) unit(t *testing.T, d *modbus.Driver, id byte) *unit {
	t.Helper()
	return o.unitWith(t, d, id, driver.Settings{"retries": 0})
}

// unitWith opens one with further settings.
func (o *oracle) unitWith(t *testing.T, d *modbus.Driver, id byte, further driver.Settings) *unit {
	t.Helper()
	settings := driver.Settings{"slaveID": int(id), "timeout": timeout.String()}
	maps.Copy(settings, o.framing.settings)
	maps.Copy(settings, further)
	device, err := d.Open("plc", settings)
	if err != nil {
		t.Fatal(err)
	}
	return &unit{device, id, o}
}

// checkConnections fails if there were more at once than a number.
func (o *oracle) checkConnections(t *testing.T, most int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.most > most {
		t.Errorf("%d connections at once, want %d", o.most, most)
	}
}
