package dataplane

import "time"

// Ping asks for a sign of life, from either end. Field: 1 the sender's clock;
// without one it only asks whether what went before it has come, and the answer
// is a Pong and nothing else.
type Ping struct {
	bodiless
	T1 time.Time
}

// Type returns TypePing.
func (*Ping) Type() FrameType { return TypePing }

func (f *Ping) writeFields(w *fieldWriter) { w.int(1, unixNano(f.T1)) }

func (f *Ping) readField(tag uint64, w *wire) {
	if tag == 1 {
		f.T1 = time.Unix(0, w.varint("t1")).UTC()
	}
}

// Pong answers a Ping. Fields: 1 the Ping's clock, 2 and 3 the answerer's
// when the Ping came and when the Pong went.
type Pong struct {
	bodiless
	T1, T2, T3 time.Time
}

// Type returns TypePong.
func (*Pong) Type() FrameType { return TypePong }

func (f *Pong) writeFields(w *fieldWriter) {
	w.int(1, unixNano(f.T1))
	w.int(2, unixNano(f.T2))
	w.int(3, unixNano(f.T3))
}

func (f *Pong) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.T1 = time.Unix(0, w.varint("t1")).UTC()
	case 2:
		f.T2 = time.Unix(0, w.varint("t2")).UTC()
	case 3:
		f.T3 = time.Unix(0, w.varint("t3")).UTC()
	}
}
