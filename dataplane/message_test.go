package dataplane

import (
	"strings"
	"testing"
	"time"
)

// reading returns a valid message; the tests change what they are about.
func reading() Message {
	return Message{
		ID:    ID{Publisher: "edge-1/mapper", Class: RT, Epoch: 7, Seq: 42},
		Topic: "sensor/temperature", Namespace: "default", Device: "boiler-1", Property: "temperature",
		Class: RT, Value: FloatValue(21.3), Unit: "°C",
		Time: time.Date(2026, 8, 1, 12, 0, 0, 123456789, time.UTC),
		Node: "edge-1", Seq: 42, Quality: Good,
	}
}

func TestMessageValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Message)
		err    string
	}{
		{"good", func(*Message) {}, ""},
		{"no property", func(m *Message) { m.Property, m.Unit, m.Quality = "", "", "" }, ""},
		{"oldest time", func(m *Message) { m.Time = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC) }, ""},
		{"topic", func(m *Message) { m.Topic = "" }, "topic is empty"},
		{"event", func(m *Message) { m.Topic = "$events/gap" }, `topic "$events/gap" begins with "$", which is kept for events`},
		{"property", func(m *Message) { m.Property = strings.Repeat("p", 257) }, `property "pppppppppppppppppppppppppppppppp"… is 257 bytes long: the most is 256`},
		{"unit", func(m *Message) { m.Unit = strings.Repeat("u", 257) }, `unit "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"… is 257 bytes long: the most is 256`},
		{"class", func(m *Message) { m.Class = 3 }, "class Class(3) is not RT or BT"},
		{"value", func(m *Message) { m.Value = Value{} }, "value is missing"},
		{"no time", func(m *Message) { m.Time = time.Time{} }, "time is missing"},
		{"late time", func(m *Message) { m.Time = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }, "time is in the year 9999: want 1678 to 2261"},
		{"quality", func(m *Message) { m.Quality = "poor" }, `quality "poor" is not good, best-effort, bad: reason or uncertain: reason`},
		{"size", func(m *Message) { m.Value = StringValue(strings.Repeat("x", MaxMessage)) }, "message is 1048699 bytes large: the most is 1048576"},
		{"several", func(m *Message) { m.Namespace, m.Device = "", "a/b" }, "namespace is empty\n" + `device "a/b" has a "/": it is one level of an address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := reading()
			tt.change(&m)
			if got := errText(m.Validate()); got != tt.err {
				t.Errorf("got %q, want %q", got, tt.err)
			}
		})
	}
}

func TestMessageAddress(t *testing.T) {
	t.Parallel()
	m := reading()
	if got, want := m.Address(), "default/sensor/temperature/boiler-1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
