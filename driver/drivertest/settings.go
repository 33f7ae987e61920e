package drivertest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"datastub/driver"
)

func (h Harness) badSettings(t *testing.T) {
	for _, bad := range h.BadSettings {
		t.Run(bad.Name, func(t *testing.T) {
			device, err := h.Driver.Open("bad", bad.Settings)
			checkRefusal(t, bad, err)
			if err == nil {
				closeDevice(t, device)
			}
		})
	}
}

func (h Harness) badPoints(t *testing.T) {
	device := h.open(t)
	for _, bad := range h.BadPoints {
		t.Run(bad.Name, func(t *testing.T) {
			_, err := device.Point(driver.PointConfig{Name: "bad", Type: bad.Type, Settings: bad.Settings})
			checkRefusal(t, bad, err)
		})
	}
}

// checkRefusal wants exactly the keys that are bad, each in a SettingError
// with the value as it was given and what would be right.
func checkRefusal(t *testing.T, bad Bad, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("settings %v were taken, want %v refused", bad.Settings, bad.Keys)
	}
	var keys []string
	refused, _ := driver.SettingErrors(err)
	for _, e := range refused {
		keys = append(keys, e.Key)
		if e.Want == "" {
			t.Errorf("%s: the error does not say what would be right", e.Key)
		}
		if given, ok := lookup(bad.Settings, e.Key); ok && fmt.Sprint(e.Value) != fmt.Sprint(given) {
			t.Errorf("%s: the error names the value %v, given was %v", e.Key, e.Value, given)
		}
	}
	slices.Sort(keys)
	if want := slices.Sorted(slices.Values(bad.Keys)); !slices.Equal(keys, want) {
		t.Errorf("refused were %q, want %q: %v", keys, want, err)
	}
}

// lookup finds a setting as a driver does, by Settings' own rule.
func lookup(settings driver.Settings, key string) (string, bool) {
	r := settings.Reader()
	return r.String(key, ""), r.Has(key)
}

func (h Harness) unknownKeys(t *testing.T) {
	const key = "keyOfAnotherProgram"
	settings := maps.Clone(h.Settings)
	if settings == nil {
		settings = driver.Settings{}
	}
	settings[key] = "x"
	device := h.openOnly(t, settings)
	defer closeDevice(t, device)
	config := h.Points[0].Config
	config.Settings = maps.Clone(config.Settings)
	config.Settings[key] = "x"
	p := point(t, device, config)

	for _, v := range []any{device, p} {
		if u, ok := v.(driver.Unreader); ok && !slices.Contains(u.Unread(), key) {
			t.Errorf("%T.Unread() = %q, want %q among them", v, u.Unread(), key)
		}
	}
}

func (h Harness) pointNames(t *testing.T) {
	for i, p := range h.points(t, h.open(t)) {
		if p.String() == "" {
			t.Errorf("point %s has no text", h.Points[i].Config.Name)
		}
	}
}
