package dataplane

import (
	"fmt"
	"math"
	"time"
)

// RefuseCode says why a session was refused or ended.
type RefuseCode uint64

// The reasons for a Refuse.
const (
	RefuseMalformed    RefuseCode = 1 // the HELLO or a frame behind it made no sense
	RefuseVersion      RefuseCode = 2 // no version in common
	RefuseInUse        RefuseCode = 3 // the publisher is alive with another spool
	RefuseSuperseded   RefuseCode = 4 // a newer session of the publisher took over
	RefuseEpochBehind  RefuseCode = 5 // another spool already used a higher epoch; see HighWater
	RefuseSession      RefuseCode = 6 // the session is not known here: say HELLO
	RefuseUnauthorized RefuseCode = 7
	RefuseFull         RefuseCode = 8 // as many publishers as may be are known
)

var refuseNames = [...]string{
	RefuseMalformed: "malformed", RefuseVersion: "version", RefuseInUse: "in use", RefuseSuperseded: "superseded",
	RefuseEpochBehind: "epoch behind", RefuseSession: "unknown session", RefuseUnauthorized: "unauthorized",
	RefuseFull: "full",
}

// String returns the code's name.
func (c RefuseCode) String() string {
	if c >= RefuseMalformed && c <= RefuseFull {
		return refuseNames[c]
	}
	return fmt.Sprintf("RefuseCode(%d)", uint64(c))
}

// maxAddress is the longest address of a Refuse, in bytes.
const maxAddress = 512

// Refuse ends a session, or declines to open one. Fields: 1 code, 2 text,
// 3 retry after, 4 address, 5 high-water.
type Refuse struct {
	bodiless
	Code       RefuseCode
	Text       string        // for people
	RetryAfter time.Duration // 0: the edge's own back-off
	Address    string        // where to go instead; empty: the same
	HighWater  Mark          // with RefuseEpochBehind
}

// Type returns TypeRefuse.
func (*Refuse) Type() FrameType { return TypeRefuse }

func (f *Refuse) writeFields(w *fieldWriter) {
	w.uint(1, uint64(f.Code))
	w.text(2, f.Text)
	w.uint(3, uint64(f.RetryAfter/time.Millisecond))
	w.text(4, f.Address)
	w.mark(5, f.HighWater)
}

func (f *Refuse) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Code = RefuseCode(w.uvarint("code", math.MaxUint64))
	case 2:
		f.Text = w.remark()
	case 3:
		f.RetryAfter = time.Duration(w.uvarint("retry after", uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
	case 4:
		f.Address = w.name("address", maxAddress)
	case 5:
		f.HighWater = w.mark("high-water")
	}
}
