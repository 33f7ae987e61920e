package mapper

import (
	"math"
	"testing"
	"time"

	"datastub/dataplane"
)

func TestRulesJudge(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration, v dataplane.Value) published {
		return published{value: v, quality: dataplane.Good, time: start.Add(d)}
	}
	bad := after(time.Second, dataplane.IntValue(7))
	bad.quality = dataplane.Bad("broken")
	integer, double, text := dataplane.IntValue, dataplane.DoubleValue, dataplane.StringValue
	changes := Rules{Publish: true, OnChange: true, MaxAge: time.Minute}
	absolute := Rules{Publish: true, Deadband: Deadband{Width: 0.5}, MaxAge: time.Minute}
	percent := Rules{Publish: true, Deadband: Deadband{Width: 2, Percent: true}}
	both := Rules{Publish: true, OnChange: true, Deadband: Deadband{Width: 0.5}}
	tests := []struct {
		name      string
		rules     Rules
		last, now published
		want      filter
	}{
		{"publish is off", Rules{}, published{}, after(0, integer(7)), publishOff},
		{"no filter", Rules{Publish: true}, after(0, integer(7)), after(1, integer(7)), passed},
		{"the first", changes, published{}, after(0, integer(7)), passed},
		{"no change", changes, after(0, integer(7)), after(time.Second, integer(7)), onChange},
		{"a change", changes, after(0, integer(7)), after(time.Second, integer(8)), passed},
		{"a change of text", changes, after(0, text("a")), after(time.Second, text("b")), passed},
		{"another quality", changes, after(0, integer(7)), bad, passed},
		{"too old", changes, after(0, integer(7)), after(time.Minute, integer(7)), passed},
		{"not too old", changes, after(0, integer(7)), after(time.Minute-1, integer(7)), onChange},
		{"a clock that was set back", changes, after(0, integer(7)), after(-time.Hour, integer(7)), passed},
		{"never too old", Rules{Publish: true, OnChange: true}, after(0, integer(7)), after(1000*time.Hour, integer(7)), onChange},
		{"inside the band", absolute, after(0, double(10)), after(time.Second, double(10.5)), deadband},
		{"outside the band", absolute, after(0, double(10)), after(time.Second, double(9.49)), passed},
		{"the band and age", absolute, after(0, double(10)), after(time.Minute, double(10)), passed},
		{"the band of text is any change", absolute, after(0, text("a")), after(time.Second, text("b")), passed},
		{"text and no change", absolute, after(0, text("a")), after(time.Second, text("a")), deadband},
		{"to NaN", absolute, after(0, double(10)), after(time.Second, double(math.NaN())), passed},
		{"NaN and still", absolute, after(0, double(math.NaN())), after(time.Second, double(math.NaN())), deadband},
		{"inside percent", percent, after(0, double(-100)), after(time.Second, double(-102)), deadband},
		{"outside percent", percent, after(0, double(-100)), after(time.Second, double(-97.9)), passed},
		{"percent of zero", percent, after(0, double(0)), after(time.Second, double(0.001)), passed},
		{"both, of numbers", both, after(0, double(10)), after(time.Second, double(10)), deadband},
		{"both, of text", both, after(0, text("a")), after(time.Second, text("a")), onChange},
	}
	for _, test := range tests {
		if got := test.rules.judge(test.last, test.now); got != test.want {
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
