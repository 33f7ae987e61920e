package spool

import "encoding/binary"

// A sealed segment ends with a footer, so that what is lost with the segment
// can be told without reading it:
//
//	byte     what was accepted behind it in its epoch, see behind
//	uvarint  number of records
//	uvarint  number of series
//	series   each: text namespace, topic, device; uvarint first, last, count
//
// Behind the footer's entry stands the trailer: where in the file that entry
// begins, as a uint64, and trailerMagic.
const trailerLength = 12

const trailerMagic = 0xda7a5b01

// behind is what was accepted behind a segment, in its epoch.
type behind byte

const (
	another behind = 0 // what the next segment holds, if there was one
	nothing behind = 1
	unknown behind = 2
)

// footer is what a sealed segment says of itself.
type footer struct {
	behind  behind
	records uint64
	series  []seriesCount // by key
}

// append appends the footer and the trailer of a segment that is at bytes long
// without them.
func (f *footer) append(dst []byte, at int64) []byte {
	start := len(dst)
	dst = beginEntry(dst, footerEntry)
	dst = append(dst, byte(f.behind))
	dst = binary.AppendUvarint(dst, f.records)
	dst = binary.AppendUvarint(dst, uint64(len(f.series)))
	for _, s := range f.series {
		dst = appendKey(dst, s.key)
		dst = binary.AppendUvarint(dst, s.first)
		dst = binary.AppendUvarint(dst, s.last)
		dst = binary.AppendUvarint(dst, s.count)
	}
	dst = endEntry(dst, start)
	dst = binary.BigEndian.AppendUint64(dst, uint64(at))
	return binary.BigEndian.AppendUint32(dst, trailerMagic)
}

// readFooter reads a footer's payload, behind the kind.
func readFooter(b []byte) (footer, bool) {
	r := newEntryReader(b)
	var foot footer
	foot.behind = behind(r.Byte())
	foot.records = r.Uvarint()
	for range r.Count(6) {
		foot.series = append(foot.series, seriesCount{key: r.key(), first: r.Uvarint(), last: r.Uvarint(), count: r.Uvarint()})
	}
	return foot, r.End()
}

// readTrailer returns where the footer of a segment of so many bytes begins,
// by its last bytes; false if it has no trailer.
func readTrailer(b []byte, size int64) (at int64, ok bool) {
	if len(b) != trailerLength || binary.BigEndian.Uint32(b[8:]) != trailerMagic {
		return 0, false
	}
	at = int64(binary.BigEndian.Uint64(b))
	return at, at > 0 && at < size-trailerLength && size-at <= maxPayload
}
