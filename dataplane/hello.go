package dataplane

import (
	"encoding/binary"
	"math"
	"time"
)

// SpoolID names one spool. A publisher that comes back with the same one
// takes its session over at once; with another one it is refused while the
// first is alive.
type SpoolID [16]byte

// EpochRange is what a spool still holds of one epoch.
type EpochRange struct {
	Epoch       uint64
	First, Last uint64 // Last is First-1 where the epoch is empty
}

// The bounds of a HELLO: what a stranger says first must not cost much.
const (
	maxEpochs    = 4096
	maxCodecs    = 16
	maxAuth      = 4096           // bytes
	maxPublisher = 2*MaxTopic + 1 // bytes: two levels
)

// Hello opens a session of one lane. Fields: 1 publisher, 2 spool id, 3 lane,
// 4 epochs, 5 clock, 6 lowest version, 7 highest version, 8 codecs, 9 auth,
// 10 software.
type Hello struct {
	bodiless
	Publisher              string
	Spool                  SpoolID
	Lane                   Class
	Epochs                 []EpochRange // rising
	Clock                  time.Time
	MinVersion, MaxVersion uint64
	Codecs                 []Codec
	Auth                   []byte
	Software               string // for people: "datastub-mapper v0.1.0"
}

// Type returns TypeHello.
func (*Hello) Type() FrameType { return TypeHello }

func (f *Hello) writeFields(w *fieldWriter) {
	w.text(1, f.Publisher)
	w.bytes(2, f.Spool[:])
	w.uint(3, uint64(f.Lane))
	var epochs []byte
	for _, e := range f.Epochs {
		epochs = binary.AppendUvarint(epochs, e.Epoch)
		epochs = binary.AppendUvarint(epochs, e.First)
		epochs = binary.AppendUvarint(epochs, e.Last)
	}
	w.bytes(4, epochs)
	w.int(5, unixNano(f.Clock))
	w.uint(6, f.MinVersion)
	w.uint(7, f.MaxVersion)
	codecs := make([]byte, len(f.Codecs))
	for i, c := range f.Codecs {
		codecs[i] = byte(c)
	}
	w.bytes(8, codecs)
	w.bytes(9, f.Auth)
	w.text(10, f.Software)
}

func (f *Hello) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Publisher = w.name("publisher", maxPublisher)
	case 2:
		if len(w.rest) != len(f.Spool) {
			w.fail("spool id of 16 bytes")
		}
		copy(f.Spool[:], w.rest)
	case 3:
		f.Lane = Class(w.uvarint("lane", math.MaxUint8))
	case 4:
		for len(w.rest) > 0 {
			if len(f.Epochs) == maxEpochs {
				w.fail("number of epochs")
				return
			}
			f.Epochs = append(f.Epochs, EpochRange{
				Epoch: w.uvarint("epoch", math.MaxUint64),
				First: w.uvarint("first", math.MaxUint64),
				Last:  w.uvarint("last", math.MaxUint64),
			})
		}
	case 5:
		f.Clock = time.Unix(0, w.varint("clock")).UTC()
	case 6:
		f.MinVersion = w.uvarint("version", math.MaxUint64)
	case 7:
		f.MaxVersion = w.uvarint("version", math.MaxUint64)
	case 8:
		for _, c := range w.bytes("codecs", min(uint64(len(w.rest)), maxCodecs)) {
			f.Codecs = append(f.Codecs, Codec(c))
		}
	case 9:
		f.Auth = []byte(w.name("auth", maxAuth))
	case 10:
		f.Software = w.remark()
	}
}

// HelloOK grants a session. Fields: 1 session, 2 stored, 3 durable, 4 credit,
// 5 clock, 6 version, 7 largest frame.
type HelloOK struct {
	bodiless
	Session  uint64
	Stored   Mark   // the edge goes on behind it, even if it is lower than an earlier ack
	Durable  Mark   // the edge may forget up to here
	Credit   uint64 // bytes that may be un-acked, absolute
	Clock    time.Time
	Version  uint64
	MaxFrame uint64 // bytes
}

// Type returns TypeHelloOK.
func (*HelloOK) Type() FrameType { return TypeHelloOK }

func (f *HelloOK) writeFields(w *fieldWriter) {
	w.uint(1, f.Session)
	w.mark(2, f.Stored)
	w.mark(3, f.Durable)
	w.uint(4, f.Credit)
	w.int(5, unixNano(f.Clock))
	w.uint(6, f.Version)
	w.uint(7, f.MaxFrame)
}

func (f *HelloOK) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Session = w.uvarint("session", math.MaxUint64)
	case 2:
		f.Stored = w.mark("stored")
	case 3:
		f.Durable = w.mark("durable")
	case 4:
		f.Credit = w.uvarint("credit", math.MaxUint64)
	case 5:
		f.Clock = time.Unix(0, w.varint("clock")).UTC()
	case 6:
		f.Version = w.uvarint("version", math.MaxUint64)
	case 7:
		f.MaxFrame = w.uvarint("largest frame", math.MaxUint64)
	}
}

// unixNano returns the time in nanoseconds, 0 for the zero time.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
