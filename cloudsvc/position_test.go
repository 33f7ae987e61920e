package cloudsvc

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestPositionRoundTrip(t *testing.T) {
	for _, want := range []Position{
		{},
		{Incarnation: 1, RT: Place{Block: 7, Index: 3}},
		{Incarnation: math.MaxUint64, RT: Place{math.MaxUint64, math.MaxUint32}, BT: Place{1 << 40, 1 << 20}},
	} {
		text := want.String()
		if strings.ContainsAny(text, "+/=") {
			t.Errorf("%q is not safe in a URL", text)
		}
		if got, err := ParsePosition(text); err != nil || got != want {
			t.Errorf("ParsePosition(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
}

// TestPositionGolden: clients keep positions, so the text does not change but
// with its version.
func TestPositionGolden(t *testing.T) {
	p := Position{Incarnation: 1, RT: Place{7, 3}, BT: Place{300, 0}}
	if got, want := p.String(), "AQAAAAAAAAABBwOsAgA"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParsePositionRefuses(t *testing.T) {
	good := Position{Incarnation: 1, RT: Place{7, 3}}.String()
	for name, text := range map[string]string{
		"empty":            "",
		"not base64":       "a position",
		"cut":              good[:len(good)-2],
		"longer":           good + "AA",
		"another version":  "AgAAAAAAAAABBwMAAA",
		"index of 33 bits": "AQAAAAAAAAABAICAgIAQAAA",
		"no last places":   "AQAAAAAAAAAB",
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := ParsePosition(text); !errors.Is(err, errPosition) {
				t.Errorf("ParsePosition(%q) = %+v, %v", text, p, err)
			}
		})
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add(Position{}.String())
	f.Add(Position{Incarnation: 1, RT: Place{7, 3}, BT: Place{1 << 40, 9}}.String())
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err != nil {
			return
		}
		if again, err := ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, which reads back as %+v, %v", text, p, again, err)
		}
	})
}
