package modbus

import (
	"io"
	"time"

	"github.com/grid-x/modbus"
)

// A link is one connection, in the framing of its line, as long as both ends
// are in step. It belongs to who has the turn of the line, but for Close.
type link interface {
	// Send sends a request and returns the frame that answers it, checked in
	// every respect but its values.
	modbus.Transporter

	// Ready tells whether a request may be sent: the peer has not closed the
	// connection, and nothing lies there that would be taken for the answer.
	// It does not wait. Found out only after a request was sent, nobody could
	// tell whether a write had been done.
	Ready() bool

	// Resume lets Send be called after Interrupt. It tells whether the
	// link can be used: an answer that comes late will not be taken for another
	// one.
	Resume() bool

	// Interrupt ends a Send that is under way with an error, from any goroutine.
	Interrupt()

	Close() error
}

// A settler is a link whose frames have no numbers.
type settler interface {
	// Settle waits, before each Send, until nothing can come any more that would
	// be taken for the next answer of a unit. It is interrupted as Send is.
	Settle(unit byte) error
}

// A conn is what a link is made on: a socket, TLS on one, or a serial port.
type conn interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
}

// A codec makes frames of requests, and takes them apart, for one unit after
// another.
type codec interface {
	modbus.Packager
	SetSlave(unit byte)
}

// transport is a modbus.Transporter that is a function.
type transport func(request []byte) (reply []byte, err error)

// Send implements modbus.Transporter.
func (t transport) Send(request []byte) ([]byte, error) { return t(request) }
