package driver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"datastub/driver"
)

func TestSettingErrors(t *testing.T) {
	t.Parallel()
	port := &driver.SettingError{Key: "port", Value: 0, Want: "1 to 65535"}
	unit := &driver.SettingError{Key: "slaveID", Want: "1 to 247"}
	other := errors.New("no such bus")
	err := errors.Join(port, errors.Join(fmt.Errorf("gateway: %w", unit), other))
	settings, others := driver.SettingErrors(err)
	if len(settings) != 2 || settings[0] != port || settings[1] != unit {
		t.Errorf("settings: got %v, want %v and %v", settings, port, unit)
	}
	if len(others) != 1 || !errors.Is(others[0], other) {
		t.Errorf("others: got %v, want %v", others, other)
	}
	if settings, others := driver.SettingErrors(nil); settings != nil || others != nil {
		t.Errorf("of nil: got %v and %v, want nothing", settings, others)
	}
}

// A refusal stays on its line and is short, whatever it refuses.
func TestSettingErrorIsOneLine(t *testing.T) {
	t.Parallel()
	err := &driver.SettingError{Key: "a\nb", Value: strings.Repeat("x", 100), Want: "right"}
	if got, want := err.Error(), `"a\nb": `+strings.Repeat("x", 64)+"… is not right"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
