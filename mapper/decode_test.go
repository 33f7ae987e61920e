package mapper

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

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
		"two documents without a mark, as files of JSON lines have them": {
			`{"apiVersion":"devices.kubeedge.io/v1beta1","kind":"Device","metadata":{"name":"d"}}` + "\n{}\n",
			[]string{`document at line 1: not YAML: another document begins without a mark: put a line with "---" before it`},
		},
		"names and keys that would not stay on a line": {
			header + `kind: "a\nb"` + "\nmetadata: {name: " + strings.Repeat("n", 100) + "}\n---\n" + device + `"x\ny": 1` + "\n",
			[]string{
				`"a\nb" default/` + strings.Repeat("n", 64) + `…: kind: Unsupported value: "a\nb": supported values: "Device", "DeviceModel"`,
				`Device default/d: "x\ny": Invalid value: 1: unknown key: want one of apiVersion, kind, metadata, spec, status`,
			},
		},
		"a number too large for its field": {
			device + "spec: {properties: [{name: a, pushMethod: {mqtt: {qos: 3000000000}}}]}\n",
			[]string{`Device default/d: spec.properties[a].pushMethod.mqtt.qos: Invalid value: 3e+09: want a whole number of 32 bits, without quotes`},
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
	wantProblem(t, problems, "document at line 1: not YAML: with its aliases written out it is larger than 1Mi: write less of it by aliases")
}

// One alias of a long text many times over passes YAML's own guard, which
// counts nodes, and would be 10 GB of JSON.
func TestDecodeAliasesOfText(t *testing.T) {
	t.Parallel()
	_, problems := Decode("f.yaml", []byte("a: &a "+strings.Repeat("x", maxFile/4)+"\nb: ["+strings.Repeat("*a,", maxFile/6)+"]\n"))
	wantProblem(t, problems, "document at line 1: not YAML: with its aliases written out it is larger than 1Mi: write less of it by aliases")
}

func TestDecodeAliases(t *testing.T) {
	t.Parallel()
	got, problems := Decode("f.yaml", []byte(header+`kind: Device
metadata: {name: d}
spec:
  protocol: {configData: &data {ip: 10.0.0.1}}
  properties:
  - {name: a, visitors: {configData: *data}}
  - {name: b, visitors: {configData: {<<: *data, offset: 1}}}
`))
	if len(problems) > 0 || len(got.Devices) != 1 {
		t.Fatalf("got %+v, %v", got, problems)
	}
	for _, p := range got.Devices[0].Spec.Properties {
		if ip := p.Visitors.ConfigData.Data["ip"]; ip != "10.0.0.1" {
			t.Errorf("%s: got ip %v", p.Name, ip)
		}
	}
	_, problems = Decode("f.yaml", []byte("a: &a [*a]\n"))
	wantProblem(t, problems, "document at line 1: not YAML: anchor 'a' value contains itself")
}

// wantProblem fails unless that is the only problem of f.yaml.
func wantProblem(t *testing.T, problems []Problem, want string) {
	t.Helper()
	if len(problems) != 1 || problems[0].Error() != "f.yaml: "+want {
		t.Errorf("got  %v\nwant f.yaml: %s", problems, want)
	}
}

// A file that is no text is refused as a whole. Decoders would take the first
// document of one in UTF-16 and drop the others.
func TestDecodeNoText(t *testing.T) {
	t.Parallel()
	text := header + "kind: Device\nmetadata: {name: d}\n---\n" + header + "kind: Device\nmetadata: {name: e}\n"
	for name, data := range map[string][]byte{
		"UTF-16 little end first":   utf16Text(binary.LittleEndian, "\ufeff"+text),
		"UTF-16 big end first":      utf16Text(binary.BigEndian, "\ufeff"+text),
		"UTF-16 without a mark":     utf16Text(binary.BigEndian, text),
		"a NUL behind the document": []byte(text + "\x00"),
		"half a rune":               []byte(text + "# °"[:3]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Decode("f.yaml", data)
			wantProblem(t, problems, "not a text in UTF-8 (it has NUL or other bytes that none has, as UTF-16 and binary files do): save it as UTF-8")
		})
	}
}

func utf16Text(order binary.AppendByteOrder, text string) []byte {
	var data []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		data = order.AppendUint16(data, unit)
	}
	return data
}

// No document is passed over in silence, wherever its file comes from.
func TestDecodeLineBreaks(t *testing.T) {
	t.Parallel()
	text := header + "kind: Device\nmetadata: {name: d}\n... # the end\n" + header + "kind: Device\nmetadata: {name: e}\n---\t\n" +
		header + "kind: DeviceModel\nmetadata: {name: m}\n"
	for _, lineBreak := range []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"} {
		for _, mark := range []string{"", "\ufeff"} {
			got, problems := Decode("f.yaml", []byte(mark+strings.ReplaceAll(text, "\n", lineBreak)))
			if len(problems) > 0 || len(got.Devices) != 2 || len(got.Models) != 1 {
				t.Errorf("%q, %q: got %+v, %v", lineBreak, mark, got, problems)
			}
		}
	}
}

// A file has 1 MiB, and each of its documents may be wrong.
func TestDecodeManyProblems(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"documents": strings.Repeat("a\n---\n", maxFile/6),
		"keys":      header + "kind: Device\nmetadata: {name: d}\nspec:\n" + manyKeys(maxFile/40),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Decode("f.yaml", []byte(text))
			if len(problems) != maxProblems+1 || problems[maxProblems].Error() != "f.yaml: there are more than these 50: mend them first" {
				t.Errorf("got %d problems, the last of them %v", len(problems), problems[len(problems)-1])
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " k%d: 1\n", i)
	}
	return b.String()
}

// FuzzDecode holds Decode to what it promises of any file: objects with names,
// or problems of one line each.
func FuzzDecode(f *testing.F) {
	addResources(f)
	f.Add([]byte(header + "kind: Device\nmetadata: {name: d}\n"))
	f.Add([]byte("---\n...\n--- a\n"))
	f.Add([]byte("a: &a [x]\nb: {<<: *a, c: *a}\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, problems := Decode("f.yaml", data)
		if len(problems) > 0 && len(objects.Devices)+len(objects.Models) > 0 {
			t.Fatalf("objects of a file with problems: %+v, %v", objects, problems)
		}
		if len(problems) > maxProblems+1 {
			t.Fatalf("%d problems", len(problems))
		}
		for _, p := range problems {
			checkRefusal(t, p)
		}
		for _, d := range objects.Devices {
			if d.Name == "" || d.Namespace == "" {
				t.Fatalf("device without a name: %+v", d)
			}
		}
	})
}

// addResources makes a seed of each file of devices that users are given.
func addResources(f *testing.F) {
	for _, folder := range []string{"examples", "demo/devices"} {
		paths, err := filepath.Glob(filepath.Join("../resource", folder, "*.yaml"))
		if err != nil || len(paths) == 0 {
			f.Fatalf("%s: got %v, %v, want files", folder, paths, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// checkRefusal fails unless an error is one line that can be read as one.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	const longest = 2048 // bytes: the names and the values in it are cut short
	text := err.Error()
	if text == "" || len(text) > longest || strings.ContainsAny(text, "\n\r\x00") || !utf8.ValidString(text) {
		t.Fatalf("refusal of %d bytes: %.500q", len(text), text)
	}
}
