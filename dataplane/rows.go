package dataplane

import (
	"encoding/binary"
	"math"
	"time"
)

// appendRows packs messages one after the other:
//
//	uvarint  number of series
//	series   each once, see series.append
//	uvarint  number of records
//	record   each:
//	  uvarint  index of the series, times 2, plus 1 if a quality follows
//	  varint   time in Unix nanoseconds, less that of the record before
//	  varint   sequence of the series, less that of its record before
//	  value    Int varint, kindUint uvarint, Float 4 bytes, Double 8 bytes,
//	           Boolean 1 byte, String and Bytes a text
//	  text     quality, if it is not good
func appendRows(dst []byte, messages []Message) []byte {
	index, dictionary := indexSeries(messages)
	dst = binary.AppendUvarint(dst, uint64(len(dictionary)))
	for i := range dictionary {
		dst = dictionary[i].append(dst)
	}
	dst = binary.AppendUvarint(dst, uint64(len(messages)))
	seqs := make([]uint64, len(dictionary))
	var last int64
	for i := range messages {
		m := &messages[i]
		s := index[i]
		head := uint64(s) << 1
		if !m.Quality.IsGood() {
			head |= 1
		}
		dst = binary.AppendUvarint(dst, head)
		now := m.Time.UnixNano()
		dst = binary.AppendVarint(dst, now-last)
		last = now
		dst = binary.AppendVarint(dst, int64(m.Seq-seqs[s]))
		seqs[s] = m.Seq
		dst = appendValue(dst, m.Value)
		if head&1 == 1 {
			dst = appendText(dst, string(m.Quality))
		}
	}
	return dst
}

// indexSeries numbers the series of messages in the order of their first
// record. Devices are read in cycles, so that a series is mostly followed by
// the one that followed it before: that guess spares hashing.
func indexSeries(messages []Message) (index []uint32, dictionary []series) {
	index = make([]uint32, len(messages))
	known := make(map[series]uint32)
	var after []uint32 // by series: the one that came behind it
	var last uint32
	for i := range messages {
		s := seriesOf(&messages[i])
		if i > 0 && dictionary[after[last]] == s {
			last = after[last]
			index[i] = last
			continue
		}
		n, ok := known[s]
		if !ok {
			n = uint32(len(dictionary))
			known[s] = n
			dictionary = append(dictionary, s)
			after = append(after, n)
		}
		after[last] = n
		last, index[i] = n, n
	}
	return index, dictionary
}

// minRecord is the least that a record takes in either layout, in bytes: its
// series or place, time, sequence and value, one each.
const minRecord = 4

// readRows reads what appendRows packs.
func readRows(w *wire) []Message {
	dictionary := make([]series, 0, 16)
	for n := w.uvarint("number of series", MaxBatch); n > 0 && w.err == nil; n-- {
		dictionary = append(dictionary, w.series())
	}
	n := w.uvarint("number of records", MaxBatch)
	if w.err != nil || n > uint64(len(w.rest))/minRecord {
		w.fail("number of records")
		return nil
	}
	messages := make([]Message, n)
	seqs := make([]uint64, len(dictionary))
	var last int64
	for i := range messages {
		m := &messages[i]
		head := w.uvarint("index of series", math.MaxUint64)
		s := head >> 1
		if s >= uint64(len(dictionary)) {
			w.fail("index of series")
			return nil
		}
		dictionary[s].fill(m)
		last += w.varint("time")
		m.Time = time.Unix(0, last).UTC()
		seqs[s] += uint64(w.varint("sequence"))
		m.Seq = seqs[s]
		m.Value = w.value(dictionary[s].kind)
		if head&1 == 1 {
			m.Quality = w.quality()
		}
		if w.err != nil {
			return nil
		}
	}
	return messages
}

func appendValue(dst []byte, v Value) []byte {
	switch v.typ {
	case Int:
		if v.unsigned {
			return binary.AppendUvarint(dst, v.bits)
		}
		return binary.AppendVarint(dst, int64(v.bits))
	case Float:
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(math.Float64frombits(v.bits))))
	case Double:
		return binary.BigEndian.AppendUint64(dst, v.bits)
	case Boolean:
		return append(dst, byte(v.bits))
	}
	return appendText(dst, v.text)
}

func (w *wire) value(kind wireKind) Value {
	switch kind {
	case wireKind(Int):
		return IntValue(w.varint("int"))
	case kindUint:
		return UintValue(w.uvarint("unsigned int", math.MaxUint64))
	case wireKind(Float):
		if b := w.bytes("float", 4); b != nil {
			return FloatValue(math.Float32frombits(binary.BigEndian.Uint32(b)))
		}
	case wireKind(Double):
		if b := w.bytes("double", 8); b != nil {
			return DoubleValue(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
	case wireKind(Boolean):
		return BooleanValue(w.byte("boolean") != 0)
	case wireKind(String):
		return StringValue(w.text("string", MaxMessage))
	case wireKind(Bytes):
		return Value{typ: Bytes, text: w.text("bytes", MaxMessage)}
	}
	return Value{}
}

func (w *wire) quality() Quality {
	q := Quality(w.text("quality", MaxTopic))
	if w.err == nil && !q.valid() {
		w.fail("quality")
	}
	return q
}
