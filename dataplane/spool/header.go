package spool

import (
	"encoding/binary"
	"time"

	"datastub/dataplane"
)

// formatVersion is the version of all that is written here.
const formatVersion = 1

// header begins a segment:
//
//	uvarint  version
//	16 bytes spool id
//	text     publisher
//	byte     lane
//	uvarint  epoch, sequence of the first record
//	byte     1 if each write was synced before it was accepted
//	text     boot of the machine that wrote it
//	uvarint  when, in Unix nanoseconds
//	uvarint  the highest sequence that any series had
//
// where a text is a length as uvarint and as many bytes.
type header struct {
	spool     dataplane.SpoolID
	publisher string
	lane      dataplane.Class
	epoch     uint64 // that its records were accepted under
	first     uint64
	synced    bool
	boot      string // empty: not known
	created   time.Time
	highest   uint64
}

func (h *header) append(dst []byte) []byte {
	start := len(dst)
	dst = beginEntry(dst, headerEntry)
	dst = binary.AppendUvarint(dst, formatVersion)
	dst = append(dst, h.spool[:]...)
	dst = appendText(dst, h.publisher)
	dst = append(dst, byte(h.lane))
	dst = binary.AppendUvarint(dst, h.epoch)
	dst = binary.AppendUvarint(dst, h.first)
	dst = appendFlag(dst, h.synced)
	dst = appendText(dst, h.boot)
	dst = binary.AppendUvarint(dst, uint64(max(h.created.UnixNano(), 0)))
	dst = binary.AppendUvarint(dst, h.highest)
	return endEntry(dst, start)
}

// readHeader reads the header that a segment's bytes begin with, and how long
// it is; 0 if there is none that can be read.
func readHeader(b []byte) (header, int) {
	payload, length, found := readEntry(b)
	if found != whole || entryKind(payload[0]) != headerEntry {
		return header{}, 0
	}
	f := fields{rest: payload[1:]}
	var h header
	version := f.uint()
	copy(h.spool[:], f.bytes(len(h.spool)))
	h.publisher = f.text()
	if b := f.bytes(1); b != nil {
		h.lane = dataplane.Class(b[0])
	}
	h.epoch, h.first = f.uint(), f.uint()
	h.synced = f.flag()
	h.boot = f.text()
	h.created = time.Unix(0, int64(f.uint())).UTC()
	h.highest = f.uint()
	if version != formatVersion || !f.end() || !h.lane.Valid() {
		return header{}, 0
	}
	return h, length
}
