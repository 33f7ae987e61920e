package cloudsvc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// producerNode is the node of what producers publish.
const producerNode = "zmq"

// producerName returns the publisher that a node is as a producer. What would
// be a third level is escaped: no two nodes become one.
func producerName(id string) string { return producerNode + "/" + dataplane.EscapeLevel(id) }

// dropReason tells why a message of a producer was not taken in. It is a
// metric's label.
type dropReason string

const (
	dropMalformed dropReason = "malformed" // it is not "topic SP json", or that is no message
	dropTopic     dropReason = "topic"     // the topic is wrong, or was not registered
	dropRate      dropReason = "rate"      // its producer sends too fast
	dropFull      dropReason = "full"      // too much of its producer's waits for the log
	dropTooLarge  dropReason = "too-large" // it is larger than a message may be, or than the log can hold
)

var dropReasons = [...]dropReason{dropMalformed, dropTopic, dropRate, dropFull, dropTooLarge}

// A droppedError is a message that was not taken in.
type droppedError struct {
	reason dropReason
	err    error
}

func (e *droppedError) Error() string { return e.err.Error() }
func (e *droppedError) Unwrap() error { return e.err }

func dropped(reason dropReason, format string, args ...any) error {
	return &droppedError{reason, fmt.Errorf(format, args...)}
}

// producedFields are what a producer may say of a message. Whatever else its
// JSON has is its own.
var producedFields = [...]string{"namespace", "device", "property", "class", "type", "value", "unit", "time", "quality"}

// decodeProduced reads one ZeroMQ message in the proposal's form:
//
//	+-------+----+------+
//	| topic | SP | json |
//	+-------+----+------+
//
// The JSON is a value, a number, a boolean or a string, or an object with the
// field value and others of a message as POST /publish takes it; fields that
// are not known are passed over, as is topic. Where topics are given, it must
// be to one of them. The error is a *droppedError.
func decodeProduced(frames [][]byte, topics []string, defaults *rest.Defaults, now time.Time) (dataplane.Message, error) {
	var m dataplane.Message
	if len(frames) != 1 {
		return m, dropped(dropMalformed, "message of %d frames: want one, %q", len(frames), "topic SP json")
	}
	name, text, ok := bytes.Cut(frames[0], []byte(" "))
	if !ok {
		return m, dropped(dropMalformed, "%.64q has no space: want %q", frames[0], "topic SP json")
	}
	topic := string(name)
	if err := dataplane.ValidateTopic(topic); err != nil {
		return m, dropped(dropTopic, "%w", err)
	}
	if _, found := slices.BinarySearch(topics, topic); len(topics) > 0 && !found {
		return m, dropped(dropTopic, "topic %q is not registered: want one of those that are", topic)
	}
	raw, err := asMessage(topic, text)
	if err == nil {
		m, err = defaults.Decode(raw, now)
	}
	if err != nil {
		return m, dropped(dropMalformed, "message to %s: %w", topic, rest.Invalid("", err))
	}
	if m.Quality.IsGood() {
		m.Quality = dataplane.BestEffort
	}
	return m, nil
}

// asMessage returns the JSON of a message that a producer published.
func asMessage(topic string, text []byte) ([]byte, error) {
	if err := dataplane.CheckJSON("message", text); err != nil {
		return nil, err
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	fields := make(map[string]json.RawMessage)
	switch text[0] {
	case '{':
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, errors.New("message is no JSON object") // CheckJSON has seen that it is
		}
		for field := range fields {
			if !slices.Contains(producedFields[:], field) {
				delete(fields, field)
			}
		}
	default:
		fields["value"] = text
	}
	fields["topic"], _ = json.Marshal(topic) // a string always marshals
	return json.Marshal(fields)
}
