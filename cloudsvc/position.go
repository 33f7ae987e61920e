package cloudsvc

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"datastub/dataplane"
)

// Place is where a message stands in one class's log: the block, and the
// message's index in it.
type Place struct {
	Block uint64 // the log's sequence of the block, from 1; 0 is before all
	Index uint32 // among the messages and gaps of the block
}

// Position is a point in the whole log, at which any stream can go on. It
// does not depend on the subscription's filter.
type Position struct {
	Incarnation uint64 // the log's; a position of another one is unknown
	RT, BT      Place  // the last message had in each class
}

var errPosition = errors.New("position is not one that a stream gave")

// positionVersion is the first byte of an encoded position.
const positionVersion = 1

// String returns the position as streams give it, an opaque text that is safe
// in URLs:
//
//	base64url(version, incarnation as 8 bytes big-endian,
//	          uvarint RT block, index, BT block, index)
func (p Position) String() string { return string(p.append(nil)) }

func (p Position) append(dst []byte) []byte {
	var raw [1 + 8 + 4*binary.MaxVarintLen64]byte
	b := append(raw[:0], positionVersion)
	b = binary.BigEndian.AppendUint64(b, p.Incarnation)
	for _, place := range [...]Place{p.RT, p.BT} {
		b = binary.AppendUvarint(b, place.Block)
		b = binary.AppendUvarint(b, uint64(place.Index))
	}
	return base64.RawURLEncoding.AppendEncode(dst, b)
}

// ParsePosition reads what String writes.
func ParsePosition(text string) (Position, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 9 || b[0] != positionVersion {
		return Position{}, fmt.Errorf("%.64q: %w", text, errPosition)
	}
	p := Position{Incarnation: binary.BigEndian.Uint64(b[1:9])}
	b = b[9:]
	for _, place := range [...]*Place{&p.RT, &p.BT} {
		block, n := binary.Uvarint(b)
		index, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || index > 1<<32-1 {
			return Position{}, fmt.Errorf("%.64q: %w", text, errPosition)
		}
		*place = Place{Block: block, Index: uint32(index)}
		b = b[n+m:]
	}
	if len(b) != 0 {
		return Position{}, fmt.Errorf("%.64q: %w", text, errPosition)
	}
	return p, nil
}

// advance moves the position to a place of a class.
func (p *Position) advance(class dataplane.Class, place Place) {
	if class == dataplane.RT {
		p.RT = place
	} else {
		p.BT = place
	}
}
