package cloudsvc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/rest"
)

var producedDefaults = rest.Defaults{Namespace: "default", Device: "labeller", Class: dataplane.RT, Clock: "cloudsvc's clock"}

func TestDecodeProduced(t *testing.T) {
	t.Parallel()
	plain := func(v dataplane.Value) dataplane.Message {
		return dataplane.Message{
			Topic: "sensor/a", Namespace: "default", Device: "labeller", Class: dataplane.RT, Value: v, Time: testTime, Quality: dataplane.BestEffort,
		}
	}
	full := plain(dataplane.FloatValue(21.5))
	full.Namespace, full.Device, full.Property, full.Unit, full.Class = "plant", "boiler-1", "temperature", "°C", dataplane.BT
	full.Time = time.Date(2026, 7, 1, 2, 3, 4, 5, time.UTC)
	bad, ahead := plain(dataplane.IntValue(1)), plain(dataplane.IntValue(1))
	bad.Quality = "bad: stuck"
	ahead.Time = testTime.Add(2 * time.Hour)
	ahead.Quality = "uncertain: time is more than 1h ahead of cloudsvc's clock"
	for frame, want := range map[string]dataplane.Message{
		`sensor/a 21.5`:                                      plain(dataplane.DoubleValue(21.5)),
		`sensor/a -7`:                                        plain(dataplane.IntValue(-7)),
		`sensor/a  true `:                                    plain(dataplane.BooleanValue(true)),
		`sensor/a "on <off>"`:                                plain(dataplane.StringValue("on <off>")),
		`sensor/a {"value":3}`:                               plain(dataplane.IntValue(3)),
		`sensor/a {"value":3,"quality":"good"}`:              plain(dataplane.IntValue(3)),
		`sensor/a {"value":1,"quality":"bad: stuck"}`:        bad,
		`sensor/a {"value":1,"time":"2026-08-01T14:00:00Z"}`: ahead,
		`sensor/a {"value":3,"topic":7,"id":{"no":"text"},"seq":"x","node":[],"timestamp":1.5,"Value":9,"value":4}`:                                                                plain(dataplane.IntValue(4)),
		`sensor/a {"value":21.5,"type":"float","namespace":"plant","device":"boiler-1","property":"temperature","unit":"°C","class":"bt","time":"2026-07-01T02:03:04.000000005Z"}`: full,
	} {
		got, err := decodeProduced([][]byte{[]byte(frame)}, []string{"sensor/a"}, &producedDefaults, testTime)
		if err != nil || got != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", frame, got, err, want)
		}
	}
}

func TestDecodeProducedRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		frames []string
		reason dropReason
		want   string
	}{
		{[]string{"a", "1"}, dropMalformed, `message of 2 frames: want one, "topic SP json"`},
		{[]string{"\xffgarbage"}, dropMalformed, `has no space: want "topic SP json"`},
		{[]string{""}, dropMalformed, `"" has no space`},
		{[]string{" 1"}, dropTopic, "topic is empty"},
		{[]string{"a//b 1"}, dropTopic, `topic "a//b" has an empty level`},
		{[]string{"$events/x 1"}, dropTopic, `begins with "$"`},
		{[]string{"other 1"}, dropTopic, `topic "other" is not registered: want one of those that are`},
		{[]string{"a "}, dropMalformed, "message to a: message is empty: want JSON"},
		{[]string{"a {"}, dropMalformed, "message to a: message is not JSON: it ends too soon"},
		{[]string{"a 1 2"}, dropMalformed, "message is not JSON: '2' behind its end"},
		{[]string{"a " + strings.Repeat("[", 20_000)}, dropMalformed, "too deeply nested"},
		{[]string{"a null"}, dropMalformed, "message to a: value is missing"},
		{[]string{"a [1]"}, dropMalformed, "message to a: value [1]: want a number, a boolean or a string"},
		{[]string{`a {"temperature":1}`}, dropMalformed, "message to a: value is missing"},
		{[]string{`a {"value":1,"device":"d e","class":"XT"}`}, dropMalformed, "(and 1 more)"},
		{[]string{`a {"value":1,"time":1700000000}`}, dropMalformed, "time is a JSON number: want a string"},
	}
	for _, tt := range tests {
		var frames [][]byte
		for _, frame := range tt.frames {
			frames = append(frames, []byte(frame))
		}
		_, err := decodeProduced(frames, []string{"a", "b"}, &producedDefaults, testTime)
		var drop *droppedError
		if !errors.As(err, &drop) || drop.reason != tt.reason || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.80q: got %v, want %s: %s", tt.frames, err, tt.reason, tt.want)
		}
	}
}

func FuzzDecodeProduced(f *testing.F) {
	for _, seed := range []string{"", "a 1", `a {"value":1}`, `a {"value":"x","time":"2026-08-01T14:00:00Z"}`, "a//b 1", "a [", "a null", "\xff \xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := decodeProduced([][]byte{frame}, nil, &producedDefaults, testTime)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		if err := m.Validate(); err != nil {
			t.Errorf("%q was taken: %v", frame, err)
		}
	})
}
