package mapper

import (
	"strings"
	"testing"

	"github.com/kubeedge/api/apis/devices/v1beta1"
)

const header = "apiVersion: devices.kubeedge.io/v1beta1\n"

func TestDecode(t *testing.T) {
	t.Parallel()
	text := "\ufeff# a comment\n---\n" + header + `kind: DeviceModel
metadata: {name: boiler, namespace: plant, creationTimestamp: 2026-08-01T12:00:00Z}
spec:
  protocol: modbus
  properties:
  - {name: t, type: INT, accessMode: ReadOnly}
--- # the device
` + header + `kind: Device
metadata: {name: boiler-1}
spec:
  deviceModelRef: {name: boiler}
  protocol: {protocolName: modbus, configData: {ip: 10.0.0.1, port: 502}}
  properties:
  - {name: t, collectCycle: 100, desired: {value: "1"}}
status: {any: [thing]}
...
---
# nothing here
`
	got, problems := Decode("f.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if len(got.Models) != 1 || got.Models[0].Namespace != "plant" || got.Models[0].Spec.Properties[0].Type != v1beta1.INT {
		t.Errorf("got models %+v", got.Models)
	}
	if len(got.Devices) != 1 {
		t.Fatalf("got devices %+v", got.Devices)
	}
	d := got.Devices[0]
	if d.Namespace != "default" || d.Spec.Properties[0].CollectCycle != 100 || d.Spec.Protocol.ConfigData.Data["port"] != 502.0 {
		t.Errorf("got device %+v", d)
	}
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	got, problems := Decode("f.json", []byte(`{"apiVersion":"devices.kubeedge.io/v1beta1","kind":"Device","metadata":{"name":"d"}}`))
	if len(problems) > 0 || len(got.Devices) != 1 {
		t.Errorf("got %+v, %v", got, problems)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	device := header + "kind: Device\nmetadata: {name: d}\n"
	tests := map[string]struct {
		yaml string
		want []string // the problems, without the file
	}{
		"unknown fields, with their whole path": {
			device + "spec:\n  properties:\n  - name: a\n    visitors: {configdata: {}}\n    events: []\n",
			[]string{
				`Device default/d: spec.properties[a].events: Invalid value: a list: unknown key: want one of collectCycle, desired, name, pushMethod, reportCycle, reportToCloud, visitors`,
				`Device default/d: spec.properties[a].visitors.configdata: Invalid value: a map: unknown key: want one of configData, protocolName`,
			},
		},
		"wrong types": {
			device + "spec:\n  properties:\n  - {name: 1, collectCycle: fast, reportToCloud: 'yes', desired: {value: 1}}\n  protocol: {configData: [a]}\n",
			[]string{
				`Device default/d: spec.properties[0].collectCycle: Invalid value: "fast": want a whole number, without quotes`,
				`Device default/d: spec.properties[0].desired.value: Invalid value: 1: want text: put it in quotes`,
				`Device default/d: spec.properties[0].name: Invalid value: 1: want text: put it in quotes`,
				`Device default/d: spec.properties[0].reportToCloud: Invalid value: "yes": want true or false, without quotes`,
				`Device default/d: spec.protocol.configData: Invalid value: a list: want a map of keys and values`,
			},
		},
		"a map and a list in the other's place": {
			device + "spec:\n  properties: {name: a}\n  protocol: modbus\n",
			[]string{
				`Device default/d: spec.properties: Invalid value: a map: want a list: items that begin with "- "`,
				`Device default/d: spec.protocol: Invalid value: "modbus": want a map with the keys configData, protocolName`,
			},
		},
		"a fraction": {
			device + "spec: {properties: [{name: a, collectCycle: 0.5}]}\n",
			[]string{`Device default/d: spec.properties[a].collectCycle: Invalid value: 0.5: want a whole number, without quotes`},
		},
		"a wrong time": {
			header + "kind: Device\nmetadata: {name: d, creationTimestamp: 7}\n",
			[]string{`Device default/d: metadata.creationTimestamp: Invalid value: 7: want a time such as 2026-08-01T12:00:00Z`},
		},
		"a label that is no text": {
			header + "kind: Device\nmetadata: {name: d, labels: {a: 1}}\n",
			[]string{`Device default/d: metadata.labels[a]: Invalid value: 1: want text: put it in quotes`},
		},
		"a key twice, by the file's line": {
			header + "kind: DeviceModel\nmetadata: {name: m}\n---\n" + device + "spec:\n  nodeName: a\n  nodeName: b\n",
			[]string{`document at line 4: not YAML: line 10: key "nodeName" already set in map`},
		},
		"another kind": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
			[]string{`ConfigMap default/c: kind: Unsupported value: "ConfigMap": supported values: "Device", "DeviceModel"`},
		},
		"no kind": {
			header,
			[]string{`document at line 1: kind: Required value: want Device or DeviceModel`},
		},
		"another version": {
			"apiVersion: devices.kubeedge.io/v1alpha2\nkind: Device\nmetadata: {name: d}\n",
			[]string{`Device default/d: apiVersion: Unsupported value: "devices.kubeedge.io/v1alpha2": supported values: "devices.kubeedge.io/v1beta1"`},
		},
		"no name": {
			header + "kind: Device\n",
			[]string{`document at line 1: metadata.name: Required value: want the object's name`},
		},
		"text": {
			"hello\n",
			[]string{`document at line 1: want a map with apiVersion, kind, metadata and spec`},
		},
		"all documents' problems": {
			"a: 1\n---\nb: 1\n",
			[]string{
				`document at line 1: kind: Required value: want Device or DeviceModel`,
				`document at line 2: kind: Required value: want Device or DeviceModel`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, problems := Decode("f.yaml", []byte(test.yaml))
			if len(objects.Devices)+len(objects.Models) > 0 {
				t.Errorf("got %+v of a bad file", objects)
			}
			var got []string
			for _, p := range problems {
				got = append(got, strings.TrimPrefix(p.Error(), "f.yaml: "))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Nine aliases of nine aliases and so on would be 9^9 strings.
func TestDecodeAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c <= 'i'; c++ {
		before := "*" + string(c-1)
		b.WriteString(string(c) + ": &" + string(c) + " [" + strings.Repeat(before+",", 8) + before + "]\n")
	}
	_, problems := Decode("f.yaml", []byte(b.String()))
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "excessive aliasing") {
		t.Errorf("got %v", problems)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(header + "kind: Device\nmetadata: {name: d}\n"))
	f.Add([]byte("---\n...\n--- a\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { Decode("f.yaml", data) })
}
