package driver_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"datastub/driver"
)

// FuzzReader reads any scalar in every way: what is taken is within its bounds,
// and what is refused is told in one short line with its key.
func FuzzReader(f *testing.F) {
	for _, text := range []string{"", "2", "2.0", "0x0a", "010", "1e3", "1e400", "-1", "NaN", "true", "TCP", "1.5s", "500", " 7 ", "9223372036854775807"} {
		f.Add("port", text, 2.5, true)
	}
	f.Fuzz(func(t *testing.T, key, text string, number float64, flag bool) {
		for _, value := range []any{text, number, float32(number), flag, int64(number), []string{text}} {
			r := driver.Settings{key: value}.Reader()
			if n := r.Int(key, 3, 1, 65535); n < 1 || n > 65535 {
				t.Fatalf("%q: %v is the whole number %d", key, value, n)
			}
			if n := r.Float(key, 3); math.IsNaN(n) || math.IsInf(n, 0) {
				t.Fatalf("%q: %v is the number %v", key, value, n)
			}
			if d := r.Duration(key, time.Second, time.Millisecond, time.Minute); d < time.Millisecond || d > time.Minute {
				t.Fatalf("%q: %v is the time %v", key, value, d)
			}
			if word := r.Enum(key, "RTU", "RTU", "TCP"); word != "RTU" && word != "TCP" {
				t.Fatalf("%q: %v is the word %q", key, value, word)
			}
			r.Bool(key, false)
			if len(r.Unread()) > 0 {
				t.Fatalf("%q was read, and is not", key)
			}
			settings, others := driver.SettingErrors(r.Err())
			if len(others) > 0 {
				t.Fatalf("%v is no error of a setting", others)
			}
			for _, err := range settings {
				if line := err.Error(); len(line) > 1024 || strings.ContainsAny(line, "\n\r") || err.Want == "" {
					t.Fatalf("refusal of %d bytes: %.300q", len(line), line)
				}
			}
		}
	})
}
