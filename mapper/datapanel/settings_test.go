package datapanel

import (
	"testing"

	"datastub/mapper"
)

// environment returns a getenv.
func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// edge is an environment that has what has no default.
func edge(more ...string) func(string) string {
	values := map[string]string{"NODE_NAME": "edge-1", "DATASTUB_MAPPER": "oven-mapper"}
	for i := 0; i < len(more); i += 2 {
		values[more[i]] = more[i+1]
	}
	return environment(values)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	defaults := settings{node: "edge-1", mapper: "oven-mapper", uplink: "tcp://127.0.0.1:5557", spool: 1 << 30}
	with := func(change func(*settings)) settings {
		s := defaults
		change(&s)
		return s
	}
	tests := map[string]struct {
		address string
		getenv  func(string) string
		want    settings
	}{
		"defaults":    {"zmq://dataplane", edge(), defaults},
		"any case":    {"ZMQ://dataplane", edge(), defaults},
		"environment": {"zmq://dataplane", edge("DATASTUB_UPLINK", "tcp://cloud:1"), with(func(s *settings) { s.uplink = "tcp://cloud:1" })},
		"address":     {"zmq://cloud:2", edge("DATASTUB_UPLINK", "tcp://cloud:1"), with(func(s *settings) { s.uplink = "tcp://cloud:2" })},
		"IPv6":        {"zmq://[::1]:2", edge(), with(func(s *settings) { s.uplink = "tcp://[::1]:2" })},
		"the rest": {"zmq://dataplane", edge("DATASTUB_LAN", "tcp://*:5556", "DATASTUB_SPOOL_BYTES", "256Mi"), with(func(s *settings) {
			s.lan, s.spool = "tcp://*:5556", mapper.Size(256<<20)
		})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := newSettings(test.address, test.getenv); err != nil || got != test.want {
				t.Errorf("got  %v, %v\nwant %v", got, err, test.want)
			}
		})
	}
}

func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	const address = ": want zmq://host:port of cloudsvc's uplink, or zmq://dataplane for that of DATASTUB_UPLINK"
	tests := map[string]struct {
		address string
		getenv  func(string) string
		want    string
	}{
		"a broker": {"mqtt://broker:1883", edge(), `pushMethod.mqtt.address "mqtt://broker:1883"` + address},
		"no port":  {"zmq://cloud", edge(), `pushMethod.mqtt.address "zmq://cloud"` + address},
		"a path":   {"zmq://cloud:5557/x", edge(), `pushMethod.mqtt.address "zmq://cloud:5557/x"` + address},
		"uplink":   {"zmq://dataplane", edge("DATASTUB_UPLINK", "cloud:1"), `DATASTUB_UPLINK: "cloud:1": neither tcp:// nor ipc://: want tcp://host:port, such as tcp://127.0.0.1:5557, or ipc://path`},
		"mapper":   {"zmq://dataplane", edge("DATASTUB_MAPPER", ""), "DATASTUB_MAPPER, else common.name of the mapper's config: mapper is empty"},
		"everything bad": {"zmq://", environment(map[string]string{"NODE_NAME": "a/b", "DATASTUB_MAPPER": "c d", "DATASTUB_LAN": "x", "DATASTUB_SPOOL_BYTES": "much"}), "" +
			"NODE_NAME: node \"a/b\" has a \"/\": it is one level of an address\n" +
			"DATASTUB_MAPPER, else common.name of the mapper's config: mapper \"c d\" has ' ' at byte 1: wildcards, spaces and control characters are not allowed\n" +
			`pushMethod.mqtt.address "zmq://"` + address + "\n" +
			`DATASTUB_LAN: "x": neither tcp:// nor ipc://: want tcp://host:port, such as tcp://127.0.0.1:5556, tcp://*:5556 for every interface, or ipc://path` + "\n" +
			`DATASTUB_SPOOL_BYTES "much": want a size in bytes such as 262144, 256Ki or 1Gi`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := newSettings(test.address, test.getenv); err == nil || err.Error() != test.want {
				t.Errorf("got  %v, %v\nwant %s", got, err, test.want)
			}
		})
	}
}
