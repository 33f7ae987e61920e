package dataplane

import (
	"errors"
	"fmt"
	"strings"
)

// MaxBatch is the most messages in one Batch, and so in one Data frame: it
// bounds what a frame of 8 MiB can make of a reader's memory.
const MaxBatch = 1 << 16

// A Batch is a run of messages of one publisher and class with consecutive
// sequences of one epoch, First being the first message's.
type Batch struct {
	Publisher string
	Class     Class
	Epoch     uint64
	First     uint64
	Messages  []Message
}

// Last returns the sequence of the last message.
func (b *Batch) Last() uint64 { return b.First + uint64(len(b.Messages)) - 1 }

// identify gives the messages what they share or count: ID, Class and Node.
func (b *Batch) identify() {
	node := nodeOf(b.Publisher)
	for i := range b.Messages {
		m := &b.Messages[i]
		m.ID = ID{Publisher: b.Publisher, Class: b.Class, Epoch: b.Epoch, Seq: b.First + uint64(i)}
		m.Class, m.Node = b.Class, node
	}
}

// nodeOf returns the node of <node>/<mapper>.
func nodeOf(publisher string) string {
	node, _, _ := strings.Cut(publisher, "/")
	return node
}

// series is what the records of one batch have in common: it is written once.
type series struct {
	namespace, topic, device, property, unit string
	kind                                     wireKind
}

// wireKind is a value's type on the wire: a Type, or kindUint.
type wireKind uint8

// kindUint is an Int above the largest int64.
const kindUint wireKind = 7

func seriesOf(m *Message) series {
	kind := wireKind(m.Value.typ)
	if m.Value.unsigned {
		kind = kindUint
	}
	return series{m.Namespace, m.Topic, m.Device, m.Property, m.Unit, kind}
}

// append writes the series as it stands before its records:
//
//	text namespace, topic, device, property, unit; byte kind
//
// where a text is a length as unsigned varint and as many bytes.
func (s *series) append(dst []byte) []byte {
	for _, text := range [...]string{s.namespace, s.topic, s.device, s.property, s.unit} {
		dst = appendText(dst, text)
	}
	return append(dst, byte(s.kind))
}

// series reads a series and checks its names.
func (w *wire) series() series {
	s := series{
		namespace: w.text("namespace", MaxTopic),
		topic:     w.text("topic", MaxTopic),
		device:    w.text("device", MaxTopic),
		property:  w.text("property", MaxTopic),
		unit:      w.text("unit", MaxTopic),
		kind:      wireKind(w.byte("kind")),
	}
	if w.err != nil {
		return s
	}
	if s.kind < wireKind(Int) || s.kind > kindUint {
		w.fail("kind of value")
		return s
	}
	w.address(s.namespace, s.topic, s.device)
	return s
}

// address checks the names that a publisher gave to a series. It may send
// events, which a user may not.
func (w *wire) address(namespace, topic, device string) {
	if w.err != nil {
		return
	}
	err := errors.Join(
		ValidateTopic(strings.TrimPrefix(topic, EventTopic+"/")),
		ValidateLevel("namespace", namespace),
		ValidateLevel("device", device),
	)
	if err != nil {
		w.err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
}

// fill sets what the series says of a message.
func (s *series) fill(m *Message) {
	m.Namespace, m.Topic, m.Device, m.Property, m.Unit = s.namespace, s.topic, s.device, s.property, s.unit
}
