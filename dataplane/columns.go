package dataplane

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// appendColumns packs messages by series and column, so that alike bytes
// stand together and compress well:
//
//	uvarint  number of records
//	uvarint  number of series
//	series   each, see series.append, followed by its records' columns:
//	  uvarint  number of records of the series
//	  uvarint… place in the batch, less that of the record before (first: itself)
//	  varint…  time in Unix nanoseconds, as second differences
//	  varint…  sequence of the series, as second differences
//	  values   Int varint… first differences, kindUint uvarint…, Float and
//	           Double all first bytes, then all second bytes …, Boolean a
//	           byte each, String and Bytes a text each
//	  uvarint  number of qualities that are not good
//	  quality  each: uvarint index in the series, text
func appendColumns(dst []byte, messages []Message) []byte {
	index, dictionary := indexSeries(messages)
	places := placesOf(index, len(dictionary))
	dst = binary.AppendUvarint(dst, uint64(len(messages)))
	dst = binary.AppendUvarint(dst, uint64(len(dictionary)))
	for s := range dictionary {
		dst = dictionary[s].append(dst)
		dst = appendSeriesColumns(dst, dictionary[s].kind, messages, places[s])
	}
	return dst
}

// placesOf returns where the records of each of n series stand, in one piece
// of memory.
func placesOf(index []uint32, n int) [][]uint32 {
	counts := make([]int, n)
	for _, s := range index {
		counts[s]++
	}
	free := make([]uint32, len(index))
	places := make([][]uint32, n)
	for s, count := range counts {
		places[s], free = free[:0:count], free[count:]
	}
	for i, s := range index {
		places[s] = append(places[s], uint32(i))
	}
	return places
}

func appendSeriesColumns(dst []byte, kind wireKind, messages []Message, places []uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(places)))
	var last uint32
	for _, p := range places {
		dst = binary.AppendUvarint(dst, uint64(p-last))
		last = p
	}
	var times, seqs delta2
	for _, p := range places {
		dst = binary.AppendVarint(dst, times.next(messages[p].Time.UnixNano()))
	}
	for _, p := range places {
		dst = binary.AppendVarint(dst, seqs.next(int64(messages[p].Seq)))
	}
	dst = appendValueColumn(dst, kind, messages, places)
	return appendQualities(dst, messages, places)
}

func appendValueColumn(dst []byte, kind wireKind, messages []Message, places []uint32) []byte {
	switch kind {
	case wireKind(Int):
		var last int64
		for _, p := range places {
			v := int64(messages[p].Value.bits)
			dst = binary.AppendVarint(dst, v-last)
			last = v
		}
	case wireKind(Float), wireKind(Double):
		size := floatSize(kind)
		start := len(dst)
		dst = slices.Grow(dst, size*len(places))[:start+size*len(places)]
		var b [8]byte
		for i, p := range places {
			raw := appendValue(b[:0], messages[p].Value)
			for plane := range size {
				dst[start+plane*len(places)+i] = raw[plane]
			}
		}
	default:
		for _, p := range places {
			dst = appendValue(dst, messages[p].Value)
		}
	}
	return dst
}

func appendQualities(dst []byte, messages []Message, places []uint32) []byte {
	count := 0
	for _, p := range places {
		if !messages[p].Quality.IsGood() {
			count++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(count))
	for i, p := range places {
		if q := messages[p].Quality; !q.IsGood() {
			dst = appendText(binary.AppendUvarint(dst, uint64(i)), string(q))
		}
	}
	return dst
}

// readColumns reads what appendColumns packs.
func readColumns(w *wire) []Message {
	n := w.uvarint("number of records", MaxBatch)
	if n > uint64(len(w.rest))/minRecord {
		w.fail("number of records")
		return nil
	}
	messages := make([]Message, n)
	filled := uint64(0)
	for s := w.uvarint("number of series", n); s > 0 && w.err == nil; s-- {
		filled += w.seriesColumns(messages)
	}
	if w.err == nil && filled != n {
		w.fail("a record of each place")
	}
	if w.err != nil {
		return nil
	}
	return messages
}

// seriesColumns reads one series and its columns into the places that they
// name, and returns how many those are.
func (w *wire) seriesColumns(messages []Message) uint64 {
	s := w.series()
	n := w.uvarint("number of records", uint64(len(messages)))
	places := make([]uint32, n)
	var place uint64
	for i := range places {
		step := w.uvarint("place", MaxBatch)
		if place += step; place >= uint64(len(messages)) || (i > 0 && step == 0) || w.err != nil {
			w.fail("place")
			return 0
		}
		places[i] = uint32(place)
		m := &messages[place]
		if m.Topic != "" {
			w.fail("place, taken twice")
			return 0
		}
		s.fill(m)
	}
	var times, seqs delta2
	for _, p := range places {
		messages[p].Time = time.Unix(0, times.undo(w.varint("time"))).UTC()
	}
	for _, p := range places {
		messages[p].Seq = uint64(seqs.undo(w.varint("sequence")))
	}
	w.valueColumn(s.kind, messages, places)
	w.qualities(messages, places)
	return n
}

func (w *wire) valueColumn(kind wireKind, messages []Message, places []uint32) {
	switch kind {
	case wireKind(Int):
		var last int64
		for _, p := range places {
			last += w.varint("int")
			messages[p].Value = IntValue(last)
		}
	case wireKind(Float), wireKind(Double):
		size := floatSize(kind)
		planes := w.bytes("floats", uint64(size*len(places)))
		if planes == nil {
			return
		}
		var raw [8]byte
		for i, p := range places {
			for plane := range size {
				raw[plane] = planes[plane*len(places)+i]
			}
			if kind == wireKind(Float) {
				messages[p].Value = FloatValue(math.Float32frombits(binary.BigEndian.Uint32(raw[:])))
			} else {
				messages[p].Value = DoubleValue(math.Float64frombits(binary.BigEndian.Uint64(raw[:])))
			}
		}
	default:
		for _, p := range places {
			messages[p].Value = w.value(kind)
		}
	}
}

func (w *wire) qualities(messages []Message, places []uint32) {
	for n := w.uvarint("number of qualities", uint64(len(places))); n > 0 && w.err == nil; n-- {
		i := w.uvarint("index of quality", MaxBatch)
		if i >= uint64(len(places)) {
			w.fail("index of quality")
			return
		}
		messages[places[i]].Quality = w.quality()
	}
}

func floatSize(kind wireKind) int {
	if kind == wireKind(Float) {
		return 4
	}
	return 8
}

// delta2 turns numbers into their second differences, and back: what rises
// evenly becomes zeros.
type delta2 struct{ last, step int64 }

func (d *delta2) next(v int64) int64 {
	step := v - d.last
	second := step - d.step
	d.last, d.step = v, step
	return second
}

func (d *delta2) undo(second int64) int64 {
	d.step += second
	d.last += d.step
	return d.last
}
