package dataplane

import "time"

// NodeTopic is the topic of the messages that tell what happened to a node;
// their device is the node.
const NodeTopic = EventTopic + "/node"

// What may have happened to a node.
const (
	SpoolInMemory = "spool-in-memory" // its disk fails: what it accepts does not outlive the mapper
	SpoolOnDisk   = "spool-on-disk"   // and is well again
)

// An Event is what happened to what the message's device names, and why. It is
// the value of a message below EventTopic, as JSON in a string:
//
//	{"event":"spool-in-memory","reason":"no space left on device",
//	 "since":"2026-08-01T12:00:00Z"}
type Event struct {
	Event  string
	Reason string    // for people
	Since  time.Time // when it began, by the clock of who tells
}

// Value returns what the message says.
func (e *Event) Value() Value {
	dst := appendField(nil, `{"event":`, e.Event)
	dst = appendField(dst, `,"reason":`, e.Reason)
	dst = appendField(dst, `,"since":`, e.Since.UTC().Format(time.RFC3339Nano))
	return StringValue(string(append(dst, '}')))
}
