package dataplane

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestQuality(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		quality Quality
		good    bool
		valid   bool
		text    string
	}{
		{"", true, true, "good"},
		{Good, true, true, "good"},
		{BestEffort, false, true, "best-effort"},
		{"best-effort: no reason", false, false, "best-effort: no reason"},
		{Bad("above max 100"), false, true, "bad: above max 100"},
		{Uncertain("clock is 2h ahead"), false, true, "uncertain: clock is 2h ahead"},
		{"bad", false, false, "bad"},
		{"GOOD", false, false, "GOOD"},
		{Quality("bad: " + strings.Repeat("x", MaxTopic)), false, false, "bad: " + strings.Repeat("x", MaxTopic)},
	} {
		q := tt.quality
		if q.IsGood() != tt.good || q.valid() != tt.valid || q.String() != tt.text {
			t.Errorf("%q: good %v, valid %v, text %q", string(q), q.IsGood(), q.valid(), q)
		}
	}
}

func TestQualityTells(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	for _, tt := range []struct {
		quality    Quality
		bad, ahead bool
	}{
		{"", false, false},
		{BestEffort, false, false},
		{Bad("above max 100"), true, false},
		{Uncertain("clock was set"), false, false},
		{Timely(now.Add(time.Hour), now, "the clock"), false, false},
		{Timely(now.Add(time.Hour+1), now, "the clock"), false, true},
	} {
		if q := tt.quality; q.IsBad() != tt.bad || q.IsAhead() != tt.ahead {
			t.Errorf("%q: bad %v, ahead %v", string(q), q.IsBad(), q.IsAhead())
		}
	}
}

// The reason is often the text of an error: its length must not cost the
// value.
func TestQualityCutsLongReason(t *testing.T) {
	t.Parallel()
	for shift := range 4 {
		reason := strings.Repeat("x", shift) + strings.Repeat("🌡", MaxTopic)
		for _, q := range []Quality{Bad(reason), Uncertain(reason)} {
			if !q.valid() || !utf8.ValidString(string(q)) || len(q) <= MaxTopic-utf8.UTFMax {
				t.Errorf("%d bytes: %q", len(q), q)
			}
		}
	}
	if q := Bad(strings.Repeat("\x80", 2*MaxTopic)); !q.valid() {
		t.Errorf("not valid: %q", q)
	}
}
