package cloudsvc

import (
	"testing"
	"time"
)

func TestParseSince(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"1h30m": testTime.Add(-90 * time.Minute), "30d": testTime.Add(-30 * day), "1d12h": testTime.Add(-36 * time.Hour),
		"2026-08-01T12:00:00.5+02:00":   time.Date(2026, 8, 1, 10, 0, 0, 5e8, time.UTC),
		"2026-08-01T12:01:00Z":          testTime.Add(clockDifference),
		"2026-08-01T14:01:00.000+02:00": testTime.Add(clockDifference),
	} {
		if got, err := ParseSince(text, testTime); err != nil || !got.Since.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got.Since, err, want)
		}
	}
	for _, text := range []string{"", "0d", "-1h", "30", "1h1d", "yesterday", "2026-08-01T12:01:00.000000001Z", "9999-12-31T23:59:59Z"} {
		if got, err := ParseSince(text, testTime); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
