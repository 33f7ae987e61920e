package spool

import (
	"encoding/binary"

	"datastub/dataplane"
)

// appendRecord appends the entry of the record that is the n-th of its
// segment, from 0.
func appendRecord(dst []byte, n uint64, msg *dataplane.Message) []byte {
	start := len(dst)
	dst = beginEntry(dst, recordEntry)
	dst = binary.AppendUvarint(dst, n)
	dst = dataplane.AppendRecord(dst, msg)
	return endEntry(dst, start)
}

// scan reads the records of a segment from its bytes, and finds again what is
// readable behind what is not.
type scan struct {
	rest   []byte
	place  uint64  // of the next record in the segment, from 0
	read   int     // bytes up to the end of the last entry that was whole
	passed int     // bytes looked at
	footer *footer // once it was read
	end    scanEnd
}

// scanEnd is how the bytes end.
type scanEnd uint8

const (
	complete scanEnd = iota // with an entry
	cut                     // with one that was not written to its end, or zeros
	spoiled                 // with what was written to its end and damaged: at least one record
)

// next returns the next record that can be read, and its place; those between
// it and the record before were damaged. It returns false when there is none.
func (s *scan) next() (place uint64, record []byte, ok bool) {
	for s.footer == nil && len(s.rest) > 0 {
		payload, length, found := readEntry(s.rest)
		if found == whole {
			if place, record, ok = s.take(payload, length); ok {
				return place, record, true
			}
			continue
		}
		s.end = spoiled
		switch {
		case found == damaged:
			s.pass(length)
		case found == torn, zeros(s.rest):
			s.end = cut
			return 0, nil, false
		default:
			s.pass(s.resync())
		}
	}
	return 0, nil, false
}

// take takes a whole entry, and returns the record if it is one.
func (s *scan) take(payload []byte, length int) (place uint64, record []byte, ok bool) {
	s.pass(length)
	place, record, ok = placeOf(payload, s.place)
	switch {
	case ok:
		s.place = place + 1
	case entryKind(payload[0]) == footerEntry:
		if f, readable := readFooter(payload[1:]); readable {
			s.footer = &f
		}
	default:
		s.end = spoiled
		return 0, nil, false
	}
	s.end, s.read = complete, s.passed
	return place, record, ok
}

// pass goes on by so many bytes.
func (s *scan) pass(n int) {
	s.rest = s.rest[n:]
	s.passed += n
}

// resync returns how many bytes there are up to the next entry that may come
// behind what was read; all that there are if there is none.
func (s *scan) resync() int {
	for n := 1; n < len(s.rest); n++ {
		payload, _, found := readEntry(s.rest[n:])
		if found != whole {
			continue
		}
		if _, _, ok := placeOf(payload, s.place); ok || entryKind(payload[0]) == footerEntry {
			return n
		}
	}
	return len(s.rest)
}

// placeOf returns the place of a payload that is a record, and the record.
// There is none before least.
func placeOf(payload []byte, least uint64) (place uint64, record []byte, ok bool) {
	if entryKind(payload[0]) != recordEntry {
		return 0, nil, false
	}
	place, n := binary.Uvarint(payload[1:])
	if n <= 0 || place < least {
		return 0, nil, false
	}
	return place, payload[1+n:], true
}
