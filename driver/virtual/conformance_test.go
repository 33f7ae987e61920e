package virtual_test

import (
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/drivertest"
	"datastub/driver/virtual"
)

func TestConformance(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	clock := func() time.Time { return now } // stands still: every signal is at its start
	forth := func(d time.Duration) func(*testing.T) { return func(*testing.T) { now = now.Add(d) } }
	point := func(name string, typ driver.Type, settings driver.Settings) driver.PointConfig {
		return driver.PointConfig{Name: name, Type: typ, Settings: settings}
	}
	readOnly := point("setpoint", driver.Int, driver.Settings{"signal": "constant", "value": 5})
	readOnly.ReadOnly = true

	drivertest.Run(t, drivertest.Harness{
		Driver:   virtual.New(virtual.Options{Now: clock}),
		Settings: driver.Settings{"offlineEvery": "100m", "offlineFor": "10m", "period": "100m"},
		Now:      clock,
		Away:     forth(90 * time.Minute),
		Back:     forth(10 * time.Minute),
		Recovery: time.Minute,
		Points: []drivertest.Known{
			{Config: point("sine", driver.Double, driver.Settings{}), Want: 50.0},
			{Config: point("ramp", driver.Int, driver.Settings{"signal": "ramp", "MIN": "-4"}), Want: int64(-4)},
			{Config: point("walk", driver.Float, driver.Settings{"signal": "randomwalk", "max": 20, "period": "24h"}), Want: float32(10)},
			{Config: point("square", driver.Boolean, driver.Settings{}), Want: false},
			{Config: point("serial", driver.String, driver.Settings{"min": 7, "period": "24h"}), Want: "7"},
			{Config: point("frame", driver.Bytes, driver.Settings{"signal": "constant", "value": "AAEC"}), Want: []byte{0, 1, 2}},
		},
		Writable: drivertest.Writable{
			Config: point("target", driver.Bytes, driver.Settings{}),
			Values: [2]any{[]byte{1}, []byte{}},
		},
		ReadOnly: drivertest.Known{Config: readOnly, Want: int64(5)},
		BadSettings: []drivertest.Bad{
			{Name: "no outage", Settings: driver.Settings{"offlineEvery": "1m"}, Keys: []string{"offlineFor"}},
			{Name: "outage longer than its round", Settings: driver.Settings{"offlineEvery": "1m", "offlineFor": "61s"}, Keys: []string{"offlineEvery"}},
			{Name: "delay", Settings: driver.Settings{"delay": "2m"}, Keys: []string{"delay"}},
			{Name: "never fails", Settings: driver.Settings{"failEvery": 0}, Keys: []string{"failEvery"}},
			{Name: "seed", Settings: driver.Settings{"seed": 0.5}, Keys: []string{"seed"}},
			{Name: "defaults", Settings: driver.Settings{"signal": "saw", "min": "low", "max": 1e20, "step": -1, "noise": -1, "period": 0},
				Keys: []string{"signal", "min", "max", "step", "noise", "period"}},
		},
		BadPoints: []drivertest.Bad{
			{Name: "signal", Type: driver.Int, Settings: driver.Settings{"signal": "saw"}, Keys: []string{"signal"}},
			{Name: "type", Type: "STREAM", Keys: []string{"type"}},
			{Name: "boolean ramp", Type: driver.Boolean, Settings: driver.Settings{"signal": "ramp"}, Keys: []string{"signal"}},
			{Name: "all at once", Type: driver.Int, Settings: driver.Settings{"min": "x", "period": "0s"}, Keys: []string{"min", "period"}},
			{Name: "min above max", Type: driver.Double, Settings: driver.Settings{"min": 2, "max": "1"}, Keys: []string{"max"}},
			{Name: "min too low", Type: driver.Int, Settings: driver.Settings{"min": "-1e20"}, Keys: []string{"min"}},
			{Name: "no step", Type: driver.Int, Settings: driver.Settings{"signal": "counter", "step": 0}, Keys: []string{"step"}},
			{Name: "long step", Type: driver.Int, Settings: driver.Settings{"signal": "randomWalk", "step": 101}, Keys: []string{"step"}},
			{Name: "negative noise", Type: driver.Int, Settings: driver.Settings{"noise": -1}, Keys: []string{"noise"}},
			{Name: "too much noise", Type: driver.Int, Settings: driver.Settings{"noise": 3, "max": 2}, Keys: []string{"noise"}},
			{Name: "always fails more than once", Type: driver.String, Settings: driver.Settings{"failEvery": "0.5"}, Keys: []string{"failEvery"}},
			{Name: "seed", Type: driver.Int, Settings: driver.Settings{"signal": "randomWalk", "seed": "pi"}, Keys: []string{"seed"}},
			{Name: "constant INT", Type: driver.Int, Settings: driver.Settings{"signal": "constant", "value": "1.5"}, Keys: []string{"value"}},
			{Name: "constant FLOAT", Type: driver.Float, Settings: driver.Settings{"signal": "constant", "value": "1e300"}, Keys: []string{"value"}},
			{Name: "constant BOOLEAN", Type: driver.Boolean, Settings: driver.Settings{"signal": "constant", "value": "on"}, Keys: []string{"value"}},
			{Name: "constant BYTES", Type: driver.Bytes, Settings: driver.Settings{"signal": "constant", "value": "0x1"}, Keys: []string{"value"}},
		},
	})
}
