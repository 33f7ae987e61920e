package mapper

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"datastub/driver"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	all := func(from int) carry { return carry{from, true, true, true, true, true} }
	tests := []struct {
		name   string
		change func(*Spec)
		want   []carry
	}{
		{"nothing", func(*Spec) {}, []carry{all(0), all(1)}},
		{"order", func(s *Spec) { slices.Reverse(s.Properties) }, []carry{all(1), all(0)}},
		{"removed", func(s *Spec) { s.Properties = s.Properties[1:] }, []carry{all(1)}},
		{"added", func(s *Spec) {
			s.Properties = append(s.Properties, Property{Point: driver.PointConfig{Name: "c"}})
		}, []carry{all(0), all(1), {from: -1}}},
		{"what is not of properties", func(s *Spec) {
			s.Model, s.Methods, s.Faults = "n", []Method{{Name: "m"}}, []Fault{{Reason: "r"}}
		}, []carry{all(0), all(1)}},
		{"desired", func(s *Spec) { s.Properties[0].Desired = "5" }, []carry{all(0), all(1)}},
		{"a setting", func(s *Spec) { s.Properties[0].Point.Settings = driver.Settings{"offset": 1} }, []carry{{from: 0}, all(1)}},
		{"type", func(s *Spec) { s.Properties[0].Point.Type = driver.Int }, []carry{{from: 0}, all(1)}},
		{"unit", func(s *Spec) { s.Properties[0].Unit = "K" }, []carry{{from: 0, point: true, report: true, push: true}, all(1)}},
		{"topic", func(s *Spec) { s.Properties[0].Rules.Topic = "u" }, []carry{{from: 0, point: true, report: true, push: true}, all(1)}},
		{"collectCycle", func(s *Spec) { s.Properties[0].CollectCycle = time.Hour }, []carry{{0, true, true, false, true, true}, all(1)}},
		{"reportCycle", func(s *Spec) { s.Properties[0].ReportCycle = time.Hour }, []carry{{0, true, true, true, false, true}, all(1)}},
		{"pushMethod", func(s *Spec) { s.Properties[0].Push.MQTT = &PushMQTT{Topic: "t"} }, []carry{{0, true, true, true, true, false}, all(1)}},
		{"reportToCloud", func(s *Spec) { s.Properties[0].ReportToCloud = false }, []carry{{0, true, true, true, false, true}, all(1)}},
	}
	for _, test := range tests {
		old, spec := scriptSpec("d", nil), scriptSpec("d", nil)
		test.change(&spec)
		if got := diff(&old, &spec); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
		if restarts(&old, &spec) {
			t.Errorf("%s: it restarts", test.name)
		}
	}
}

func TestRestarts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Spec){
		"settings": func(s *Spec) { s.Settings = driver.Settings{"port": 1} },
		"protocol": func(s *Spec) { s.Protocol = "morse" },
		"void":     func(s *Spec) { s.Void = true },
	} {
		old, spec := scriptSpec("d", driver.Settings{"port": 2}), scriptSpec("d", driver.Settings{"port": 2})
		change(&spec)
		if !restarts(&old, &spec) || !restarts(&spec, &old) {
			t.Errorf("%s: it does not restart", name)
		}
	}
}
