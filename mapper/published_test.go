package mapper

import (
	"math"
	"testing"
	"time"

	"datastub/dataplane"
)

func TestRulesPass(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration, v dataplane.Value) published {
		return published{value: v, quality: dataplane.Good, time: start.Add(d)}
	}
	bad := after(time.Second, dataplane.IntValue(7))
	bad.quality = dataplane.Bad("broken")
	integer, double, text := dataplane.IntValue, dataplane.DoubleValue, dataplane.StringValue
	onChange := Rules{Publish: true, OnChange: true, MaxAge: time.Minute}
	absolute := Rules{Publish: true, Deadband: Deadband{Width: 0.5}, MaxAge: time.Minute}
	percent := Rules{Publish: true, Deadband: Deadband{Width: 2, Percent: true}}
	tests := []struct {
		name      string
		rules     Rules
		last, now published
		want      bool
	}{
		{"publish is off", Rules{}, published{}, after(0, integer(7)), false},
		{"no filter", Rules{Publish: true}, after(0, integer(7)), after(1, integer(7)), true},
		{"the first", onChange, published{}, after(0, integer(7)), true},
		{"no change", onChange, after(0, integer(7)), after(time.Second, integer(7)), false},
		{"a change", onChange, after(0, integer(7)), after(time.Second, integer(8)), true},
		{"a change of text", onChange, after(0, text("a")), after(time.Second, text("b")), true},
		{"another quality", onChange, after(0, integer(7)), bad, true},
		{"too old", onChange, after(0, integer(7)), after(time.Minute, integer(7)), true},
		{"not too old", onChange, after(0, integer(7)), after(time.Minute-1, integer(7)), false},
		{"a clock that was set back", onChange, after(0, integer(7)), after(-time.Hour, integer(7)), true},
		{"never too old", Rules{Publish: true, OnChange: true}, after(0, integer(7)), after(1000*time.Hour, integer(7)), false},
		{"inside the band", absolute, after(0, double(10)), after(time.Second, double(10.5)), false},
		{"outside the band", absolute, after(0, double(10)), after(time.Second, double(9.49)), true},
		{"the band and age", absolute, after(0, double(10)), after(time.Minute, double(10)), true},
		{"the band of text is any change", absolute, after(0, text("a")), after(time.Second, text("b")), true},
		{"text and no change", absolute, after(0, text("a")), after(time.Second, text("a")), false},
		{"to NaN", absolute, after(0, double(10)), after(time.Second, double(math.NaN())), true},
		{"NaN and still", absolute, after(0, double(math.NaN())), after(time.Second, double(math.NaN())), false},
		{"inside percent", percent, after(0, double(-100)), after(time.Second, double(-102)), false},
		{"outside percent", percent, after(0, double(-100)), after(time.Second, double(-97.9)), true},
		{"percent of zero", percent, after(0, double(0)), after(time.Second, double(0.001)), true},
	}
	for _, test := range tests {
		if got := test.rules.pass(test.last, test.now); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestParseDeadband(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Deadband{
		"": {}, "0": {}, "0%": {}, "0.5": {Width: 0.5}, "2%": {Width: 2, Percent: true}, "2 %": {Width: 2, Percent: true}, "1e3": {Width: 1000},
	} {
		if got, err := ParseDeadband(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"%", "-1", "NaN", "Inf", "a", "1%%", "1m"} {
		if got, err := ParseDeadband(text); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}
