package mapper

import (
	"reflect"
	"testing"
)

func TestRegistrations(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		yaml string
		want []Registration
	}{
		"one": {"common: {name: m, protocol: modbus}", []Registration{{"modbus", "m", "/etc/kubeedge/m.sock"}}},
		"one, elsewhere": {
			"{common: {name: m, protocol: [modbus]}, grpc_server: {socket_path: /run/a.b/m}}",
			[]Registration{{"modbus", "m", "/run/a.b/m"}},
		},
		"several": {"common: {name: m, protocol: ' modbus,virtual, '}", []Registration{
			{"modbus", "m-modbus", "/etc/kubeedge/m-modbus.sock"}, {"virtual", "m-virtual", "/etc/kubeedge/m-virtual.sock"},
		}},
		"several, elsewhere": {
			"{common: {name: m, protocol: [modbus, virtual]}, grpc_server: {socket_path: /run/x.sock}}",
			[]Registration{{"modbus", "m-modbus", "/run/x-modbus.sock"}, {"virtual", "m-virtual", "/run/x-virtual.sock"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := LoadConfig(writeFile(t, t.TempDir(), "config.yaml", test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Registrations(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
		})
	}
}

func TestCheckProtocols(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Common.Protocols = Protocols{"script", "opcua"}
	drivers := Drivers{"script": newScript(), "virtual": newScript()}
	if err := c.CheckProtocols(drivers); err != nil {
		t.Errorf("with devices from a folder: %v", err)
	}
	c.Devices.Source = FromEdgeCore
	want := `common.protocol: Invalid value: "opcua": protocolName "opcua" has no driver: want one of script, virtual`
	if err := c.CheckProtocols(drivers); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
