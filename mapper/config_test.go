package mapper

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
)

// writeFile writes a file and returns its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "config.yaml", `
grpc_server: {socket_path: /etc/kubeedge/modbus.sock}
common:
  name: Modbus-mapper
  version: v1.13.0
  api_version: v1.0.0
  protocol: modbus
  address: 127.0.0.1
  edgecore_sock: /etc/kubeedge/dmi.sock
  http_port: 7777
node: edge-1
http: 0.0.0.0:0
deviceAPI: {getWrites: true, remote: true}
devices: {source: folder, folder: /devices}
dataplane:
  registry: https://cloud:8080
  uplink: {address: tcp://cloud:5557, maxRate: 64Ki, backfillRate: 1Mi}
  lan: tcp://0.0.0.0:5556
  lanFormat: text
  socket: /run/datastub/publish.sock
  batch: {maxCount: 10, maxBytes: 64Ki, maxAge: 500ms}
  spool: {dir: /var/lib/datastub/spool, maxBytes: 16Mi, maxAge: 1h, sync: always}
  defaults: {topic: "{device}/{property}", qosClass: rt, publish: false, onChange: true, deadband: 2%, maxAge: 10s}
`)
	got, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.GRPCServer.SocketPath = "/etc/kubeedge/modbus.sock"
	want.Common.Name, want.Common.Version, want.Common.APIVersion = "Modbus-mapper", "v1.13.0", "v1.0.0"
	want.Common.Protocols, want.Common.Address = Protocols{"modbus"}, "127.0.0.1"
	want.Common.EdgeCoreSock, want.Common.HTTPPort = "/etc/kubeedge/dmi.sock", "7777"
	want.Node, want.HTTP = "edge-1", "0.0.0.0:0"
	want.DeviceAPI = DeviceAPI{GetWrites: true, Remote: true}
	want.Devices = Devices{Source: "folder", Folder: "/devices"}
	want.DataPlane = DataPlane{
		Registry: "https://cloud:8080", LAN: "tcp://0.0.0.0:5556", LANFormat: "text",
		Socket: "/run/datastub/publish.sock",
		Uplink: Link{Address: "tcp://cloud:5557", MaxRate: 64 << 10, BackfillRate: 1 << 20},
		Batch:  Batch{MaxCount: 10, MaxBytes: 64 << 10, MaxAge: 500 * time.Millisecond},
		Spool:  Spool{Dir: "/var/lib/datastub/spool", MaxBytes: 16 << 20, MaxAge: time.Hour, Sync: spool.SyncAlways},
		Defaults: Rules{
			Topic: "{device}/{property}", Class: dataplane.RT, OnChange: true,
			Deadband: Deadband{Width: 2, Percent: true}, MaxAge: 10 * time.Second,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLoadConfigTakesAnAddressAsUplink(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Link{
		"":                                      {Address: "tcp://127.0.0.1:5557", BackfillRate: 1 << 20},
		"uplink: tcp://cloud:5557":              {Address: "tcp://cloud:5557", BackfillRate: 1 << 20, alone: true},
		"uplink: {address: 'tcp://cloud:5557'}": {Address: "tcp://cloud:5557", BackfillRate: 1 << 20},
		"uplink: {maxRate: 1Mi, backfillRate: 0}": {Address: "tcp://127.0.0.1:5557", MaxRate: 1 << 20},
	} {
		got, err := LoadConfig(writeFile(t, t.TempDir(), "config.yaml", "dataplane: {"+text+"}"))
		if err != nil || got.DataPlane.Uplink != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got.DataPlane.Uplink, err, want)
		}
	}
}

func TestLoadConfigTakesKubeEdgesPort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                            "127.0.0.1:7777",
		"common: {http_port: '7778'}": "127.0.0.1:7778",
		"common: {http_port: 7778}":   "127.0.0.1:7778",
		"{common: {http_port: 7778}, http: 127.0.0.1:7777}": "127.0.0.1:7777",
		"{common: {http_port: 7778}, http: ''}":             "",
	} {
		got, err := LoadConfig(writeFile(t, t.TempDir(), "config.yaml", text))
		if err != nil || got.HTTP != want {
			t.Errorf("%q: http is %q, %v: want %q", text, got.HTTP, err, want)
		}
	}
}

// Not parallel: it sets the environment.
func TestLoadConfigNamesTheNode(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for env, want := range map[string]string{"edge-7": "edge-7", "": host} {
		t.Setenv("NODE_NAME", env)
		got, err := LoadConfig(writeFile(t, t.TempDir(), "config.yaml", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got.Node != want {
			t.Errorf("NODE_NAME=%q: node is %q, want %q", env, got.Node, want)
		}
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		yaml string
		want []string // the lines of the error, without the file
	}{
		"unknown keys at every level": {
			"nodes: a\ndataplane: {batch: {max: 1}, uplnk: x}\n",
			[]string{
				`dataplane.batch.max: Invalid value: 1: unknown key: want one of maxAge, maxBytes, maxCount`,
				`dataplane.uplnk: Invalid value: "x": unknown key: want one of batch, defaults, lan, lanFormat, registry, socket, spool, uplink`,
				`nodes: Invalid value: "a": unknown key: want one of common, dataplane, deviceAPI, devices, grpc_server, http, node`,
			},
		},
		"unknown keys, wrong types and wrong values together": {
			"node: a/b\nbogus: 1\ndataplane: {lanFormat: xml, batch: {maxAge: 5}, spool: {maxBytes: 1}}\n",
			[]string{
				`bogus: Invalid value: 1: unknown key: want one of common, dataplane, deviceAPI, devices, grpc_server, http, node`,
				`dataplane.batch.maxAge: Invalid value: 5: want a time with its unit, such as 500ms or 60s`,
				`node: Invalid value: "a/b": name "a/b" has a "/": it is one level of an address`,
				`dataplane.lanFormat: Invalid value: "xml": want json or text`,
				`dataplane.spool.maxBytes: Invalid value: 1: want a size, 64Ki or more`,
			},
		},
		"wrong types": {
			"devices: folder\ndataplane: {batch: {maxCount: many, maxBytes: 1.5Kb, maxAge: 5}, defaults: {publish: 'no'}}\n",
			[]string{
				`dataplane.batch.maxAge: Invalid value: 5: want a time with its unit, such as 500ms or 60s`,
				`dataplane.batch.maxBytes: Invalid value: "1.5Kb": want a size in bytes such as 262144, 256Ki or 1Gi`,
				`dataplane.batch.maxCount: Invalid value: "many": want a whole number, without quotes`,
				`dataplane.defaults.publish: Invalid value: "no": want true or false, without quotes`,
				`devices: Invalid value: "folder": want a map with the keys folder, source`,
			},
		},
		"keys where text is wanted": {
			"http: [a]\ndataplane: {lan: {address: 'tcp://*:5556'}}\n",
			[]string{
				`dataplane.lan: Invalid value: a map: want one text, without keys or items of its own`,
				`http: Invalid value: a list: want one text, without keys or items of its own`,
			},
		},
		"a key twice": {
			"node: a\nnode: b\n",
			[]string{`(file): Invalid value: YAML: line 2: mapping key "node" already defined at line 1`},
		},
		"no YAML": {
			"node: [a\n",
			[]string{`(file): Invalid value: YAML: line 1: did not find expected ',' or ']'`},
		},
		"a list": {
			"- node\n",
			[]string{`(file): Invalid value: a list: want a map with the keys common, dataplane, deviceAPI, devices, grpc_server, http, node`},
		},
		"values": {
			`
node: edge 1
common: {name: a/b}
devices: {source: kubeedge}
dataplane:
  registry: cloud
  uplink: udp://cloud:1
  lan: tcp://127.0.0.1:99999
  lanFormat: xml
  batch: {maxCount: 0, maxBytes: 0, maxAge: 0s}
  spool: {maxAge: 0s}
  defaults: {topic: a//b, maxAge: -1s}
`,
			[]string{
				`node: Invalid value: "edge 1": name "edge 1" has ' ' at byte 4: wildcards, spaces and control characters are not allowed`,
				`common.name: Invalid value: "a/b": name "a/b" has a "/": it is one level of an address`,
				`common.protocol: Required value: want the protocolName of the devices that the mapper is to have, such as modbus, or a list`,
				`dataplane.registry: Invalid value: "cloud": neither http:// nor https://: want http://host:port or https://host:port, such as http://127.0.0.1:8080`,
				`dataplane.uplink: Invalid value: "udp://cloud:1": neither tcp:// nor ipc://: want tcp://host:port, such as tcp://127.0.0.1:5557, or ipc://path`,
				`dataplane.lan: Invalid value: "tcp://127.0.0.1:99999": port "99999" is no number from 0 to 65535: want tcp://host:port, such as tcp://127.0.0.1:5556, tcp://*:5556 for every interface, or ipc://path`,
				`dataplane.lanFormat: Invalid value: "xml": want json or text`,
				`dataplane.batch.maxCount: Invalid value: 0: want a whole number from 1 to 65536`,
				`dataplane.batch.maxBytes: Invalid value: 0: want a size, 1 or more`,
				`dataplane.batch.maxAge: Invalid value: 0s: want a time above 0s`,
				`dataplane.spool.maxAge: Invalid value: 0s: want a time above 0s`,
				`dataplane.defaults.topic: Invalid value: "a//b": topic "a//b" has an empty level: want levels split by one "/"`,
				`dataplane.defaults.maxAge: Invalid value: -1s: want a time from 0s to 8760h0m0s`,
			},
		},
		"an uplink with keys": {
			"node: n\ndataplane: {uplink: {address: cloud, maxRate: 100, backfillRate: 1Kib, rate: 1}}\n",
			[]string{
				`dataplane.uplink.backfillRate: Invalid value: "1Kib": want a size in bytes such as 262144, 256Ki or 1Gi`,
				`dataplane.uplink.rate: Invalid value: 1: unknown key: want one of address, backfillRate, maxRate`,
				`dataplane.uplink.address: Invalid value: "cloud": neither tcp:// nor ipc://: want tcp://host:port, such as tcp://127.0.0.1:5557, or ipc://path`,
				`dataplane.uplink.maxRate: Invalid value: 100: want a size a second, 1Ki or more, or 0 for no limit`,
			},
		},
		"an uplink that is neither": {
			"node: n\ndataplane: {uplink: [tcp://cloud:5557]}\n",
			[]string{`dataplane.uplink: Invalid value: a list: want a map with the keys address, backfillRate, maxRate`},
		},
		"where it serves": {
			"node: n\ncommon: {http_port: 70000}\ndataplane: {socket: /" + strings.Repeat("x", 107) + "}\n",
			[]string{
				`common.http_port: Invalid value: "70000": port "70000" is no number from 0 to 65535`,
				`dataplane.socket: Invalid value: "/` + strings.Repeat("x", 107) + `": 108 bytes long, the most for a Unix socket is 107: want a path such as /run/datastub/publish.sock`,
			},
		},
		"where it serves, otherwise": {
			"node: n\nhttp: :7777\ndataplane: {socket: '@publish'}\n",
			[]string{
				`http: Invalid value: ":7777": no host: want host:port, such as 127.0.0.1:7777, or 0.0.0.0:7777 for every interface`,
				`dataplane.socket: Invalid value: "@publish": it begins with "@": want a path such as /run/datastub/publish.sock`,
			},
		},
		"where it serves, neither": {
			"node: n\nhttp: 7777\ndataplane: {socket: /run/datastub/}\n",
			[]string{
				`http: Invalid value: "7777": no host:port: want host:port, such as 127.0.0.1:7777, or 0.0.0.0:7777 for every interface`,
				`dataplane.socket: Invalid value: "/run/datastub/": it names a folder: want a path such as /run/datastub/publish.sock`,
			},
		},
		"an unknown source": {
			"node: n\ndevices: {source: mqtt, folder: ''}\n",
			[]string{`devices.source: Invalid value: "mqtt": want folder or kubeedge`},
		},
		"no folder": {
			"node: n\ndevices: {folder: ''}\n",
			[]string{`devices.folder: Invalid value: "": want a folder with Device and DeviceModel files`},
		},
		"EdgeCore's keys": {
			"node: n\ndevices: {source: kubeedge}\ncommon: {protocol: 'modbus, modbus, a/b', edgecore_sock: dmi.sock}\ngrpc_server: {socket_path: /run/}\n",
			[]string{
				`common.protocol: Invalid value: "modbus": it is named twice`,
				`common.protocol: Invalid value: "a/b": name "a/b" has a "/": it is one level of an address`,
				`common.edgecore_sock: Invalid value: "dmi.sock": it is relative, and EdgeCore runs elsewhere: want the path that EdgeCore sees, such as /etc/kubeedge/mapper.sock`,
				`grpc_server.socket_path: Invalid value: "/run/": it names a folder: want the path that EdgeCore sees, such as /etc/kubeedge/mapper.sock`,
			},
		},
		"a socket that is EdgeCore's, by the mapper's name": {
			"node: n\ndevices: {source: kubeedge}\ncommon: {name: dmi, protocol: modbus}\n",
			[]string{`grpc_server.socket_path: Invalid value: "/etc/kubeedge/dmi.sock": common.edgecore_sock is the same: want a path of its own, such as /etc/kubeedge/mapper.sock`},
		},
		"a socket where programs publish": {
			"node: n\ndevices: {source: kubeedge}\ncommon: {protocol: modbus}\ngrpc_server: {socket_path: /run/a.sock}\ndataplane: {socket: /run//a.sock}\n",
			[]string{`grpc_server.socket_path: Invalid value: "/run/a.sock": dataplane.socket is the same: want a path of its own, such as /etc/kubeedge/mapper.sock`},
		},
		"protocols that are no text": {
			"node: n\ndevices: {source: kubeedge}\ncommon: {protocol: {modbus: true}}\n",
			[]string{"common.protocol: Invalid value: a map: want a list: items that begin with \"- \""},
		},
		"a default that is no class": {
			"node: n\ndataplane: {defaults: {qosClass: fast, deadband: '-1'}}\n",
			[]string{
				`dataplane.defaults.deadband: Invalid value: "-1": want a number that is not negative, such as 0.5, or a percentage such as 2%`,
				`dataplane.defaults.qosClass: Invalid value: "fast": class "fast" is not RT or BT`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, t.TempDir(), "config.yaml", test.yaml)
			_, err := LoadConfig(path)
			if err == nil {
				t.Fatal("it was taken")
			}
			got := strings.ReplaceAll(err.Error(), path+": ", "")
			if want := strings.Join(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestLoadConfigLimitsTheFile(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "config.yaml", strings.Repeat("#", maxConfig+1))
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), "larger than 64Ki") {
		t.Errorf("got %v", err)
	}
}

func TestLoadConfigRefusesASecondDocument(t *testing.T) {
	t.Parallel()
	path := writeFile(t, t.TempDir(), "config.yaml", "node: a\n---\nnode: b\n")
	want := "config.yaml: (file): Invalid value: YAML: another document begins: want one"
	if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
