package dataplane

import (
	"strconv"
	"time"
)

// The topics of the messages that tell what happened. Their device is the node,
// the device, the device whose property it is, and the model.
const (
	NodeTopic     = EventTopic + "/node"
	DeviceTopic   = EventTopic + "/device"
	PropertyTopic = EventTopic + "/property"
	ModelTopic    = EventTopic + "/model"
)

// What may have happened to a node.
const (
	SpoolInMemory = "spool-in-memory" // its disk fails: what it accepts does not outlive the mapper
	SpoolOnDisk   = "spool-on-disk"   // and is well again
)

// What may have happened to a device, a property and a model, beside the states
// that a device has: online, offline and unhealthy.
const (
	Removed = "removed" // there is no such device any more
	Faulty  = "faulty"  // the property is not right: it is not read, or not written
	Missing = "missing" // there is a device of the model, and no model
	Mended  = "mended"  // what was faulty or missing is so no more
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
	// Missed is how many changes came before this one that are not told: there
	// were too many at a time.
	Missed uint64
}

// Value returns what the message says.
func (e *Event) Value() Value {
	dst := appendField(nil, `{"event":`, e.Event)
	dst = appendField(dst, `,"reason":`, e.Reason)
	dst = appendField(dst, `,"since":`, e.Since.UTC().Format(time.RFC3339Nano))
	if e.Missed > 0 {
		dst = strconv.AppendUint(append(dst, `,"missed":`...), e.Missed, 10)
	}
	return StringValue(string(append(dst, '}')))
}
