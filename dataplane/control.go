package dataplane

import "math"

// ControlUnsupported is the status of a reply to a kind that is not known.
const ControlUnsupported = "unsupported"

// Answer returns the reply to an order or a report; an empty status is done.
func (f *Control) Answer(status string) *Control {
	return &Control{Kind: f.Kind, Revision: f.Revision, Reply: true, Status: status}
}

// Control is an order from the cloud to the edge, a report from the edge, or the
// reply to either, which repeats its kind and revision. Fields: 1 kind,
// 2 revision, 3 reply, 4 status.
type Control struct {
	Kind     string
	Revision uint64
	Reply    bool
	Status   string // of a reply: empty is done
	Body     []byte
}

// Type returns TypeControl.
func (*Control) Type() FrameType { return TypeControl }

func (f *Control) writeFields(w *fieldWriter) {
	w.text(1, f.Kind)
	w.uint(2, f.Revision)
	if f.Reply {
		w.uint(3, 1)
	}
	w.text(4, f.Status)
}

func (f *Control) readField(tag uint64, w *wire) {
	switch tag {
	case 1:
		f.Kind = w.name("kind", MaxTopic)
	case 2:
		f.Revision = w.uvarint("revision", math.MaxUint64)
	case 3:
		f.Reply = w.uvarint("reply", 1) == 1
	case 4:
		f.Status = w.remark()
	}
}

func (f *Control) body() []byte { return f.Body }

func (f *Control) setBody(b []byte) error {
	f.Body = b
	return nil
}

// Bye says that the sender is leaving: nothing more comes from it. Field:
// 1 reason.
type Bye struct {
	bodiless
	Reason string // for people
}

// Type returns TypeBye.
func (*Bye) Type() FrameType { return TypeBye }

func (f *Bye) writeFields(w *fieldWriter) { w.text(1, f.Reason) }

func (f *Bye) readField(tag uint64, w *wire) {
	if tag == 1 {
		f.Reason = w.remark()
	}
}
