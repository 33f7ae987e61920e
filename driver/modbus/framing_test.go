package modbus_test

import (
	"encoding/binary"
	"io"

	"datastub/driver"
)

// A framing is how PDUs travel, written apart from the driver's.
type framing struct {
	name     string
	settings driver.Settings // beside the address
	// read reads one request's unit, PDU and what numbers its answer.
	read func(r io.Reader) (unit byte, pdu, number []byte, err error)
	// frame returns the frame of a PDU of such a number.
	frame func(unit byte, pdu, number []byte) []byte
}

var mbap = framing{
	name: "TCP",
	read: func(r io.Reader) (unit byte, pdu, number []byte, err error) {
		header := make([]byte, 7)
		if _, err := io.ReadFull(r, header); err != nil {
			return 0, nil, nil, err
		}
		pdu = make([]byte, binary.BigEndian.Uint16(header[4:])-1)
		_, err = io.ReadFull(r, pdu)
		return header[6], pdu, header[:2], err
	},
	frame: func(unit byte, pdu, number []byte) []byte {
		frame := append([]byte{}, number...)
		frame = append(frame, 0, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(pdu)+1))
		return append(append(frame, unit), pdu...)
	},
}
