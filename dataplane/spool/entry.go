package spool

import (
	"encoding/binary"
	"hash/crc32"
)

// A file of the spool is a row of entries, each
//
//	uint32   length of the payload
//	uint32   CRC32C of the payload
//	uint32   CRC32C of the eight bytes before
//	payload  a byte that tells its kind, and what the kind says
//
// in big-endian order. As the head has a checksum of its own, an entry that
// was cut short can be told from one that was damaged, and what follows one
// whose payload was damaged is found at once.
const entryHead = 12

// entryKind is an entry's kind.
type entryKind byte

const (
	headerEntry     entryKind = 1 // first in a segment
	recordEntry     entryKind = 2
	footerEntry     entryKind = 3 // last in a sealed segment
	checkpointEntry entryKind = 4
)

// The bounds of a payload, in bytes: a footer or a checkpoint may name very
// many series.
const (
	minPayload = 1
	maxPayload = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// beginEntry appends the room of an entry's head, and the kind; the rest of
// the payload is to be appended to what it returns, and endEntry called with
// the length that dst had.
func beginEntry(dst []byte, kind entryKind) []byte {
	var head [entryHead]byte
	return append(append(dst, head[:]...), byte(kind))
}

// endEntry fills in the head of the entry that begins at start.
func endEntry(dst []byte, start int) []byte {
	head, payload := dst[start:start+entryHead], dst[start+entryHead:]
	binary.BigEndian.PutUint32(head, uint32(len(payload)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(payload, castagnoli))
	binary.BigEndian.PutUint32(head[8:], crc32.Checksum(head[:8], castagnoli))
	return dst
}

// verdict is what readEntry found.
type verdict uint8

const (
	whole   verdict = iota // an entry
	torn                   // the beginning of one: it was never written to its end
	damaged                // one of known length whose payload is not what was written
	lost                   // no telling where the next one begins
)

// readEntry reads the entry at the beginning of b, and how long it is where
// that is known. The payload is part of b.
func readEntry(b []byte) (payload []byte, length int, found verdict) {
	if len(b) < entryHead {
		return nil, 0, torn
	}
	if binary.BigEndian.Uint32(b[8:]) != crc32.Checksum(b[:8], castagnoli) {
		return nil, 0, lost
	}
	n := int(binary.BigEndian.Uint32(b))
	switch {
	case n < minPayload || n > maxPayload:
		return nil, 0, lost
	case n > len(b)-entryHead:
		return nil, entryHead + n, torn
	}
	payload = b[entryHead : entryHead+n : entryHead+n]
	if binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(payload, castagnoli) {
		return nil, entryHead + n, damaged
	}
	return payload, entryHead + n, whole
}

// zeros tells whether there is nothing but zeros: a file may have grown before
// its bytes came to disk.
func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
