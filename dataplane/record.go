package dataplane

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// AppendRecord appends a message as a record that stands alone, for where it
// is kept by itself and not among others in a frame:
//
//	series   see series.append
//	varint   time in Unix nanoseconds
//	uvarint  sequence of the series
//	value    see appendRows
//	text     quality, empty if it is good
//
// ID, Class and Node are not in it: they are those of the place where it is
// kept.
func AppendRecord(dst []byte, m *Message) []byte {
	s := seriesOf(m)
	dst = s.append(dst)
	dst = binary.AppendVarint(dst, m.Time.UnixNano())
	dst = binary.AppendUvarint(dst, m.Seq)
	dst = appendValue(dst, m.Value)
	if m.Quality.IsGood() {
		return append(dst, 0)
	}
	return appendText(dst, string(m.Quality))
}

// DecodeRecord reads what AppendRecord writes, and checks it.
func DecodeRecord(b []byte) (Message, error) {
	w := wire{rest: b}
	var m Message
	s := w.series()
	s.fill(&m)
	m.Time = time.Unix(0, w.varint("time")).UTC()
	m.Seq = w.uvarint("sequence", math.MaxUint64)
	m.Value = w.value(s.kind)
	m.Quality = w.optionalQuality()
	if err := w.end("the record"); err != nil {
		return Message{}, fmt.Errorf("record of %d bytes: %w", len(b), err)
	}
	return m, nil
}

// optionalQuality reads a quality, or the empty text for a good one.
func (w *wire) optionalQuality() Quality {
	if len(w.rest) > 0 && w.rest[0] == 0 {
		w.rest = w.rest[1:]
		return ""
	}
	return w.quality()
}
