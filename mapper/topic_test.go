package mapper

import (
	"strings"
	"testing"

	"datastub/dataplane"
)

func TestExpandTopic(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", dataplane.MaxTopic)
	for template, want := range map[string]string{ // a topic, or what is refused
		"{device}/{property}":          "d/a%2Fb",
		"../{property}":                "../a%2Fb", // a topic is no path: nothing makes one of it
		"..":                           "..",
		"{model}":                      "%24m",
		"../":                          `topic "../" has an empty level: want levels split by one "/"`,
		"a//b":                         `topic "a//b" has an empty level: want levels split by one "/"`,
		"a/+/b":                        `topic "a/+/b" has '+' at byte 2: wildcards, spaces and control characters are not allowed`,
		"a/#":                          `topic "a/#" has '#' at byte 2: wildcards, spaces and control characters are not allowed`,
		"a\x00b":                       `topic "a\x00b" has '\x00' at byte 1: wildcards, spaces and control characters are not allowed`,
		"a\nb":                         `topic "a\nb" has '\n' at byte 1: wildcards, spaces and control characters are not allowed`,
		"$events/x":                    `topic "$events/x" begins with "$", which is kept for events`,
		"{unit}":                       "a topic may contain {property}, {device} and {model}, and no other braces",
		"":                             "topic is empty",
		long:                           long,
		long + "x":                     `topic "` + long[:32] + `"… is 257 bytes long: the most is 256`,
		strings.Repeat("{model}", 147): "it is 1029 bytes long: the most is 1024, and 256 for the topic that comes of it",
	} {
		got, err := expandTopic(template, "a/b", "d", "$m")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.40q: got %q, want %q", template, got, want)
		}
	}
}
