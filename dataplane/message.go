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
// returns all problems joined. What it passes, a Packer can pack.
func (m *Message) Validate() error {
	return errors.Join(
		ValidateTopic(m.Topic),
		ValidateLevel("namespace", m.Namespace),
		ValidateLevel("device", m.Device),
		validateLength("property", m.Property),
		validateLength("unit", m.Unit),
		validateTime(m.Time),
		m.validateRest(),
	)
}

func (m *Message) validateRest() error {
	var errs []error
	if !m.Class.Valid() {
		errs = append(errs, fmt.Errorf("class %v is not RT or BT", m.Class))
	}
	if m.Value.typ < Int || m.Value.typ > Bytes {
		errs = append(errs, errors.New("value is missing"))
	}
	if err := m.Quality.validate(); err != nil {
		errs = append(errs, err)
	}
	if n := m.Size(); n > MaxMessage {
		errs = append(errs, fmt.Errorf("message is %d bytes large: the most is %d", n, MaxMessage))
	}
	return errors.Join(errs...)
}

func validateLength(kind, text string) error {
	if len(text) > MaxTopic {
		return fmt.Errorf("%s %.32q… is %d bytes long: the most is %d", kind, text, len(text), MaxTopic)
	}
	return nil
}

// validateTime checks that nanoseconds since 1970 can count the time.
func validateTime(t time.Time) error {
	if t.IsZero() {
		return errors.New("time is missing")
	}
	if !time.Unix(0, t.UnixNano()).Equal(t) {
		return fmt.Errorf("time is in the year %d: want 1678 to 2261", t.Year())
	}
	return nil
}
