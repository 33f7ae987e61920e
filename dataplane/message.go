package dataplane

import (
	"errors"
	"fmt"
	"time"
)

// MaxMessage is the largest message: its value, names and quality together,
// in bytes.
const MaxMessage = 1 << 20

// A Message is one value of one property of one device, read at one moment.
type Message struct {
	ID        ID
	Topic     string
	Namespace string
	Device    string
	Property  string // may be empty: not every publisher has properties
	Class     Class
	Value     Value
	Unit      string
	Time      time.Time // when the value was read at the edge
	Node      string
	Seq       uint64 // rises with each message of its node, topic and device
	Quality   Quality
}

// Address returns <namespace>/<topic>/<device>.
func (m *Message) Address() string { return Address(m.Namespace, m.Topic, m.Device) }

// Size is about how many bytes the message takes in memory or on a wire.
func (m *Message) Size() int {
	return 64 + len(m.Topic) + len(m.Namespace) + len(m.Device) + len(m.Property) +
		len(m.Unit) + len(m.Quality) + m.Value.size()
}

// Validate checks what a publisher must give, all but ID, Node and Seq, and
// returns all problems joined.
func (m *Message) Validate() error {
	errs := []error{
		ValidateTopic(m.Topic),
		ValidateLevel("namespace", m.Namespace),
		ValidateLevel("device", m.Device),
	}
	return errors.Join(append(errs, m.validateRest())...)
}

// validateRest checks what stands in no address.
func (m *Message) validateRest() error {
	var errs []error
	if len(m.Property) > MaxTopic || len(m.Unit) > MaxTopic {
		errs = append(errs, fmt.Errorf("property %.32q or unit %.32q is longer than %d bytes", m.Property, m.Unit, MaxTopic))
	}
	if !m.Class.Valid() {
		errs = append(errs, fmt.Errorf("class %v is not RT or BT", m.Class))
	}
	if m.Value.typ < Int || m.Value.typ > Bytes {
		errs = append(errs, errors.New("value is missing"))
	}
	if m.Time.IsZero() {
		errs = append(errs, errors.New("time is missing"))
	}
	if !m.Quality.valid() {
		errs = append(errs, fmt.Errorf("quality %.64q is not good, bad: reason or uncertain: reason", string(m.Quality)))
	}
	if n := m.Size(); n > MaxMessage {
		errs = append(errs, fmt.Errorf("message is %d bytes large: the most is %d", n, MaxMessage))
	}
	return errors.Join(errs...)
}
