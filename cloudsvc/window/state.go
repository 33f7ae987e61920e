package window

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// MaxState is how long a State is at most, in bytes.
const MaxState = 512 << 10

var (
	// ErrOtherSpec says that a State is that of other windows than those wanted.
	ErrOtherSpec = errors.New("the state is that of other windows")
	errState     = errors.New("the state of windows cannot be read")
)

// stateVersion is the first byte of a state.
const stateVersion = 2

// State returns where the Reducer is, for another one to resume. It is that of
// the last line taken, and so is to be stored only when all that Next gave is
// delivered; while lines are read again it is the one that the Reducer began with:
//
//	version, 8 bytes of hash of subscription and Spec
//	uvarint block, index of From
//	uvarint block, index of the last line taken
//	what the log has lost: text publisher, uvarint from, text reason
//	uvarint count, and of each publisher, sorted:
//	  text publisher
//	  byte 1 if timed, 2 if cut, 4 if idle
//	  uvarint block, index of its first line
//	  uvarint time in Unix nanoseconds, two's complement, if timed
//	  uvarint block, index of what made its last delivery
//	  uvarint late, untimed, gaps of which there is but the count
func (r *Reducer) State() ([]byte, error) {
	switch {
	case r.closes():
		return nil, errNotTaken
	case r.saved != nil && r.at.Compare(r.until) < 0:
		return r.saved, nil
	}
	b := append([]byte{stateVersion}, r.mark()...)
	from := r.at
	for _, s := range r.sources {
		from = s.after(from)
	}
	b = appendPlace(appendPlace(b, from), r.at)
	b = fields.AppendText(b, r.cut.Publisher)
	b = fields.AppendText(binary.AppendUvarint(b, r.cut.From), r.cut.Reason)
	b = binary.AppendUvarint(b, uint64(len(r.sources)))
	for _, publisher := range slices.Sorted(maps.Keys(r.sources)) {
		b = r.sources[publisher].appendTo(b)
	}
	if len(b) > MaxState {
		return nil, &LimitError{fmt.Sprintf("what is kept of %d publishers takes more than %d KiB", len(r.sources), MaxState>>10)}
	}
	return b, nil
}

// mark tells one subscription and Spec from others.
func (r *Reducer) mark() []byte {
	sum := sha256.Sum256([]byte(r.subject))
	return sum[:8]
}

// What is known of a source.
const (
	isTimed = 1 << iota
	isCut
	isIdle
)

func (s *source) appendTo(b []byte) []byte {
	b = fields.AppendText(b, s.publisher)
	known := byte(0)
	if s.timed {
		known |= isTimed
	}
	if s.cut {
		known |= isCut
	}
	if s.idle {
		known |= isIdle
	}
	if b = appendPlace(append(b, known), s.born); s.timed {
		b = binary.AppendUvarint(b, uint64(s.high))
	}
	b = appendPlace(b, s.told)
	for _, n := range [...]uint64{s.late, s.untimed, s.counted} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendPlace(b []byte, p Place) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, p.Block), uint64(p.Index))
}

// StateFrom returns From of the Reducer that a State is of, whatever its Spec is.
func StateFrom(state []byte) (Place, error) {
	f := fields.Reader{Rest: state}
	version := f.Byte()
	f.Bytes(8)
	from := readPlace(&f)
	if f.Failed || version < 1 || version > stateVersion {
		return Place{}, errState
	}
	return from, nil
}

// restore reads a State.
func (r *Reducer) restore(state []byte) error {
	f := fields.Reader{Rest: state}
	version := f.Byte()
	if version < 1 || version > stateVersion {
		return fmt.Errorf("%w: it is of another version", errState)
	}
	if string(f.Bytes(8)) != string(r.mark()) || version < stateVersion { // version 1 did not know who is idle
		return ErrOtherSpec
	}
	r.at, r.until, r.saved = readPlace(&f), readPlace(&f), state
	r.cut = dataplane.Loss{Publisher: f.Text(), From: f.Uvarint(), Reason: f.Text()}
	for n := f.Count(9); n > 0 && !f.Failed; n-- {
		s := newSource(f.Text(), Place{})
		s.restore(&f, &r.spec)
		s.last = r.until
		r.resting = r.resting || s.idle
		r.sources[s.publisher] = s
		r.weight += s.weight
	}
	if !f.End() || r.until.Compare(r.at) < 0 {
		return errState
	}
	return nil
}

func (s *source) restore(f *fields.Reader, spec *Spec) {
	known := f.Byte()
	s.timed, s.cut, s.idle = known&isTimed != 0, known&isCut != 0, known&isIdle != 0
	s.born = readPlace(f)
	if s.timed {
		s.high = int64(f.Uvarint())
		f.Failed = f.Failed || s.high < minTime || s.high > maxHigh
		s.closed = s.watermark(spec)
	}
	s.told = readPlace(f)
	s.late, s.untimed, s.counted = f.Uvarint(), f.Uvarint(), f.Uvarint()
}

func readPlace(f *fields.Reader) Place {
	p := Place{Block: f.Uvarint()}
	index := f.Uvarint()
	if index > 1<<32-1 {
		f.Failed = true
	}
	p.Index = uint32(index)
	return p
}
