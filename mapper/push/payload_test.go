package push

import (
	"math"
	"net/url"
	"testing"
)

// What KubeEdge's mappers send comes as they send it, and whoever reads forms
// gets what they break whole.
func TestForm(t *testing.T) {
	t.Parallel()
	const at = "&time=2026-11-23 16:35:19"
	tests := map[string]struct{ property, text, want string }{
		"a number":               {"temperature", "20.5", "temperature=20.5"},
		"a text":                 {"mode", "on, slow: /é", "mode=on, slow: /é"},
		"a text like a form":     {"mode", "a=b&c;d+e%20", "mode=a%3Db%26c%3Bd%2Be%2520"},
		"a property like a form": {"a=b&c", "1", "a%3Db%26c=1"},
		"bytes and lines":        {"raw", "\xff\x00\n", "raw=%FF%00%0A"},
		"a replacement rune":     {"mode", "\uFFFD", "mode=\uFFFD"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := form(test.property, test.text, moment)
			if got != test.want+at {
				t.Errorf("got %q, want %q", got, test.want+at)
			}
			values, err := url.ParseQuery(got)
			if err != nil || len(values) != 2 || values.Get(test.property) != test.text || values.Get("time") != "2026-11-23 16:35:19" {
				t.Errorf("read as a form: %v, %v", values, err)
			}
		})
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	const want = "time is 2026-11-23 16:35:19  plant/t: 20.5"
	if got := sentence("plant/t", "20.5", moment); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value any
		want  string
	}{
		{int64(-5), "-5"},
		{uint64(math.MaxUint64), "18446744073709551615"},
		{float32(0.1), "0.1"},
		{1e21, "1000000000000000000000"},
		{20.0, "20"},
		{math.NaN(), "NaN"},
		{true, "true"},
		{"a b", "a b"},
		{[]byte{0x61, 0xff}, "a\xff"},
	} {
		if got := textOf(test.value); got != test.want {
			t.Errorf("%T %v: got %q, want %q", test.value, test.value, got, test.want)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("temperature", "20.5")
	f.Add("a=b", "%zz&time=\xff+;#")
	f.Fuzz(func(t *testing.T, property, text string) {
		if property == "time" {
			return // then there are two
		}
		values, err := url.ParseQuery(form(property, text, moment))
		if err != nil || len(values) != 2 || values.Get(property) != text {
			t.Fatalf("got %v, %v", values, err)
		}
	})
}
