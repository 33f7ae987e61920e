package modbus

import "time"

// pace is what there is to know of the time that bytes of RTU take.
type pace struct {
	// between is the least silence between two frames, 3.5 characters.
	between time.Duration
	// silence is how long nothing comes when the other end has stopped talking.
	silence time.Duration
	// character is what one takes on the line.
	character time.Duration
	// resumes tells whether the connection is kept after an answer that did not
	// come: over TCP it may still be on its way in the network.
	resumes bool
	// end is what the end of the connection means.
	end string
}

// heldBack is how long adapters, kernels and gateways keep bytes: 16 ms those of
// FTDI by default.
const heldBack = 20 * time.Millisecond

// tcpPace is that of a gateway, which keeps the line's own.
var tcpPace = pace{silence: heldBack, end: "connection closed by the gateway"}

// serialPace is that of a line of so many bits a second. Above 19200 the silences
// are fixed, section 2.5.1.1.
func serialPace(baudRate int) pace {
	const bits = 11 // of a character: start, 8 of data, parity or a second stop, stop
	character := bits * time.Second / time.Duration(baudRate)
	between := 1750 * time.Microsecond
	if baudRate <= 19200 {
		between = 7 * character / 2
	}
	return pace{
		between:   between,
		silence:   between + heldBack,
		character: character,
		resumes:   true,
		end:       "the serial port is gone",
	}
}
