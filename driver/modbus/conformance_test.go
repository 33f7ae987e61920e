package modbus_test

import (
	"testing"
	"time"

	"datastub/driver"
	"datastub/driver/drivertest"
	"datastub/driver/modbus"
)

func register(name string, typ driver.Type, settings driver.Settings) driver.PointConfig {
	return driver.PointConfig{Name: name, Type: typ, Settings: settings}
}

func TestConformance(t *testing.T) {
	s := startServer(t)
	drivertest.Run(t, drivertest.Harness{
		Driver:   modbus.New(modbus.Options{Rand: func() float64 { return 1 }}), // the longest waits
		Settings: s.settings(),
		Points: []drivertest.Known{
			{Config: register("temperature", driver.Float, driver.Settings{
				"register": "HoldingRegister", "offset": 0, "limit": 1, "scale": float32(0.1)}), Want: float32(23.5)},
			{Config: register("serial", driver.String, driver.Settings{
				"Register": "holdingregister", "Offset": "22", "Limit": "5"}), Want: "Kessel 7"},
			{Config: register("last", driver.Int, driver.Settings{
				"register": "HoldingRegister", "offset": "65535", "dataType": "uint16"}), Want: int64(4711)},
			{Config: register("level", driver.Int, driver.Settings{
				"register": "InputRegister", "offset": "2"}), Want: int64(9)},
			{Config: register("switch", driver.Int, driver.Settings{
				"register": "CoilRegister", "offset": 0}), Want: int64(1)},
			{Config: register("coils", driver.Bytes, driver.Settings{
				"register": "CoilRegister", "offset": 2, "limit": 8}), Want: []byte{0xC3}},
			{Config: register("door", driver.Boolean, driver.Settings{
				"register": "DiscreteInputRegister", "offset": 1}), Want: true},
		},
		Writable: drivertest.Writable{
			Config: register("setpoint", driver.Double, driver.Settings{
				"register": "HoldingRegister", "offset": 40, "limit": 4}),
			Values: [2]any{-1.5, 3.25},
		},
		ReadOnly: drivertest.Known{
			Config: register("level", driver.Int, driver.Settings{"register": "InputRegister", "offset": 0}),
			Want:   int64(7),
		},
		BadSettings: badSettings,
		BadPoints:   badPoints,
		Away:        s.stop,
		Back:        s.start,
		Recovery:    20 * time.Second,
		Silent: func(t *testing.T) (driver.Settings, driver.PointConfig, <-chan struct{}) {
			port, requests := silent(t, nil)
			settings := driver.Settings{"ip": "127.0.0.1", "port": port, "timeout": "10s"}
			return settings, register("p", driver.Int, driver.Settings{"register": "HoldingRegister", "offset": 1}), requests
		},
	})
}

var badSettings = []drivertest.Bad{
	{Name: "no address", Settings: driver.Settings{}, Keys: []string{"ip"}},
	{Name: "address with port", Settings: driver.Settings{"ip": "10.0.0.1:502"}, Keys: []string{"ip"}},
	{Name: "RTU", Settings: driver.Settings{"communicateMode": "RTU", "serialPort": "ttyS0", "parity": "x", "stopBits": 3, "dataBits": 7,
		"baudRate": 1, "rs485Enabled": "perhaps"}, Keys: []string{"baudRate", "stopBits", "rs485Enabled", "dataBits", "parity", "serialName"}},
	{Name: "TLS", Settings: driver.Settings{"communicateMode": "TLS", "ip": "::1", "tlsKey": "key"}, Keys: []string{"tlsKey", "tlsCert"}},
	{Name: "times", Settings: driver.Settings{"ip": "::1", "retries": 11, "pause": "-1s", "connectPause": "2m"},
		Keys: []string{"retries", "pause", "connectPause"}},
	{Name: "mode", Settings: driver.Settings{"communicateMode": "UDP", "ip": "::1"}, Keys: []string{"communicateMode"}},
	{Name: "all at once", Settings: driver.Settings{"IP": "a b", "Port": "0", "slaveID": 256, "timeout": "1h"},
		Keys: []string{"ip", "port", "slaveID", "timeout"}},
	{Name: "order", Settings: driver.Settings{"ip": "10.0.0.1", "wordOrder": "little"}, Keys: []string{"wordOrder"}},
}

var badPoints = []drivertest.Bad{
	{Name: "nothing", Type: driver.Int, Keys: []string{"register", "offset"}},
	{Name: "type", Type: "STREAM", Settings: holding("offset", 1), Keys: []string{"type"}},
	{Name: "all at once", Type: driver.Int, Settings: driver.Settings{
		"register": "Holding", "offset": -1, "isSwap": "maybe", "isRegisterSwap": 7, "scale": "ten", "min": "low", "max": "NaN", "verify": "twice"},
		Keys: []string{"verify", "register", "offset", "isSwap", "isRegisterSwap", "scale", "min", "max"}},
	{Name: "order", Type: driver.Int, Settings: holding("offset", 0, "limit", 2, "wordOrder", "ACBD"), Keys: []string{"wordOrder"}},
	{Name: "order twice", Type: driver.Int, Settings: holding("offset", 0, "limit", 2, "wordOrder", "ABCD", "isSwap", true), Keys: []string{"wordOrder"}},
	{Name: "bit 16", Type: driver.Boolean, Settings: holding("offset", 0, "bit", 16), Keys: []string{"bit"}},
	{Name: "bit of a number", Type: driver.Int, Settings: holding("offset", 0, "bit", 1, "dataType", "int16"), Keys: []string{"dataType"}},
	{Name: "bit of two registers", Type: driver.Boolean, Settings: holding("offset", 0, "bit", 1, "limit", 2), Keys: []string{"limit"}},
	{Name: "bit of bytes", Type: driver.Bytes, Settings: holding("offset", 0, "bit", 1), Keys: []string{"dataType"}},
	{Name: "3 registers of BCD", Type: driver.Int, Settings: holding("offset", 0, "dataType", "bcd", "limit", 3), Keys: []string{"limit"}},
	{Name: "BCD of bits", Type: driver.Int, Settings: driver.Settings{"register": "CoilRegister", "offset": 0, "dataType": "bcd"}, Keys: []string{"dataType"}},
	{Name: "valueOffset", Type: driver.Int, Settings: holding("offset", 0, "valueOffset", "Inf"), Keys: []string{"valueOffset"}},
	{Name: "beyond the last address", Type: driver.Int, Settings: holding("offset", 65535, "limit", 2), Keys: []string{"offset"}},
	{Name: "3 registers of INT", Type: driver.Int, Settings: holding("offset", 0, "limit", 3), Keys: []string{"limit"}},
	{Name: "3 registers of FLOAT", Type: driver.Float, Settings: holding("offset", 0, "limit", "3"), Keys: []string{"limit"}},
	{Name: "float32 of 1", Type: driver.Float, Settings: holding("offset", 0, "limit", 1, "dataType", "float32"), Keys: []string{"limit"}},
	{Name: "int16 of 2", Type: driver.Int, Settings: holding("offset", 0, "limit", 2, "dataType", "int16"), Keys: []string{"limit"}},
	{Name: "no registers", Type: driver.Int, Settings: holding("offset", 0, "limit", 0), Keys: []string{"limit"}},
	{Name: "126 registers", Type: driver.String, Settings: holding("offset", 0, "limit", 126), Keys: []string{"limit"}},
	{Name: "text without limit", Type: driver.String, Settings: holding("offset", 0), Keys: []string{"limit"}},
	{Name: "data type", Type: driver.Int, Settings: holding("offset", 0, "dataType", "Int24"), Keys: []string{"dataType"}},
	{Name: "number of bytes", Type: driver.Int, Settings: holding("offset", 0, "limit", 1, "dataType", "bytes"), Keys: []string{"dataType"}},
	{Name: "bytes of a number", Type: driver.Bytes, Settings: holding("offset", 0, "dataType", "int16"), Keys: []string{"dataType"}},
	{Name: "min of text", Type: driver.String, Settings: holding("offset", 0, "limit", 1, "min", 3), Keys: []string{"min"}},
	{Name: "min above max", Type: driver.Int, Settings: holding("offset", 0, "min", 3, "max", "2"), Keys: []string{"max"}},
	{Name: "65 bits of INT", Type: driver.Int, Settings: driver.Settings{"register": "CoilRegister", "offset": 0, "limit": 65}, Keys: []string{"limit"}},
	{Name: "2001 bits", Type: driver.Bytes, Settings: driver.Settings{"register": "CoilRegister", "offset": 0, "limit": 2001}, Keys: []string{"limit"}},
	{Name: "float32 of bits", Type: driver.Float, Settings: driver.Settings{
		"register": "CoilRegister", "offset": 0, "limit": 32, "dataType": "float32"}, Keys: []string{"dataType"}},
	{Name: "text of bits", Type: driver.String, Settings: driver.Settings{
		"register": "CoilRegister", "offset": 0, "dataType": "string"}, Keys: []string{"dataType"}},
}

// holding returns a holding register's settings, of keys and values in turn.
func holding(pairs ...any) driver.Settings {
	s := driver.Settings{"register": "HoldingRegister"}
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i].(string)] = pairs[i+1]
	}
	return s
}
