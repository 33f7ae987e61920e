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

// lastIndex stands for the end of a block, however many lines it has.
const lastIndex = 1<<32 - 1

// endOf returns the place behind all that is in a block.
func endOf(block uint64) Place { return Place{Block: block, Index: lastIndex} }

// next returns where the line behind the place is: in which block, or in the
// next one that there is, and from which index on if it is in that one.
func (p Place) next() Place {
	if p.Block == 0 || p.Index == lastIndex {
		return Place{Block: p.Block + 1}
	}
	return Place{Block: p.Block, Index: p.Index + 1}
}

// after tells whether the place is behind another one.
func (p Place) after(other Place) bool {
	return p.Block > other.Block || p.Block == other.Block && p.Block > 0 && p.Index > other.Index
}

// Position is a point in the whole log, at which any stream can go on. It
// does not depend on the subscription's filter.
type Position struct {
	Incarnation uint64 // of who wrote to the log; see eras
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

// place returns the place of a class.
func (p *Position) place(class dataplane.Class) Place {
	if class == dataplane.RT {
		return p.RT
	}
	return p.BT
}

// ahead tells whether the position is behind another one in any class.
func (p Position) ahead(other Position) bool { return p.RT.after(other.RT) || p.BT.after(other.BT) }
