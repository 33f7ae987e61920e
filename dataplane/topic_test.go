package dataplane

import (
	"strings"
	"testing"
)

func TestValidateTopic(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ topic, err string }{
		{"t", ""},
		{"sensor/temperature", ""},
		{"sensor/$raw", ""},
		{"дом/温度/🌡", ""},
		{"a.b-c_d:e@f%20", ""},
		{strings.Repeat("x", MaxTopic), ""},
		{strings.Repeat("x", MaxTopic+1), `topic "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… is 257 bytes long: the most is 256`},
		{"", "topic is empty"},
		{"/", `topic "/" has an empty level: want levels split by one "/"`},
		{"/a", `topic "/a" has an empty level: want levels split by one "/"`},
		{"a/", `topic "a/" has an empty level: want levels split by one "/"`},
		{"a//b", `topic "a//b" has an empty level: want levels split by one "/"`},
		{"$events/gap", `topic "$events/gap" begins with "$", which is kept for events`},
		{"a/+", `topic "a/+" has '+' at byte 2: wildcards, spaces and control characters are not allowed`},
		{"a#", `topic "a#" has '#' at byte 1: wildcards, spaces and control characters are not allowed`},
		{"a b", `topic "a b" has ' ' at byte 1: wildcards, spaces and control characters are not allowed`},
		{"a\x00", `topic "a\x00" has '\x00' at byte 1: wildcards, spaces and control characters are not allowed`},
		{"é\u00a0", `topic "é\u00a0" has '\u00a0' at byte 2: wildcards, spaces and control characters are not allowed`},
		{"a\xff", `topic "a\xff" is not UTF-8`},
	} {
		if got := errText(ValidateTopic(tt.topic)); got != tt.err {
			t.Errorf("ValidateTopic(%q) = %q, want %q", tt.topic, got, tt.err)
		}
	}
}

func TestValidateLevel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, err string }{
		{"boiler-1", ""},
		{"a.b", ""},
		{"", "device is empty"},
		{"a/b", `device "a/b" has a "/": it is one level of an address`},
		{"a+", `device "a+" has '+' at byte 1: wildcards, spaces and control characters are not allowed`},
	} {
		if got := errText(ValidateLevel("device", tt.name)); got != tt.err {
			t.Errorf("ValidateLevel(%q) = %q, want %q", tt.name, got, tt.err)
		}
	}
}

func TestEscapeLevel(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, tt := range []struct{ text, want string }{
		{"boiler-1", "boiler-1"},
		{"boiler 1", "boiler%201"},
		{"a/b", "a%2Fb"},
		{"a%2Fb", "a%252Fb"},
		{"$x$", "%24x$"},
		{"+#", "%2B%23"},
		{"温度", "温度"},
		{"\u00a0\t", "%C2%A0%09"},
		{"\xff", "%FF"},
		{"\ufffd", "%EF%BF%BD"},
		{"", ""},
	} {
		got := EscapeLevel(tt.text)
		if got != tt.want {
			t.Errorf("EscapeLevel(%q) = %q, want %q", tt.text, got, tt.want)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q both become %q", tt.text, other, got)
		}
		seen[got] = tt.text
		if err := ValidateLevel("level", got); err != nil && tt.text != "" {
			t.Error(err)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	if got, want := Address("default", "sensor/temperature", "boiler-1"), "default/sensor/temperature/boiler-1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
