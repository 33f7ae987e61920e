package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

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
//	function + 0x80      exception (1)
const (
	headerSize    = 6   // what length does not count
	functionAt    = 7   // where the function is
	dataAt        = 8   // where the data begins
	minFrame      = 9   // an exception
	maxFrame      = 260 // section 4.1 of the application protocol
	exceptionFlag = 0x80
)

var _ modbus.Transporter = wire{}

// wire sends one request over a connection. Who calls it closes the
// connection after any error, for what comes next could be anything.
type wire struct {
	conn net.Conn
}

// Send writes the request and returns the one frame that answers it.
func (w wire) Send(request []byte) ([]byte, error) {
	if _, err := w.conn.Write(request); err != nil {
		return nil, err
	}
	reply, err := readFrame(w.conn)
	if err != nil {
		return nil, err
	}
	if err := checkReply(request, reply); err != nil {
		return nil, fmt.Errorf("answer is not to the request: %w", err)
	}
	return reply, nil
}

// readFrame reads one frame. More than one is an error, as nobody asked.
func readFrame(r io.Reader) ([]byte, error) {
	buf := make([]byte, maxFrame+1)
	n, err := io.ReadAtLeast(r, buf, headerSize)
	if err != nil {
		return nil, closedEarly(err)
	}
	size := headerSize + int(binary.BigEndian.Uint16(buf[4:]))
	if size < minFrame || size > maxFrame {
		return nil, fmt.Errorf("frame is %d bytes long: want %d to %d", size, minFrame, maxFrame)
	}
	if n < size {
		more, err := io.ReadAtLeast(r, buf[n:], size-n)
		if err != nil {
			return nil, closedEarly(err)
		}
		n += more
	}
	if n > size {
		return nil, fmt.Errorf("%d bytes came behind the frame", n-size)
	}
	return buf[:size], nil
}

// closedEarly says in words what an end of file means here.
func closedEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
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
	if got, want := reply, request[:4]; string(got) != string(want) {
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
