package dataplane

import (
	"math"
)

// Layout says how a Data's records are laid out.
type Layout uint8

// The layouts.
const (
	Rows    Layout = 1 // one record after the other: RT
	Columns Layout = 2 // one column after the other, by series: BT
)

// Codec says how a Data's body is compressed.
type Codec uint8

// The codecs. Every reader knows all of them.
const (
	Plain Codec = 1
	Zstd  Codec = 2 // RFC 8878
	S2    Codec = 3 // the block format of Snappy, extended
)

// Data carries the records First to Last of one epoch of a lane. Fields:
// 1 session, 2 lane, 3 epoch, 4 first, 5 last, 6 layout, 7 codec, 8 raw size.
// The body is the packed records; see Packer.
type Data struct {
	Session     uint64
	Lane        Class
	Epoch       uint64
	First, Last uint64
	Layout      Layout
	Codec       Codec
	RawSize     uint64 // bytes of the body before compression
	Body        []byte
}

// Type returns TypeData.
func (*Data) Type() FrameType { return TypeData }

// Mark returns the mark of the last record.
func (f *Data) Mark() Mark { return Mark{Epoch: f.Epoch, Seq: f.Last} }

func (f *Data) writeFields(w *fieldWriter) {
	w.uint(1, f.Session)
	w.uint(2, uint64(f.Lane))
	w.uint(3, f.Epoch)
	w.uint(4, f.First)
	w.uint(5, f.Last)
	w.uint(6, uint64(f.Layout))
	w.uint(7, uint64(f.Codec))
	w.uint(8, f.RawSize)
}

func (f *Data) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Session = w.uvarint("session", math.MaxUint64)
	case 2:
		f.Lane = Class(w.uvarint("lane", math.MaxUint8))
	case 3:
		f.Epoch = w.uvarint("epoch", math.MaxUint64)
	case 4:
		f.First = w.uvarint("first", math.MaxUint64)
	case 5:
		f.Last = w.uvarint("last", math.MaxUint64)
	case 6:
		f.Layout = Layout(w.uvarint("layout", math.MaxUint8))
	case 7:
		f.Codec = Codec(w.uvarint("codec", math.MaxUint8))
	case 8:
		f.RawSize = w.uvarint("raw size", math.MaxUint64)
	}
}

func (f *Data) body() []byte { return f.Body }

func (f *Data) setBody(b []byte) error {
	f.Body = b
	return nil
}
