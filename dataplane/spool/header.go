package spool

import (
	"encoding/binary"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/fields"
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
	dst = fields.AppendText(dst, h.publisher)
	dst = append(dst, byte(h.lane))
	dst = binary.AppendUvarint(dst, h.epoch)
	dst = binary.AppendUvarint(dst, h.first)
	dst = fields.AppendBool(dst, h.synced)
	dst = fields.AppendText(dst, h.boot)
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
	r := newEntryReader(payload[1:])
	var h header
	version := r.Uvarint()
	copy(h.spool[:], r.Bytes(uint64(len(h.spool))))
	h.publisher = r.Text()
	h.lane = dataplane.Class(r.Byte())
	h.epoch, h.first = r.Uvarint(), r.Uvarint()
	h.synced = r.flag()
	h.boot = r.Text()
	h.created = time.Unix(0, int64(r.Uvarint())).UTC()
	h.highest = r.Uvarint()
	if version != formatVersion || !r.End() || !h.lane.Valid() {
		return header{}, 0
	}
	return h, length
}
