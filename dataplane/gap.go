package dataplane

import (
	"encoding/binary"
	"math"
)

// SeriesRange is what a gap means for one series.
type SeriesRange struct {
	Namespace, Topic, Device string
	First, Last              uint64 // sequences of the series
	Count                    uint64
}

// Gap stands in the place of records From to To, which will never come. It is
// stored and moves the high-water like the records would. Fields: 1 session,
// 2 lane, 3 epoch, 4 from, 5 to, 6 reason. The body is the series that had
// records there: a count, then namespace, topic, device, first, last and
// count of each; it is empty where they are not known.
type Gap struct {
	Session  uint64
	Lane     Class
	Epoch    uint64
	From, To uint64
	Reason   string // for people: "memory buffer full"
	Series   []SeriesRange
}

// maxGapSeries bounds the series that one GAP names; a publisher with more
// of them sends several.
const maxGapSeries = 1 << 16

// Type returns TypeGap.
func (*Gap) Type() FrameType { return TypeGap }

func (f *Gap) writeFields(w *fieldWriter) {
	w.uint(1, f.Session)
	w.uint(2, uint64(f.Lane))
	w.uint(3, f.Epoch)
	w.uint(4, f.From)
	w.uint(5, f.To)
	w.text(6, f.Reason)
}

func (f *Gap) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Session = w.uvarint("session", math.MaxUint64)
	case 2:
		f.Lane = Class(w.uvarint("lane", math.MaxUint8))
	case 3:
		f.Epoch = w.uvarint("epoch", math.MaxUint64)
	case 4:
		f.From = w.uvarint("from", math.MaxUint64)
	case 5:
		f.To = w.uvarint("to", math.MaxUint64)
	case 6:
		f.Reason = w.remark()
	}
}

func (f *Gap) body() []byte {
	if len(f.Series) == 0 {
		return nil
	}
	b := binary.AppendUvarint(nil, uint64(len(f.Series)))
	for _, s := range f.Series {
		b = appendText(appendText(appendText(b, s.Namespace), s.Topic), s.Device)
		b = binary.AppendUvarint(b, s.First)
		b = binary.AppendUvarint(b, s.Last)
		b = binary.AppendUvarint(b, s.Count)
	}
	return b
}

func (f *Gap) setBody(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	w := wire{rest: b}
	for n := w.uvarint("series count", maxGapSeries); n > 0 && w.err == nil; n-- {
		s := SeriesRange{
			Namespace: w.text("namespace", MaxTopic),
			Topic:     w.text("topic", MaxTopic),
			Device:    w.text("device", MaxTopic),
			First:     w.uvarint("first", math.MaxUint64),
			Last:      w.uvarint("last", math.MaxUint64),
			Count:     w.uvarint("count", math.MaxUint64),
		}
		w.address(s.Namespace, s.Topic, s.Device)
		f.Series = append(f.Series, s)
	}
	return w.end("the gap")
}

// EpochEnd stands between two epochs: the older one ended at Last, or at an
// unknown place. It is stored where it stands. Fields: 1 session, 2 lane,
// 3 epoch, 4 last, 5 unknown, 6 reason.
type EpochEnd struct {
	bodiless
	Session uint64
	Lane    Class
	Epoch   uint64
	Last    uint64
	Unknown bool   // what came behind Last, if anything, is not known
	Reason  string // for people, where it is not known: "the edge lost power"
}

// Type returns TypeEpochEnd.
func (*EpochEnd) Type() FrameType { return TypeEpochEnd }

func (f *EpochEnd) writeFields(w *fieldWriter) {
	w.uint(1, f.Session)
	w.uint(2, uint64(f.Lane))
	w.uint(3, f.Epoch)
	w.uint(4, f.Last)
	if f.Unknown {
		w.uint(5, 1)
	}
	w.text(6, f.Reason)
}

func (f *EpochEnd) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Session = w.uvarint("session", math.MaxUint64)
	case 2:
		f.Lane = Class(w.uvarint("lane", math.MaxUint8))
	case 3:
		f.Epoch = w.uvarint("epoch", math.MaxUint64)
	case 4:
		f.Last = w.uvarint("last", math.MaxUint64)
	case 5:
		f.Unknown = w.uvarint("unknown", 1) == 1
	case 6:
		f.Reason = w.remark()
	}
}
