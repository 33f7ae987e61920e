package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// A frame of Modbus TCP, all numbers big-endian:
//
//	0             2            4          6        7            8
//	+-------------+------------+----------+--------+------------+---------+
//	| transaction | protocol 0 | length n | unit   | function   | data    |
//	| 2 bytes     | 2 bytes    | 2 bytes  | 1 byte | 1 byte     | n-2     |
//	+-------------+------------+----------+--------+------------+---------+
const (
	headerSize = 6   // what length does not count
	functionAt = 7   // where the PDU begins
	minFrame   = 9   // an exception
	maxFrame   = 260 // section 4.1 of the application protocol
)

// maxLate is how many answers that nobody waits for any more a connection
// remembers to throw away when they come.
const maxLate = 32

var _ link = (*mbap)(nil)

// mbap is a connection of Modbus TCP. Its frames are numbered, so that it goes
// on after an answer that did not come in time: that one, if it comes later, is
// known by its number and thrown away.
type mbap struct {
	conn   conn
	unread []byte   // that came, and was not taken yet
	late   []uint16 // transactions that were given up, the oldest first
	lost   bool     // out of step for good
	heard  bool     // there was an answer
}

func newMBAP(conn conn) *mbap { return &mbap{conn: conn} }

// Send implements link.
func (m *mbap) Send(request []byte) ([]byte, error) {
	m.lost = true         // until all of an answer has come, or nothing of one
	_ = m.isLate(request) // no more: that was 65,536 requests ago
	if _, err := m.conn.Write(request); err != nil {
		return nil, m.ends(err)
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
		m.lost, m.heard = false, true
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
			return nil, m.ends(err)
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
		return nil, fmt.Errorf("frame is %d bytes long: want %d to %d, as who speaks Modbus TCP sends", size, minFrame, maxFrame)
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

// ends says in words what the end of a connection means here: many devices take
// one client more than they serve, and hang up.
func (m *mbap) ends(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errCertificate):
	case !m.heard:
		return fmt.Errorf("connection closed by the device before any answer, as where it serves another client: %w", err)
	case errors.Is(err, io.EOF):
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
	return checkPDU(request[functionAt:], reply[functionAt:])
}
