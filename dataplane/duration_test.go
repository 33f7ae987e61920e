package dataplane

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "-1h30m": -90 * time.Minute, "0d": 0, "30d": 30 * day, "1d12h": 36 * time.Hour, "1d1.5s": day + 1500*time.Millisecond,
		"99999d": 99_999 * day,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1", "-1d", "1d-1h", "1h1d", "1.5d", "1d1d", "1d 1h", "100000d", "99999d2562047h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
