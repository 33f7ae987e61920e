package main

import (
	"strings"
	"testing"

	"datastub/dataplane"
)

// TestPrefixes holds what is subscribed to, to what is to come: a prefix must
// never hold back what the filter matches, in either format.
func TestPrefixes(t *testing.T) {
	tests := map[string]string{ // argument: prefixes
		"#":                          "",
		"default/":                   "",
		"+/sensor/#":                 "",
		"default/#":                  "",
		"default/+/boiler-1":         "",
		"default/sensor/":            "default/sensor sensor",
		"default/sensor/#":           "default/sensor sensor",
		"default/sensor/+/boiler-1":  "default/sensor sensor",
		"default/sensor/t/":          "default/sensor/t sensor",
		"default/sensor/t/boiler-1":  "default/sensor/t/boiler-1 sensor/t",
		"default/t/boiler-1":         "default/t/boiler-1 t",
		"other/sensor/t/boiler-1/#":  "other/sensor/t/boiler-1 sensor/t",
		"default/sensor/temperature": "default/sensor/temperature sensor",
	}
	var messages []dataplane.Message
	for _, namespace := range []string{"default", "other"} {
		for _, topic := range []string{"t", "sensor", "sensor/t", "sensor/t/u", "sensor/t/boiler-1", "sensor/temperature"} {
			for _, device := range []string{"boiler-1", "t", "temperature"} {
				messages = append(messages, dataplane.Message{Namespace: namespace, Topic: topic, Device: device})
			}
		}
	}
	for arg, want := range tests {
		filter, err := parsePrefix(arg)
		if err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		got := prefixes(filter)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", arg, got, want)
		}
		for i := range messages {
			m := &messages[i]
			if !filter.Match(m.Address()) || len(got) == 0 {
				continue
			}
			if !strings.HasPrefix(m.Address(), got[0]) || !strings.HasPrefix(m.Topic+" {", got[1]) {
				t.Errorf("%s: %q hold %s back", arg, got, m.Address())
			}
		}
	}
}

func TestDecodeLANRefuses(t *testing.T) {
	for name, frames := range map[string][]string{
		"no JSON":      {"a", "b"},
		"three frames": {"a", "{}", "{}"},
		"topic alone":  {"sensor/temperature"},
		"empty":        {""},
		"empty JSON":   {"a", ""},
		"a list":       {"a []"},
	} {
		var message [][]byte
		for _, f := range frames {
			message = append(message, []byte(f))
		}
		if e, err := decodeLAN(message); err == nil {
			t.Errorf("%s: got %+v, want an error", name, e)
		}
	}
}
