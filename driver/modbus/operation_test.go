package modbus_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"datastub/driver"
)

// An operation is something that is done to a device: a read, or a write where
// there is something to write.
type operation struct {
	register      string
	offset, limit int
	write         []byte
}

// The functions that a driver knows, each with a count that leaves bits over or
// registers to mix up. One that writes one asks for one.
var operations = []operation{
	{"CoilRegister", 7, 13, nil},
	{"DiscreteInputRegister", 0x0303, 19, nil}, // to RTU, its own answer: see echo
	{"HoldingRegister", 7, 3, nil},
	{"InputRegister", 7, 1, nil},
	{"CoilRegister", 7, 1, []byte{1}},
	{"CoilRegister", 7, 10, []byte{0x55, 1}},
	{"HoldingRegister", 7, 1, []byte{3, 4}},
	{"HoldingRegister", 7, 2, []byte{3, 4, 5, 6}},
}

func (op operation) String() string {
	if op.writes() {
		return fmt.Sprintf("write %d of %s", op.limit, op.register)
	}
	return fmt.Sprintf("read %d of %s", op.limit, op.register)
}

func (op operation) writes() bool { return op.write != nil }

func (op operation) settings() driver.Settings {
	return driver.Settings{"register": op.register, "offset": op.offset, "limit": op.limit, "dataType": "bytes"}
}

// beside is the operation at other addresses.
func (op operation) beside() operation {
	op.offset += 100
	return op
}

// A unit is a device behind an oracle, which it is held against.
type unit struct {
	driver.Device
	id     byte
	oracle *oracle
}

// try does an operation. It fails the test if that ends well although the oracle
// did not do it, or answered otherwise.
func (u *unit) try(ctx context.Context, t *testing.T, op operation) error {
	t.Helper()
	p := point(t, u, driver.Bytes, op.settings())
	asked := u.oracle.count()
	if op.writes() {
		err := u.Write(ctx, p, op.write)
		if err == nil && !slices.ContainsFunc(u.oracle.since(asked), func(x exchange) bool { return u.wrote(x, op) }) {
			t.Errorf("%v: confirmed, and was not done", op)
		}
		return err
	}
	readings, err := u.Read(ctx, []driver.Point{p})
	if err != nil {
		return err
	}
	r := readings[0]
	if r.Err == nil && !slices.ContainsFunc(u.oracle.since(asked), func(x exchange) bool { return u.told(x, op, r.Value) }) {
		t.Errorf("%v: got % x, which nobody answered", op, r.Value)
	}
	return r.Err
}

// wrote tells whether a request did what an operation was to do.
func (u *unit) wrote(x exchange, op operation) bool {
	return x.unit == u.id && x.writes() && int(binary.BigEndian.Uint16(x.pdu[1:])) == op.offset
}

// told tells whether the right answer to a request is a value.
func (u *unit) told(x exchange, op operation, value any) bool {
	if x.unit != u.id || x.writes() {
		return false
	}
	got, ok := value.([]byte)
	return ok && bytes.Equal(got, x.data(op.offset, op.limit))
}

func (u *unit) shut(t *testing.T) {
	t.Helper()
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}
