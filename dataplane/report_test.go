package dataplane

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	want := &Report{
		Started: at, Time: at.Add(time.Minute), Clock: &ClockOffset{Offset: -0.25, RoundTrip: 0.002},
		Spool: SpoolReport{Storage: StorageDisk, Sync: "1s", Fault: "no space left on device", Since: at},
		Classes: map[Class]EdgeCount{
			RT: {Read: 10, Filtered: FilteredCount{Publish: 1, OnChange: 2, Deadband: 3}, Refused: 1, Accepted: 3, Sent: 2, Dropped: 1, Held: 1, Epoch: 7, Last: 3},
			BT: {},
		},
	}
	control, err := want.Control(4)
	if err != nil || control.Kind != ControlReport || control.Revision != 4 || control.Reply {
		t.Fatalf("got %+v, %v", control, err)
	}
	if got, err := ParseReport(control.Body); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, b := range []string{
		"", "null", "{}", `{"spool":{"storage":"tape"},"started":"2026-08-01T12:00:00Z","time":"2026-08-01T12:00:00Z"}`,
		`{"spool":{"storage":"disk"}}`, `{"classes":{"XT":{}}}`, `{"classes":{"RT":{"read":-1}}}`,
		`{"spool":{"storage":"disk","sync":"2s"},"started":"2026-08-01T12:00:00Z","time":"2026-08-01T12:00:00Z"}`,
		`{"spool":{"storage":"disk","fault":"` + strings.Repeat("x", maxFault+1) + `"},"started":"2026-08-01T12:00:00Z","time":"2026-08-01T12:00:00Z"}`,
		`{"pad":"` + strings.Repeat("x", maxReport) + `"}`,
	} {
		if r, err := ParseReport([]byte(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.40s: got %+v, %v", b, r, err)
		}
	}
}
