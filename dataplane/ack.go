package dataplane

import "math"

// Ack tells what the log holds, cumulatively. Fields: 1 session, 2 stored,
// 3 durable, 4 credit.
type Ack struct {
	bodiless
	Session uint64
	Stored  Mark   // the log answered for all up to here
	Durable Mark   // and this much survives a power loss: the edge may forget it
	Credit  uint64 // bytes that may be un-acked, absolute
}

// Type returns TypeAck.
func (*Ack) Type() FrameType { return TypeAck }

func (f *Ack) writeFields(w *fieldWriter) {
	w.uint(1, f.Session)
	w.mark(2, f.Stored)
	w.mark(3, f.Durable)
	w.uint(4, f.Credit)
}

func (f *Ack) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Session = w.uvarint("session", math.MaxUint64)
	case 2:
		f.Stored = w.mark("stored")
	case 3:
		f.Durable = w.mark("durable")
	case 4:
		f.Credit = w.uvarint("credit", math.MaxUint64)
	}
}

// Nack asks the edge to go back. Fields: 1 session, 2 expected.
type Nack struct {
	bodiless
	Session  uint64
	Expected Mark // the next record that is taken
}

// Type returns TypeNack.
func (*Nack) Type() FrameType { return TypeNack }

func (f *Nack) writeFields(w *fieldWriter) {
	w.uint(1, f.Session)
	w.mark(2, f.Expected)
}

func (f *Nack) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Session = w.uvarint("session", math.MaxUint64)
	case 2:
		f.Expected = w.mark("expected")
	}
}
