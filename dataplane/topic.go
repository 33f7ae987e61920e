package dataplane

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTopic is the longest topic and the longest name of any other kind, in
// bytes.
const MaxTopic = 256

// EventTopic is the first level of the topics that DataStub itself publishes
// events under: "$events/device", "$events/gap". No user may publish there,
// and a filter matches there only if it begins with a "$" too.
const EventTopic = "$events"

// ValidateTopic checks a topic that a user publishes to: levels split by "/",
// none empty, without "+", "#", spaces and control characters, not beginning
// with "$", of MaxTopic bytes at most.
func ValidateTopic(topic string) error {
	if err := validateName("topic", topic); err != nil {
		return err
	}
	for level := range strings.SplitSeq(topic, "/") {
		if level == "" {
			return fmt.Errorf("topic %q has an empty level: want levels split by one %q", topic, "/")
		}
	}
	return nil
}

// ValidateLevel checks a name that stands for one level of an address, a
// namespace or a device: as a topic, but without "/". The kind begins the
// error.
func ValidateLevel(kind, name string) error {
	if err := validateName(kind, name); err != nil {
		return err
	}
	if strings.Contains(name, "/") {
		return fmt.Errorf("%s %q has a %q: it is one level of an address", kind, name, "/")
	}
	return nil
}

func validateName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty", kind)
	case len(name) > MaxTopic:
		return fmt.Errorf("%s %.32q… is %d bytes long: the most is %d", kind, name, len(name), MaxTopic)
	case name[0] == '$':
		return fmt.Errorf("%s %q begins with %q, which is kept for events", kind, name, "$")
	}
	return validateRunes(kind, name)
}

// validateRunes checks for what no name and no literal level may hold.
func validateRunes(kind, name string) error {
	if plain(name) {
		return nil
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%s %q is not UTF-8", kind, name)
	}
	if i := strings.IndexFunc(name, forbidden); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		return fmt.Errorf("%s %q has %q at byte %d: wildcards, spaces and control characters are not allowed", kind, name, r, i)
	}
	return nil
}

// plain tells whether a name is of ASCII that is not forbidden, as most are.
func plain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == '+' || c == '#' {
			return false
		}
	}
	return true
}

// forbidden tells whether a rune may not stand in a name: a wildcard, white
// space or a control character.
func forbidden(r rune) bool {
	return r == '+' || r == '#' || unicode.IsSpace(r) || unicode.IsControl(r)
}

// EscapeLevel makes one level of any text, by percent-encoding what a level
// forbids, and the percent sign itself: two texts never become one. The level
// is valid unless the text was empty or it is now longer than MaxTopic.
func EscapeLevel(text string) string {
	var b strings.Builder
	for i, r := range text {
		bad := r == utf8.RuneError || r == '/' || r == '%' || (r == '$' && i == 0) || forbidden(r)
		if !bad {
			b.WriteRune(r)
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		for _, c := range []byte(text[i : i+size]) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Address returns <namespace>/<topic>/<device>: the name of a series on the
// LAN and over MQTT.
func Address(namespace, topic, device string) string {
	return namespace + "/" + topic + "/" + device
}
