package push

import "datastub/mapper"

// A lane is what stays in order: the values of one property.
type lane struct {
	device   mapper.Key
	property string
}

// A letter is one value on its way to one destination.
type letter struct {
	lane   lane
	number uint64           // of the queue: older letters have lower ones
	http   *mapper.PushHTTP // where it goes: this,
	mqtt   *mapper.PushMQTT // or this
	body   string
	fate   fate   // what has become of it, set by a carrier
	reason string // why it was refused
}

// A fate is what has become of a letter.
type fate uint8

// The fates of letters.
const (
	kept      fate = iota // it is tried again
	delivered             // the receiver has it
	refused               // the receiver does not want it, and never will
)

// letterSize is what a letter takes beside its body, about, in bytes.
const letterSize = 160

func (l *letter) size() int64 { return int64(letterSize + len(l.body)) }
