package dataplane

import (
	"encoding/json"
	"testing"
	"time"
)

func TestEventValue(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 1, 14, 0, 0, 5, time.FixedZone("", 7200))
	text, _ := (&Event{Event: SpoolInMemory, Reason: "write \"a\"\n: no space\x00 left", Since: at}).Value().Text()
	want := `{"event":"spool-in-memory","reason":"write \"a\"\n: no space\u0000 left","since":"2026-08-01T12:00:00.000000005Z"}`
	if text != want || !json.Valid([]byte(text)) {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	text, _ = (&Event{Event: Mended, Since: at, Missed: 2}).Value().Text()
	if want := `{"event":"mended","reason":"","since":"2026-08-01T12:00:00.000000005Z","missed":2}`; text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
