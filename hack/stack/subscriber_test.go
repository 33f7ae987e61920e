package stack

import (
	"slices"
	"strings"
	"testing"
)

// TestReadLines: what was cut off is no line.
func TestReadLines(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string][]string{
		"":             nil,
		"one\n":        {"one"},
		"one\ntwo\n":   {"one", "two"},
		"one\ntw":      {"one"},
		"one\n\ntwo\n": {"one", "", "two"},
	} {
		var got []string
		readLines(strings.NewReader(stream), func(line []byte) { got = append(got, string(line)) })
		if !slices.Equal(got, want) {
			t.Errorf("lines of %q: got %q, want %q", stream, got, want)
		}
	}
}
