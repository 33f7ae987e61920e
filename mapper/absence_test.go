package mapper

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"datastub/driver"
)

func TestLasting(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	later := &driver.Later{Cause: refused, Next: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, err := range []error{refused, later} {
		err = fmt.Errorf("read coil 3: %w: 10.0.0.7:502: %w", driver.ErrUnreachable, err)
		if got, want := lasting(err), "read coil 3: device unreachable: 10.0.0.7:502: connection refused"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSameAbsence(t *testing.T) {
	t.Parallel()
	const before = "read coil 3: device unreachable: 10.0.0.7:502: read tcp 10.0.0.1:40112->10.0.0.7:502: connection reset by peer"
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{before, before, true},
		{before, "read holding registers 0-9: device unreachable: 10.0.0.7:502: read tcp 10.0.0.1:40520->10.0.0.7:502: connection reset by peer", true},
		{before, "read coil 3: device unreachable: 10.0.0.7:502: dial tcp 10.0.0.7:502: connect: connection refused", false},
		{"device unreachable: /dev/ttyUSB0: no answer in 1.008s", "device unreachable: /dev/ttyUSB0: no answer in 50ms", true},
		{"device unreachable: 10.0.0.7:802: no answer in 1s", "device unreachable: 10.0.0.7:802: TLS: tlsCert has expired", false},
		{"device unreachable", "a read took longer than 30s", false},
	} {
		if got := sameAbsence(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
