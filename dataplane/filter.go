package dataplane

import (
	"fmt"
	"strings"
)

// A Filter selects topics as MQTT's filters do (MQTT 5.0, section 4.7): "+"
// is any one level, "#" at the end is all the rest, its parent included.
// Neither matches a first level that begins with "$".
type Filter struct{ text string }

// maxFilter is the longest filter, in bytes: an address's length, because
// filters match addresses too.
const maxFilter = 3*MaxTopic + 2

// ParseFilter checks a filter.
func ParseFilter(text string) (Filter, error) {
	if text == "" {
		return Filter{}, fmt.Errorf("filter is empty: want a topic, or a filter such as sensor/+/temperature or #")
	}
	if len(text) > maxFilter {
		return Filter{}, fmt.Errorf("filter %.32q… is %d bytes long: the most is %d", text, len(text), maxFilter)
	}
	levels := strings.Split(text, "/")
	for i, level := range levels {
		switch {
		case level == "#" && i == len(levels)-1, level == "+":
			continue
		case level == "#":
			return Filter{}, fmt.Errorf("filter %q has %q before its end: it is the last level or none", text, "#")
		case level == "":
			return Filter{}, fmt.Errorf("filter %q has an empty level", text)
		case strings.ContainsAny(level, "+#"):
			return Filter{}, fmt.Errorf("filter %q has a wildcard inside the level %q: it must be the whole level", text, level)
		}
		if err := validateRunes("filter level", level); err != nil {
			return Filter{}, err
		}
	}
	return Filter{text}, nil
}

// String returns the filter as it was parsed.
func (f Filter) String() string { return f.text }

// Levels returns the filter's levels.
func (f Filter) Levels() []string { return strings.Split(f.text, "/") }

// Match tells whether the filter selects a valid topic. The zero Filter
// selects none.
func (f Filter) Match(topic string) bool {
	filter := f.text
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$") {
		return false
	}
	for {
		fl, frest, fmore := strings.Cut(filter, "/")
		if fl == "#" {
			return true
		}
		tl, trest, tmore := strings.Cut(topic, "/")
		if fl != "+" && fl != tl {
			return false
		}
		if !tmore {
			return !fmore || frest == "#"
		}
		if !fmore {
			return false
		}
		filter, topic = frest, trest
	}
}
