package dataplane

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// The examples of MQTT 5.0, section 4.7, and what lies around them.
func TestFilterMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		filter string
		match  []string
		not    []string
	}{
		{"sensor/temperature", []string{"sensor/temperature"}, []string{"sensor", "sensor/temperature/a", "sensor/Temperature", "sensor/temperatur"}},
		{"#", []string{"sensor", "sensor/temperature"}, []string{"$events/gap"}},
		{"sport/tennis/player1/#", []string{"sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"}, []string{"sport/tennis", "sport/tennis/player12", "sport/tennis/player2/ranking"}},
		{"sport/#", []string{"sport", "sport/a"}, []string{"sports", "spor"}},
		{"sport/tennis/+", []string{"sport/tennis/player1"}, []string{"sport/tennis", "sport/tennis/player1/ranking"}},
		{"sport/+", []string{"sport/a"}, []string{"sport"}},
		{"+", []string{"finance"}, []string{"finance/a", "$events"}},
		{"+/+", []string{"finance/a"}, []string{"finance", "$events/gap"}},
		{"+/#", []string{"finance", "finance/a/b"}, []string{"$events/gap"}},
		{"+/tennis/#", []string{"a/tennis", "a/tennis/b"}, []string{"a", "a/b/tennis"}},
		{"a/+/c", []string{"a/b/c", "a/$b/c"}, []string{"a/c", "a/b/d", "a/b/c/d"}},
		{"$events/#", []string{"$events/gap", "$events"}, []string{"events/gap"}},
		{"$events/+", []string{"$events/gap"}, []string{"$other/gap"}},
		{"a/$$b", []string{"a/$$b"}, []string{"a/$b"}},
	} {
		f, err := ParseFilter(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if f.String() != tt.filter || strings.Join(f.Levels(), "/") != tt.filter {
			t.Errorf("%q came back as %q of levels %q", tt.filter, f, f.Levels())
		}
		for _, topic := range tt.match {
			if !f.Match(topic) {
				t.Errorf("%q does not match %q", f, topic)
			}
		}
		for _, topic := range tt.not {
			if f.Match(topic) {
				t.Errorf("%q matches %q", f, topic)
			}
		}
	}
}

func TestZeroFilterMatchesNothing(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"a", "a/b", "$events/gap"} {
		if (Filter{}).Match(topic) {
			t.Errorf("the zero Filter matches %q", topic)
		}
	}
}

func TestParseFilter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, err string }{
		{"", "filter is empty: want a topic, or a filter such as sensor/+/temperature or #"},
		{"a//b", `filter "a//b" has an empty level`},
		{"/", `filter "/" has an empty level`},
		{"#/a", `filter "#/a" has "#" before its end: it is the last level or none`},
		{"a/#/b", `filter "a/#/b" has "#" before its end: it is the last level or none`},
		{"sport/tennis#", `filter "sport/tennis#" has a wildcard inside the level "tennis#": it must be the whole level`},
		{"sport+", `filter "sport+" has a wildcard inside the level "sport+": it must be the whole level`},
		{"a/b c", `filter level "b c" has ' ' at byte 1: wildcards, spaces and control characters are not allowed`},
		{"a/\xff", `filter level "\xff" is not UTF-8`},
		{strings.Repeat("x", maxFilter), ""},
		{strings.Repeat("x", maxFilter+1), `filter "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… is 771 bytes long: the most is 770`},
	} {
		if _, err := ParseFilter(tt.text); errText(err) != tt.err {
			t.Errorf("ParseFilter(%q): %v, want %q", tt.text, err, tt.err)
		}
	}
}

// A second, slower matcher must agree on filters and topics from a small
// alphabet, where all cases come up often.
func TestFilterMatchAgreesWithOracle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(levels ...string) string {
		n := 1 + r.IntN(4)
		picked := make([]string, n)
		for i := range picked {
			picked[i] = levels[r.IntN(len(levels))]
		}
		return strings.Join(picked, "/")
	}
	tried := 0
	for range 50_000 {
		text := pick("a", "b", "$c", "+", "#")
		f, err := ParseFilter(text)
		if err != nil {
			continue
		}
		tried++
		topic := pick("a", "b", "$c")
		if got, want := f.Match(topic), oracle(f.Levels(), strings.Split(topic, "/")); got != want {
			t.Fatalf("%q matches %q: %v, want %v", text, topic, got, want)
		}
	}
	if tried < 10_000 {
		t.Errorf("only %d filters were valid", tried)
	}
}

// oracle is MQTT's matching written down level by level.
func oracle(filter, topic []string) bool {
	if strings.HasPrefix(topic[0], "$") && (filter[0] == "+" || filter[0] == "#") {
		return false
	}
	for i, level := range filter {
		if level == "#" {
			return true
		}
		if i >= len(topic) || (level != "+" && level != topic[i]) {
			return false
		}
	}
	return len(filter) == len(topic)
}

func FuzzFilter(f *testing.F) {
	for _, seed := range [][2]string{
		{"#", "a"}, {"+/b", "a/b"}, {"a/#", "a"}, {"$events/+", "$events/gap"}, {"a/+/c", "a/b/c"}, {"a//b", "a"}, {"+", "$x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, topic string) {
		filter, err := ParseFilter(text)
		if err != nil {
			return
		}
		if got, want := filter.Match(topic), oracle(filter.Levels(), strings.Split(topic, "/")); got != want {
			t.Errorf("%q matches %q: %v, want %v", text, topic, got, want)
		}
		if ValidateTopic(text) == nil && !filter.Match(text) {
			t.Errorf("the topic %q does not match itself", text)
		}
	})
}

func BenchmarkFilterMatch(b *testing.B) {
	f, err := ParseFilter("sensor/+/temperature/#")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !f.Match("sensor/boiler-1/temperature/inlet") {
			b.Fatal("no match")
		}
	}
}
