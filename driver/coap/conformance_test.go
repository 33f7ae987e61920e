package coap_test

import (
	"fmt"
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/coap"
	"datastub/driver/drivertest"
)

func config(name string, typ driver.Type, settings driver.Settings) driver.PointConfig {
	return driver.PointConfig{Name: name, Type: typ, Settings: settings}
}

// seed is what the server of TestConformance has.
var seed = []resource{
	{"/temperature", "text/plain", "23.5"},
	{"/counter", "text/plain", "18446744073709551615"},
	{"/name", "text/plain", "Kessel 7"},
	{"/door", "text/plain", "on"},
	{"/frame", "application/octet-stream", "abc"},
	{"/status", "json", `{"pump":{"speed":[1,1480.5],"mode":"auto"},"ok":true}`},
	{"/target", "text/plain", "0"},
	{"/level", "text/plain", "0"},
}

func TestConformance(t *testing.T) {
	s := startServer(t, seed...)
	readOnly := config("temperature", driver.Double, driver.Settings{"path": "/temperature"})
	readOnly.ReadOnly = true
	drivertest.Run(t, drivertest.Harness{
		Driver:   coap.New(coap.Options{Rand: func() float64 { return 0.99 }}), // the longest waits
		Settings: s.settings(),
		Points: []drivertest.Known{
			{Config: config("temperature", driver.Float, driver.Settings{"path": "/temperature"}), Want: float32(23.5)},
			{Config: config("counter", driver.Int, driver.Settings{"PATH": "counter"}), Want: ^uint64(0)},
			{Config: config("name", driver.String, driver.Settings{"path": "/name"}), Want: "Kessel 7"},
			{Config: config("door", driver.Boolean, driver.Settings{"path": "/door"}), Want: true},
			{Config: config("frame", driver.Bytes, driver.Settings{"path": "/frame"}), Want: []byte("abc")},
			{Config: config("speed", driver.Double, driver.Settings{"path": "/status", "jsonKey": "pump.speed.1"}), Want: 1480.5},
			{Config: config("mode", driver.String, driver.Settings{"path": "/status", "jsonKey": "pump.mode"}), Want: "auto"},
			{Config: config("clock", driver.String, driver.Settings{"path": "/time?ticks"})},
		},
		Writable: drivertest.Writable{
			Config: config("target", driver.Double, driver.Settings{"path": "/target"}),
			Values: [2]any{-1.5, 3.25},
		},
		ReadOnly:    drivertest.Known{Config: readOnly, Want: 23.5},
		BadSettings: badSettings,
		BadPoints:   badPoints,
		Away:        s.stop,
		Back:        s.start,
		Recovery:    20 * time.Second,
		Observed: &drivertest.Observed{
			Config: config("level", driver.Int, driver.Settings{"path": "/level", "observe": true}),
			Values: [3]any{int64(1), int64(2), int64(3)},
			Change: func(t *testing.T, value any) {
				s.put(t, resource{"/level", "text/plain", fmt.Sprint(value)})
			},
		},
		Silent: func(t *testing.T) (driver.Settings, driver.PointConfig, <-chan struct{}) {
			port, requests := silent(t)
			settings := driver.Settings{"address": "coap://" + address(port), "timeout": "10s", "retries": 0}
			return settings, config("p", driver.Int, driver.Settings{"path": "/p"}), requests
		},
	})
}

var badSettings = []drivertest.Bad{
	{Name: "no address", Keys: []string{"address"}},
	{Name: "path", Settings: driver.Settings{"address": "coap://host/path"}, Keys: []string{"address"}},
	{Name: "scheme", Settings: driver.Settings{"address": "http://host"}, Keys: []string{"address"}},
	{Name: "port", Settings: driver.Settings{"address": "host:70000"}, Keys: []string{"address"}},
	{Name: "port zero", Settings: driver.Settings{"address": "host:0"}, Keys: []string{"address"}},
	{Name: "no host", Settings: driver.Settings{"address": "coap://:5683"}, Keys: []string{"address"}},
	{Name: "no key", Settings: driver.Settings{"address": "coaps://host"}, Keys: []string{"pskIdentity", "pskKey"}},
	{Name: "two keys", Settings: driver.Settings{"address": "coaps://host", "pskIdentity": "me", "pskKey": "k", "pskKeyFile": "/k"},
		Keys: []string{"pskKeyFile"}},
	{Name: "all at once", Settings: driver.Settings{"address": "a b", "timeout": "1h", "retries": 99},
		Keys: []string{"address", "timeout", "retries"}},
}

var badPoints = []drivertest.Bad{
	{Name: "nothing", Type: driver.Int, Keys: []string{"path"}},
	{Name: "type", Type: "STREAM", Settings: driver.Settings{"path": "/a"}, Keys: []string{"type"}},
	{Name: "fragment", Type: driver.Int, Settings: driver.Settings{"path": "/a#b"}, Keys: []string{"path"}},
	{Name: "escape", Type: driver.Int, Settings: driver.Settings{"path": "/a%zz"}, Keys: []string{"path"}},
	{Name: "hidden slash", Type: driver.Int, Settings: driver.Settings{"path": "/a%2Fb"}, Keys: []string{"path"}},
	{Name: "bytes of a number", Type: driver.Bytes, Settings: driver.Settings{"path": "/a", "format": "text"}, Keys: []string{"format"}},
	{Name: "number of bytes", Type: driver.Int, Settings: driver.Settings{"path": "/a", "format": "bytes"}, Keys: []string{"format"}},
	{Name: "member of text", Type: driver.Int, Settings: driver.Settings{"path": "/a", "format": "text", "jsonKey": "a"}, Keys: []string{"format"}},
	{Name: "all at once", Type: driver.Int, Settings: driver.Settings{
		"path": "/a?b#c", "format": "xml", "observe": "maybe", "jsonKey": "a..b", "writeMethod": "PATCH"},
		Keys: []string{"path", "format", "observe", "jsonKey", "writeMethod"}},
}
