package main

import (
	"strings"
	"testing"
	"time"

	"datastub/cloudsvc/client/clienttest"
	"datastub/dataplane"
)

func TestEventText(t *testing.T) {
	text := eventText{zone: time.UTC}
	long := strings.Repeat("x", maxText+1)
	for _, tt := range []struct {
		message dataplane.Message
		want    string
	}{
		{dataplane.Message{Topic: "sensor/temperature", Device: "boiler-1", Value: dataplane.FloatValue(21.3), Unit: "°C"},
			"12:00:00.123  RT  default/sensor/temperature/boiler-1  21.3 °C"},
		{dataplane.Message{Topic: "a", Device: "d", Value: dataplane.BooleanValue(true)},
			"12:00:00.123  RT  default/a/d                          true"},
		{dataplane.Message{Topic: "a", Device: "d", Value: dataplane.IntValue(7), Quality: "bad: stuck"},
			"12:00:00.123  RT  default/a/d                          7  (bad: stuck)"},
		{dataplane.Message{Topic: "a", Device: "d", Value: dataplane.StringValue("\x1b[2Jx")},
			`12:00:00.123  RT  default/a/d                          "\x1b[2Jx"`},
		{dataplane.Message{Topic: "a", Device: "d", Value: dataplane.StringValue(""), Unit: "\x1b"},
			`12:00:00.123  RT  default/a/d                          "" �`},
		{dataplane.Message{Topic: "a", Device: "d", Value: dataplane.StringValue(long)},
			`12:00:00.123  RT  default/a/d                          ` + long[:maxText] + "…"},
	} {
		m := tt.message
		m.Namespace, m.Class, m.Time = "default", dataplane.RT, clienttest.Time.Add(123*time.Millisecond)
		if got := text.line(&m); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
	}
}

func TestPublishedValue(t *testing.T) {
	tests := []struct {
		value, typeName string
		want            dataplane.Value
	}{
		{"21", "", dataplane.IntValue(21)},
		{"-4", "", dataplane.IntValue(-4)},
		{"21.5", "", dataplane.DoubleValue(21.5)},
		{"true", "", dataplane.BooleanValue(true)},
		{"null", "", dataplane.StringValue("null")},
		{"", "", dataplane.StringValue("")},
		{" 1", "", dataplane.StringValue(" 1")},
		{`"x"`, "", dataplane.StringValue(`"x"`)},
		{"[1]", "", dataplane.StringValue("[1]")},
		{"007", "", dataplane.StringValue("007")},
		{"21", "string", dataplane.StringValue("21")},
		{"21", "float", dataplane.FloatValue(21)},
		{"AQI=", "bytes", dataplane.BytesValue([]byte{1, 2})},
	}
	for _, tt := range tests {
		m := newMessage{topic: "a", value: tt.value, typeName: tt.typeName}
		if got, err := m.message(); err != nil || got.Value != tt.want {
			t.Errorf("%q as %q: got %v, %v, want %v", tt.value, tt.typeName, got.Value, err, tt.want)
		}
	}
}
