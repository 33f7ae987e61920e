package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/grid-x/modbus"
)

// A frame of Modbus TCP, all numbers big-endian:
//
//	0             2            4          6        7            8
//	+-------------+------------+----------+--------+------------+---------+
//	| transaction | protocol 0 | length n | unit   | function   | data    |
//	| 2 bytes     | 2 bytes    | 2 bytes  | 1 byte | 1 byte     | n-2     |
//	+-------------+------------+----------+--------+------------+---------+
//
// The data of an answer to
//
//	functions 1-4        byte count (1), that many bytes
//	functions 5, 6       address (2), value (2), as in the request
//	functions 15, 16     address (2), count (2), as in the request
//	function 22          address (2), AND (2), OR (2), as in the request
//	function + 0x80      exception (1)
const (
	headerSize    = 6   // what length does not count
	functionAt    = 7   // where the function is
	dataAt        = 8   // where the data begins
	minFrame      = 9   // an exception
	maxFrame      = 260 // section 4.1 of the application protocol
	exceptionFlag = 0x80
)

// maxLate is how many answers that nobody waits for any more a connection
// remembers to throw away when they come.
const maxLate = 32

var _ link = (*mbap)(nil)

// mbap is a connection of Modbus TCP. Its frames are numbered, so that it goes
// on after an answer that did not come in time: that one, if it comes later, is
// known by its number and thrown away.
type mbap struct {
	conn   net.Conn
	unread []byte   // that came, and was not taken yet
	late   []uint16 // transactions that were given up, the oldest first
	lost   bool     // out of step for good
}

func newMBAP(conn net.Conn) *mbap { return &mbap{conn: conn} }

// Send implements link.
func (m *mbap) Send(request []byte) ([]byte, error) {
	m.lost = true // until all of an answer has come, or nothing of one
	if _, err := m.conn.Write(request); err != nil {
		return nil, err
	}
	for {
		reply, err := m.next()
		switch {
		case err != nil:
			if errors.Is(err, os.ErrDeadlineExceeded) && len(m.unread) == 0 {
				m.giveUp(transaction(request))
			}
			return nil, err
		case m.isLate(reply):
			continue
		}
		if n := len(m.unread); n > 0 && len(m.late) == 0 { // else Ready looks what it is
			return nil, fmt.Errorf("%d bytes came behind the frame", n)
		}
		if err := checkReply(request, reply); err != nil {
			return nil, fmt.Errorf("answer is not to the request: %w", err)
		}
		m.lost = false
		return reply, nil
	}
}

// next waits for one frame.
func (m *mbap) next() ([]byte, error) {
	for {
		frame, err := m.take()
		if frame != nil || err != nil {
			return frame, err
		}
		buf := make([]byte, maxFrame+1)
		n, err := m.conn.Read(buf)
		m.unread = append(m.unread, buf[:n]...)
		if err != nil && n == 0 {
			return nil, closedEarly(err)
		}
	}
}

// take returns the first frame of what came; nil if there is none, whole.
func (m *mbap) take() ([]byte, error) {
	if len(m.unread) < headerSize {
		return nil, nil
	}
	size := headerSize + int(binary.BigEndian.Uint16(m.unread[4:]))
	switch {
	case size < minFrame || size > maxFrame:
		return nil, fmt.Errorf("frame is %d bytes long: want %d to %d", size, minFrame, maxFrame)
	case len(m.unread) < size:
		return nil, nil
	}
	frame := m.unread[:size:size]
	m.unread = m.unread[size:]
	return frame, nil
}

// giveUp notes that the answer to a transaction is not waited for any more.
func (m *mbap) giveUp(number uint16) {
	m.late = append(m.late, number)
	m.late = m.late[max(0, len(m.late)-maxLate):]
	m.lost = false
}

// isLate tells whether a frame answers a transaction that was given up. It can
// only once.
func (m *mbap) isLate(frame []byte) bool {
	i := slices.Index(m.late, transaction(frame))
	if i < 0 {
		return false
	}
	m.late = slices.Delete(m.late, i, i+1)
	return true
}

func transaction(frame []byte) uint16 { return binary.BigEndian.Uint16(frame) }

// Ready implements link.
func (m *mbap) Ready() bool {
	came, err := peek(m.conn)
	if err != nil {
		return false
	}
	m.unread = append(m.unread, came...)
	for len(m.unread) > 0 {
		if frame, err := m.take(); err != nil || frame == nil || !m.isLate(frame) {
			return false
		}
	}
	return true
}

// Resume implements link.
func (m *mbap) Resume() bool { return !m.lost && m.conn.SetDeadline(time.Time{}) == nil }

// Interrupt implements link.
func (m *mbap) Interrupt() {
	_ = m.conn.SetDeadline(time.Unix(1, 0)) // fails if broken, which ends Send too
}

// Close implements link.
func (m *mbap) Close() error { return m.conn.Close() }

// closedEarly says in words what an end of file means here.
func closedEarly(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("connection closed by the device: %w", err)
	}
	return err
}

// checkReply checks that a reply of at least minFrame bytes is an answer to
// the request, or a refusal of it, in every respect but its values.
func checkReply(request, reply []byte) error {
	if got, want := binary.BigEndian.Uint16(reply), binary.BigEndian.Uint16(request); got != want {
		return fmt.Errorf("transaction is %d, want %d", got, want)
	}
	if got := binary.BigEndian.Uint16(reply[2:]); got != 0 {
		return fmt.Errorf("protocol is %d, want 0", got)
	}
	if got, want := reply[headerSize], request[headerSize]; got != want {
		return fmt.Errorf("unit is %d, want %d", got, want)
	}
	function := request[functionAt]
	switch reply[functionAt] {
	case function:
		return checkData(function, request[dataAt:], reply[dataAt:])
	case function | exceptionFlag:
		if len(reply) != minFrame || reply[dataAt] == 0 {
			return fmt.Errorf("exception is % x, want one byte that is not 0", reply[dataAt:])
		}
		return nil
	}
	return fmt.Errorf("function is %d, want %d", reply[functionAt], function)
}

// checkData checks the data of an answer that is no exception.
func checkData(function byte, request, reply []byte) error {
	count := int(binary.BigEndian.Uint16(request[2:]))
	switch function {
	case modbus.FuncCodeReadCoils, modbus.FuncCodeReadDiscreteInputs:
		return checkCount(reply, (count+7)/8)
	case modbus.FuncCodeReadHoldingRegisters, modbus.FuncCodeReadInputRegisters:
		return checkCount(reply, 2*count)
	}
	echoed := 4
	if function == modbus.FuncCodeMaskWriteRegister {
		echoed = 6
	}
	if got, want := reply, request[:echoed]; string(got) != string(want) {
		return fmt.Errorf("written was % x, want % x", got, want)
	}
	return nil
}

func checkCount(reply []byte, want int) error {
	if got := int(reply[0]); got != want {
		return fmt.Errorf("byte count is %d, want %d", got, want)
	}
	if got := len(reply) - 1; got != want {
		return fmt.Errorf("%d bytes follow the byte count of %d", got, want)
	}
	return nil
}
