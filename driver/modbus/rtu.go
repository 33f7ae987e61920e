package modbus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/grid-x/modbus"
)

// A frame of Modbus RTU, MODBUS over Serial Line V1.02, section 2.5.1:
//
//	0        1                n-2
//	+--------+----------------+---------------------+
//	| unit   | PDU            | CRC, low byte first |
//	| 1 byte | 2 to 253 bytes | 2 bytes             |
//	+--------+----------------+---------------------+
//
// Its function and byte count tell where it ends. The silence between frames
// does not: adapters, kernels and gateways hold bytes back.
const (
	pduAt    = 1
	crcSize  = 2
	maxUnit  = 247 // section 2.2: 0 is for all, and those above are reserved
	headSize = 3   // enough to know how long a frame is
)

// errDamaged says that an answer came, but not as it was sent.
var errDamaged = errors.New("answer is damaged")

var (
	_ link    = (*rtu)(nil)
	_ settler = (*rtu)(nil)
)

// rtu is a serial line, or a connection to a gateway that passes frames of RTU
// on. What is not a frame is thrown away, with all that follows up to the next
// silence.
type rtu struct {
	conn  conn
	codec codec // its own
	pace  pace
	debts debts // the line's
	now   func() time.Time

	unread      []byte    // that came, and was not taken yet
	heard       time.Time // when the last byte came
	echo        echo
	lost        bool // of no use any more
	interrupted atomic.Bool
}

// Send implements link.
func (r *rtu) Send(request []byte) ([]byte, error) {
	if r.echo == unheard && r.isOwnAnswer(request) {
		if err := r.listen(request); err != nil {
			return nil, err
		}
	}
	return r.exchange(request)
}

// exchange sends a request and returns the frame that answers it.
func (r *rtu) exchange(request []byte) ([]byte, error) {
	if _, err := r.conn.Write(request); err != nil {
		return nil, r.ends(err)
	}
	for echoed := false; ; {
		if !echoed {
			var err error
			if echoed, err = r.hearEcho(request); err != nil {
				return nil, err
			}
		}
		frame, err := r.take()
		switch {
		case err != nil:
			return nil, r.damaged(request, echoed, err)
		case frame == nil:
			if err := r.read(time.Time{}); err != nil {
				return nil, err
			}
			continue
		case frame[0] != request[0]: // a late one
			r.debts.pay(frame[0])
			continue
		}
		if err := checkPDU(pdu(request), pdu(frame)); err != nil {
			return nil, fmt.Errorf("answer is not to the request: %w", err)
		}
		if r.skipNoise(); len(r.unread) > 0 {
			return nil, fmt.Errorf("%d bytes came behind the frame", len(r.unread))
		}
		if !echoed {
			r.echo = absent
		}
		return frame, nil
	}
}

// pdu returns what a frame carries.
func pdu(frame []byte) []byte { return frame[pduAt : len(frame)-crcSize] }

// take returns the first frame of what came; nil if there is none, whole.
func (r *rtu) take() ([]byte, error) {
	r.skipNoise()
	if len(r.unread) < headSize {
		return nil, nil
	}
	size, err := frameSize(r.unread)
	if err != nil || len(r.unread) < size {
		return nil, err
	}
	frame := r.unread[:size:size]
	if _, err := r.codec.Decode(frame); err != nil {
		return nil, err
	}
	r.unread = r.unread[size:]
	return frame, nil
}

// skipNoise drops bytes that no frame begins with: a transceiver that is
// switched on or off often makes one.
func (r *rtu) skipNoise() {
	for len(r.unread) > 0 && (r.unread[0] == 0 || r.unread[0] > maxUnit) {
		r.unread = r.unread[1:]
	}
}

// frameSize returns how long the frame of an answer is, of which at least
// headSize bytes came.
func frameSize(frame []byte) (int, error) {
	const around = pduAt + crcSize
	switch function := frame[pduAt]; function {
	case modbus.FuncCodeReadCoils, modbus.FuncCodeReadDiscreteInputs,
		modbus.FuncCodeReadHoldingRegisters, modbus.FuncCodeReadInputRegisters:
		return around + 2 + int(frame[pduAt+1]), nil
	case modbus.FuncCodeWriteSingleCoil, modbus.FuncCodeWriteSingleRegister,
		modbus.FuncCodeWriteMultipleCoils, modbus.FuncCodeWriteMultipleRegisters:
		return around + 5, nil
	case modbus.FuncCodeMaskWriteRegister:
		return around + 7, nil
	default:
		if function&exceptionFlag == 0 {
			return 0, fmt.Errorf("function is %d, which is never asked for", function)
		}
		return around + 2, nil
	}
}

// read waits for bytes until some time; the zero time is forever.
func (r *rtu) read(until time.Time) error {
	if err := r.conn.SetReadDeadline(until); err != nil {
		return r.ends(err)
	}
	if r.interrupted.Load() { // before the deadline was set, which was its
		return os.ErrDeadlineExceeded
	}
	buf := make([]byte, maxFrame)
	n, err := r.conn.Read(buf)
	if n == 0 && err != nil {
		return r.ends(err)
	}
	r.unread = append(r.unread, buf[:n]...)
	r.heard = time.Now()
	return nil
}

// ends notes that the connection has ended, if an error is not that of a
// deadline, and says so in words.
func (r *rtu) ends(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%s: %w", r.pace.end, err)
	}
	r.lost = true
	return err
}

// damaged waits for silence after what is no frame, and returns the error for
// it. Only if the answer was in it, none is to come.
func (r *rtu) damaged(request []byte, echoed bool, cause error) error {
	for {
		err := r.read(time.Now().Add(r.pace.silence))
		if errors.Is(err, os.ErrDeadlineExceeded) && !r.interrupted.Load() {
			break
		}
		if err != nil {
			return err
		}
	}
	came := r.unread
	r.unread = nil
	if r.echo == present && !echoed { // it is in it, too
		came = came[min(len(request), len(came)):]
	}
	if !holdsAnswer(came, request) {
		return fmt.Errorf("%d bytes that are no answer: %w", len(came), cause)
	}
	return fmt.Errorf("%w: %w", errDamaged, cause)
}

// holdsAnswer tells whether all of an answer came, however damaged: noise does not
// begin with the unit and the function.
func holdsAnswer(came, request []byte) bool {
	at := bytes.Index(came, request[:pduAt+1])
	return at >= 0 && len(came)-at >= replySize(pdu(request))+pduAt+crcSize
}

// Ready implements link.
func (r *rtu) Ready() bool {
	came, err := peek(r.conn)
	if len(came) > 0 {
		r.unread = append(r.unread, came...)
		r.heard = time.Now()
	}
	return err == nil
}

// Settle implements settler: it waits until the unit owes nothing and, after bytes
// that nobody asked for, until no more come.
func (r *rtu) Settle(unit byte) error {
	owed := time.Now().Add(r.debts.left(unit, r.now()))
	for {
		if r.drain(); r.debts[unit].IsZero() {
			owed = time.Time{}
		}
		silence := r.pace.between
		if len(r.unread) > 0 {
			silence = r.pace.silence
		}
		until := r.heard.Add(silence)
		if owed.After(until) {
			until = owed
		}
		if time.Until(until) <= 0 {
			r.unread = nil
			r.debts.pay(unit)
			return nil
		}
		err := r.read(until)
		if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || r.interrupted.Load()) {
			return err
		}
	}
}

// drain takes the answers that came late.
func (r *rtu) drain() {
	for {
		frame, err := r.take()
		if frame == nil || err != nil {
			return
		}
		r.debts.pay(frame[0])
	}
}

// Resume implements link.
func (r *rtu) Resume() bool {
	r.interrupted.Store(false)
	return !r.lost && r.pace.resumes && r.conn.SetDeadline(time.Time{}) == nil
}

// Interrupt implements link.
func (r *rtu) Interrupt() {
	r.interrupted.Store(true)
	_ = r.conn.SetDeadline(time.Unix(1, 0)) // fails if broken, which ends a call too
}

// Close implements link.
func (r *rtu) Close() error { return r.conn.Close() }
