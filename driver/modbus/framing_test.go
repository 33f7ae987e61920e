package modbus_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"datastub/driver"
)

// A framing is how PDUs travel, written apart from the driver's.
type framing struct {
	name     string
	settings driver.Settings
	// numbered tells that a late answer is known for what it is. Others come
	// before twice the timeout is over, or never.
	numbered bool
	echoes   bool
	ended    string // what is said of a connection that the other end closes
	// read reads one request's unit, PDU and what numbers its answer.
	read func(r io.Reader) (unit byte, pdu, number []byte, err error)
	// frame returns the frame of a PDU of such a number.
	frame func(unit byte, pdu, number []byte) []byte
}

var framings = []framing{tcp, rtuOverTCP, serial, echoing}

var tcp = framing{
	name:     "TCP",
	settings: driver.Settings{"ip": "10.0.0.1"},
	numbered: true,
	ended:    "connection closed by the device",
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

var rtuOverTCP = framing{
	name:     "RTUOverTCP",
	settings: driver.Settings{"ip": "10.0.0.1", "communicateMode": "RTUOverTCP"},
	ended:    "connection closed by the gateway",
	read:     readRTU,
	frame:    frameRTU,
}

var serial = framing{
	name:     "RTU",
	settings: driver.Settings{"serialName": "/dev/ttyS0"},
	ended:    "the serial port is gone",
	read:     readRTU,
	frame:    frameRTU,
}

var echoing = framing{
	name:     "RTU with echo",
	settings: serial.settings,
	echoes:   true,
	ended:    serial.ended,
	read:     readRTU,
	frame:    frameRTU,
}

func readRTU(r io.Reader) (unit byte, pdu, number []byte, err error) {
	frame := make([]byte, 7)
	if _, err := io.ReadFull(r, frame); err != nil {
		return 0, nil, nil, err
	}
	more := 1 // of the CRC
	switch frame[1] {
	case 15, 16:
		more = 2 + int(frame[6])
	case 22:
		more = 3
	}
	frame = slices.Grow(frame, more)[:7+more]
	if _, err := io.ReadFull(r, frame[7:]); err != nil {
		return 0, nil, nil, err
	}
	unit, pdu = frame[0], frame[1:len(frame)-2]
	if string(frameRTU(unit, pdu, nil)) != string(frame) {
		return 0, nil, nil, fmt.Errorf("% x has a wrong CRC", frame)
	}
	return unit, pdu, nil, nil
}

func frameRTU(unit byte, pdu, _ []byte) []byte {
	frame := append([]byte{unit}, pdu...)
	return binary.LittleEndian.AppendUint16(frame, crc(frame))
}

// crc is that of MODBUS over Serial Line V1.02, section 6.2.2.
func crc(data []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, b := range data {
		sum ^= uint16(b)
		for range 8 {
			low := sum & 1
			sum >>= 1
			if low == 1 {
				sum ^= 0xA001
			}
		}
	}
	return sum
}
