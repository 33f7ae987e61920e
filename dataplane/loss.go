package dataplane

import (
	"encoding/json"
	"strconv"
)

// GapTopic is the topic of the messages that tell of a gap.
const GapTopic = EventTopic + "/gap"

// lossEvent is what a message of GapTopic says has happened: records were lost
// before they were stored.
const lossEvent = "lost"

// A Loss is what will never come, as applications are told: records of one
// series, or, where it is not known of which, of a publisher. It is the value
// of a message of GapTopic, as JSON in a string:
//
//	{"event":"lost","publisher":"edge-1/mapper","topic":"sensor/temperature",
//	 "device":"boiler-1","from":42,"to":53,"count":12,
//	 "reason":"the edge's memory was full"}
//
// Its namespace is the message's. Where nobody knows how much was lost behind a
// record, if anything, there is neither to nor count.
type Loss struct {
	Publisher string // <node>/<mapper>
	Namespace string
	// Topic and Device are empty where the series are not known. Then any of
	// the publisher's series may have lost something.
	Topic, Device string
	// From and To are the first and the last sequence lost, of the series, as
	// in Message.Seq; where that is not known, of the publisher's records, as in
	// ID.Seq. To and Count are 0 where it is not known how much was lost: From is
	// the first that may be.
	From, To uint64
	Count    uint64
	Reason   string // for people: "the edge's memory was full"
}

// IsUnknown tells whether it is not known how much was lost.
func (l *Loss) IsUnknown() bool { return l.To == 0 }

// Value returns what a message of GapTopic says.
func (l *Loss) Value() Value { return StringValue(string(l.appendJSON(nil))) }

func (l *Loss) appendJSON(dst []byte) []byte {
	dst = appendField(dst, `{"event":`, lossEvent)
	dst = appendField(dst, `,"publisher":`, l.Publisher)
	dst = appendField(dst, `,"topic":`, l.Topic)
	dst = appendField(dst, `,"device":`, l.Device)
	dst = strconv.AppendUint(append(dst, `,"from":`...), l.From, 10)
	if !l.IsUnknown() {
		dst = strconv.AppendUint(append(dst, `,"to":`...), l.To, 10)
		dst = strconv.AppendUint(append(dst, `,"count":`...), l.Count, 10)
	}
	dst = appendField(dst, `,"reason":`, l.Reason)
	return append(dst, '}')
}

// Loss returns what a message says was lost. It is false for every message
// that is not of GapTopic, and for one that tells of a gap of another kind.
func (m *Message) Loss() (Loss, bool) {
	text, ok := m.Value.Text()
	if m.Topic != GapTopic || !ok {
		return Loss{}, false
	}
	var said struct {
		Event, Publisher, Topic, Device, Reason string
		From, To, Count                         uint64
	}
	if json.Unmarshal([]byte(text), &said) != nil || said.Event != lossEvent {
		return Loss{}, false
	}
	return Loss{
		Publisher: said.Publisher, Namespace: m.Namespace, Topic: said.Topic, Device: said.Device,
		From: said.From, To: said.To, Count: said.Count, Reason: said.Reason,
	}, true
}
