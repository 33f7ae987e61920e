package modbus_test

import (
	"slices"
	"time"
)

// obey answers as it should be.
func obey(x exchange) []step { return []step{{bytes: x.frame(x.good())}} }

func silence(exchange) []step { return nil }

// except answers with an exception.
func except(code byte) play {
	return func(x exchange) []step { return []step{{bytes: x.frame([]byte{x.pdu[0] | 0x80, code})}} }
}

// answer plays a PDU that is made of the right one.
func answer(change func(good []byte) []byte) play {
	return func(x exchange) []step { return []step{{bytes: x.frame(change(slices.Clone(x.good())))}} }
}

// garble plays bytes that are made of the right frame.
func garble(change func(frame []byte) []byte) play {
	return func(x exchange) []step { return []step{{bytes: change(x.frame(x.good()))}} }
}

// set has a byte of the frame be another.
func set(at int, to byte) play {
	return garble(func(frame []byte) []byte { frame[at] = to; return frame })
}

// flip has a bit of a byte, of the last at most, be another.
func flip(at int) play {
	return garble(func(frame []byte) []byte {
		frame[min(at, len(frame)-1)] ^= 0x10
		return frame
	})
}

// from answers as another unit.
func from(unit byte) play {
	return func(x exchange) []step {
		x.unit = unit
		return obey(x)
	}
}

// late answers well after some time.
func late(wait time.Duration) play {
	return func(x exchange) []step { return []step{{wait: wait, bytes: x.frame(x.good())}} }
}

// twice answers well, and again after some time.
func twice(wait time.Duration) play {
	return func(x exchange) []step { return append(obey(x), late(wait)(x)...) }
}

// cut ends the connection before a byte of the answer, of its last at most.
func cut(at int, end func(*socket) error) play {
	return func(x exchange) []step {
		frame := x.frame(x.good())
		return []step{{bytes: frame[:min(at, len(frame)-1)], then: end}}
	}
}

// split has a pause before a byte of the answer, of its last at most.
func split(at int) play {
	return func(x exchange) []step {
		frame := x.frame(x.good())
		at := min(at, len(frame)-1)
		return []step{{bytes: frame[:at]}, {wait: timeout / 2, bytes: frame[at:]}}
	}
}

// byByte has a pause before each byte.
func byByte(x exchange) []step {
	var steps []step
	for _, b := range x.frame(x.good()) {
		steps = append(steps, step{wait: 10 * time.Millisecond, bytes: []byte{b}})
	}
	return steps
}

// overtake answers, and then what was asked before on the connection.
func overtake(x exchange) []step {
	if x.before == nil {
		return obey(x)
	}
	return append(obey(x), obey(*x.before)...)
}
