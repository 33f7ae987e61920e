package client

import (
	"encoding/json"
	"time"

	"datastub/dataplane"
)

// newMessage is a message as /publish takes it: what cloudsvc gives is left
// out, and so is what has a default there and is zero.
type newMessage struct {
	Topic     string            `json:"topic"`
	Namespace string            `json:"namespace,omitempty"`
	Device    string            `json:"device,omitempty"`
	Property  string            `json:"property,omitempty"`
	Class     string            `json:"class,omitempty"`
	Type      string            `json:"type,omitempty"`
	Value     json.RawMessage   `json:"value,omitempty"`
	Unit      string            `json:"unit,omitempty"`
	Time      *time.Time        `json:"time,omitempty"`
	Quality   dataplane.Quality `json:"quality,omitempty"`
}

func newMessages(messages []dataplane.Message) []newMessage {
	converted := make([]newMessage, len(messages))
	for i := range messages {
		m := &messages[i]
		n := newMessage{
			Topic: m.Topic, Namespace: m.Namespace, Device: m.Device, Property: m.Property,
			Unit: m.Unit, Quality: m.Quality,
		}
		if m.Class != 0 {
			n.Class = m.Class.String()
		}
		if typ := m.Value.Type(); typ != 0 {
			n.Type, n.Value = typ.String(), m.Value.AppendJSON(nil)
		}
		if !m.Time.IsZero() {
			n.Time = &m.Time
		}
		converted[i] = n
	}
	return converted
}
