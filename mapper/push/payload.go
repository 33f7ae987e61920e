package push

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"datastub/mapper"
)

// layout is how receivers of KubeEdge's mappers are told the time: that of the
// mapper's own zone.
const layout = "2006-01-02 15:04:05"

// form returns the body of a POST. KubeEdge's mappers escape nothing; here only
// what a form would read as something else is, so that who reads forms gets
// every value whole, and who reads text sees what there always was.
func form(property, text string, at time.Time) string {
	return escape(property) + "=" + escape(text) + "&time=" + at.Local().Format(layout)
}

// sentence returns what is published to an MQTT topic.
func sentence(topic, text string, at time.Time) string {
	return "time is " + at.Local().Format(layout) + "  " + topic + ": " + text
}

// textOf writes a value as KubeEdge's mappers do: numbers without exponent, and
// bytes as they are.
func textOf(value any) string {
	if b, ok := value.([]byte); ok {
		return string(b)
	}
	return mapper.FormatValue(value)
}

// escape escapes what has a meaning in a form, and what is no text.
func escape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if strings.ContainsRune("%&+=;", r) || r < ' ' || r == '\x7f' || (r == utf8.RuneError && size == 1) {
			fmt.Fprintf(&b, "%%%02X", text[i])
		} else {
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}
