package cloudsvc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"datastub/dataplane"
)

// maxEras is how many starts are remembered. Positions that were given before
// are those of another log: who has one is told all that there is.
const maxEras = 1000

// eras are the positions at which each cloudsvc began to write to the log, the
// oldest first: each with an incarnation of its own. A log that has lost its
// end, or was put back from a backup, gives the same numbers to other blocks: a
// position of an earlier incarnation holds only up to where later ones began.
type eras []Position

// with returns the eras and one that begins at a position.
func (e eras) with(at Position) eras {
	return append(slices.Clone(e[max(0, len(e)+1-maxEras):]), at)
}

// end returns up to where positions of an incarnation hold, in a log that has
// come to a position. It returns false where the incarnation is not known.
func (e eras) end(incarnation uint64, now Position) (end Position, known bool) {
	at := slices.IndexFunc(e, func(began Position) bool { return began.Incarnation == incarnation })
	if at < 0 {
		return Position{}, false
	}
	for _, later := range e[at+1:] {
		for _, class := range dataplane.Classes {
			if now.place(class).after(later.place(class)) {
				now.advance(class, later.place(class))
			}
		}
	}
	return now, true
}

// and returns the eras and those of others that are not among them.
func (e eras) and(others eras) eras {
	for _, began := range others {
		if !slices.ContainsFunc(e, func(known Position) bool { return known.Incarnation == began.Incarnation }) {
			e = e.with(began)
		}
	}
	return e
}

// erasKind and erasVersion are those of a record of eras.
const (
	erasKind    = 'E'
	erasVersion = 1
)

var errNoEras = errors.New("there is no record of when who wrote to the log")

// record returns the eras as bytes, sealed. They begin at the ends of blocks.
//
//	uvarint  number of eras
//	era      each, the oldest first: 8 bytes incarnation, uvarint the last block
//	         of RT before it, of BT
//
// 1000 of them take 30 KB at most.
func (e eras) record() []byte {
	return seal(e.appendTo(appendHeader(nil, erasKind, erasVersion)))
}

// parseEras reads what record wrote, or wraps ErrCorrupt.
func parseEras(record []byte) (eras, error) {
	_, body, err := unseal(record, erasKind, erasVersion, erasVersion)
	if err != nil {
		return nil, fmt.Errorf("record of eras: %w", err)
	}
	r := newBlockReader(body)
	e := r.eras()
	if !r.End() {
		return nil, fmt.Errorf("%w: a record of eras of %d bytes makes no sense", ErrCorrupt, len(record))
	}
	return e, nil
}

func (e eras) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(e)))
	for _, began := range e {
		dst = binary.BigEndian.AppendUint64(dst, began.Incarnation)
		for _, class := range dataplane.Classes {
			dst = binary.AppendUvarint(dst, began.place(class).Block)
		}
	}
	return dst
}

func (r *blockReader) eras() (e eras) {
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		began := Position{Incarnation: r.Uint64()}
		for _, class := range dataplane.Classes {
			began.advance(class, endOf(r.Uvarint()))
		}
		e = append(e, began)
	}
	return e
}
