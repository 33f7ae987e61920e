package mapper

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeedge/api/apis/devices/v1beta1"

	"datastub/dataplane"
	"datastub/driver"
)

// mergeYAML merges the one Device of a text with the one DeviceModel, if there
// is one.
func mergeYAML(t *testing.T, text string) (*Spec, []string) {
	t.Helper()
	objects, problems := Decode("f.yaml", []byte(text))
	if len(problems) > 0 || len(objects.Devices) != 1 {
		t.Fatalf("decode: %v", problems)
	}
	var model *v1beta1.DeviceModel
	if len(objects.Models) > 0 {
		model = &objects.Models[0]
	}
	spec, errs := Merge(&objects.Devices[0], model, DefaultRules())
	var lines []string
	for _, err := range errs {
		lines = append(lines, err.Error())
	}
	return spec, lines
}

const silo = header + `kind: DeviceModel
metadata: {name: silo}
spec:
  protocol: modbus
  protocolConfigData: {port: 502, qosClass: RT, timeout: 1s}
  properties:
  - {name: level, type: DOUBLE, accessMode: ReadOnly, unit: m, minimum: "0", maximum: "12", visitors: {configData: {offset: 1, min: 2, onChange: true}}}
  - {name: door, type: BOOLEAN, accessMode: ReadWrite, minimum: "0"}
  - {name: "the mode/1", type: STRING, accessMode: ReadWrite}
  - {name: video, type: STREAM, accessMode: ReadOnly}
  - {name: wrong, type: WORD, accessMode: Write, minimum: low}
  - {name: bound, type: INT, accessMode: ReadOnly, maximum: high}
  - {name: bare}
---
` + header + `kind: Device
metadata: {name: silo-7}
`

func TestMerge(t *testing.T) {
	t.Parallel()
	got, errs := mergeYAML(t, silo+`
spec:
  deviceModelRef: {name: silo}
  stateReport: {reportToCloud: true, reportCycle: 30000}
  protocol: {protocolName: modbus-mapper, configData: {Port: "503", maxage: 2s, deadband: 1, TOPIC: "{device}/{property}"}}
  methods:
  - {name: Set, description: sets it, propertyNames: [door, "the mode/1"]}
  properties:
  - name: level
    collectCycle: 500
    reportCycle: 5000
    reportToCloud: true
    visitors: {configData: {Offset: 4, qos: bt, deadband: "2%", Topic: "plant/{model}/level"}}
  - name: door
    desired: {value: "true"}
    collectCycle: 500000000
  - name: the mode/1
    visitors: {configData: {publish: "FALSE", onchange: 1, maxAge: 100ms}}
`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	base := Rules{Class: dataplane.RT, Publish: true, Deadband: Deadband{Width: 1}, MaxAge: 2 * time.Second}
	level, door, mode := base, base, base
	level.Topic, level.Class, level.OnChange, level.Deadband = "plant/silo/level", dataplane.BT, true, Deadband{2, true}
	door.Topic = "silo-7/door"
	mode.Topic, mode.Publish, mode.OnChange, mode.MaxAge = "silo-7/the%20mode%2F1", false, true, 100*time.Millisecond
	want := &Spec{
		Key:      Key{"default", "silo-7"},
		Model:    "silo",
		Protocol: "modbus-mapper",
		Settings: driver.Settings{"Port": "503", "timeout": "1s"},
		Properties: []Property{
			{
				Point: driver.PointConfig{Name: "level", Type: driver.Double, ReadOnly: true,
					Settings: driver.Settings{"Offset": 4.0, "min": 2.0, "max": "12"}},
				Unit: "m", CollectCycle: 500 * time.Millisecond, ReportCycle: 5 * time.Second, ReportToCloud: true, Rules: level,
			},
			{
				Point:        driver.PointConfig{Name: "door", Type: driver.Boolean, Settings: driver.Settings{}},
				CollectCycle: 500 * time.Millisecond, ReportCycle: 500 * time.Millisecond, Desired: "true", Rules: door,
			},
			{
				Point:        driver.PointConfig{Name: "the mode/1", Type: driver.String, Settings: driver.Settings{}},
				CollectCycle: time.Second, ReportCycle: time.Second, Rules: mode,
			},
		},
		Methods:     []Method{{Name: "Set", Description: "sets it", Properties: []string{"door", "the mode/1"}}},
		StateReport: StateReport{Cycle: 30 * time.Second},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestMergeStateReport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		given string
		want  StateReport
		errs  string
	}{
		{"{reportToCloud: true}", StateReport{}, "[]"},
		{"{reportToCloud: true, reportCycle: 5000}", StateReport{Cycle: 5 * time.Second}, "[]"},
		{"{reportToCloud: false, reportCycle: 5000}", StateReport{Off: true, Cycle: 5 * time.Second}, "[]"},
		{"{reportToCloud: true, reportCycle: -1}", StateReport{}, "[spec.stateReport.reportCycle: Invalid value: -1: want milliseconds, 1 or more]"},
	} {
		spec, errs := mergeYAML(t, silo+"spec: {deviceModelRef: {name: silo}, stateReport: "+test.given+"}\n")
		if spec == nil || spec.StateReport != test.want || fmt.Sprint(errs) != test.errs {
			t.Errorf("%s: got %+v, %s, want %+v, %s", test.given, spec, errs, test.want, test.errs)
		}
	}
}

// A bad property is told and left out; the good one, which is there each time,
// stays.
func TestMergeRefusesProperties(t *testing.T) {
	t.Parallel()
	const configData = "spec.properties[door].visitors.configData"
	tests := map[string]struct {
		properties string // after the good one
		want       []string
	}{
		"not in the model": {
			`- {name: depth}`,
			[]string{`spec.properties[depth].name: Unsupported value: "depth": supported values: "level", "door", "the mode/1", "video", "wrong", "bound", "bare"`},
		},
		"without a name": {`- {collectCycle: 1}`, []string{`spec.properties[1].name: Required value: want the name of a property of the model`}},
		"given twice":    {`- {name: level}`, []string{`spec.properties[level].name: Duplicate value: "level"`}},
		"a stream":       {`- {name: video}`, []string{`DeviceModel silo: spec.properties[video].type: Invalid value: "STREAM": video streams do not go through the data plane: want one of INT, FLOAT, DOUBLE, STRING, BOOLEAN, BYTES`}},
		"no model of use": {`- {name: wrong}`, []string{
			`DeviceModel silo: spec.properties[wrong].type: Unsupported value: "WORD": supported values: "INT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES"`,
			`DeviceModel silo: spec.properties[wrong].accessMode: Unsupported value: "Write": supported values: "ReadWrite", "ReadOnly"`,
		}},
		"an empty model": {`- {name: bare}`, []string{
			`DeviceModel silo: spec.properties[bare].type: Required value: want one of INT, FLOAT, DOUBLE, STRING, BOOLEAN, BYTES`,
			`DeviceModel silo: spec.properties[bare].accessMode: Required value: want ReadWrite or ReadOnly`,
		}},
		"a bound that is no number": {`- {name: bound}`, []string{
			`DeviceModel silo: spec.properties[bound].maximum: Invalid value: "high": want a finite number`,
		}},
		"a negative cycle": {`- {name: door, collectCycle: -1}`, []string{
			`spec.properties[door].collectCycle: Invalid value: -1: want milliseconds, 1 or more`,
		}},
		"configData that is not flat": {`- {name: door, visitors: {configData: {a: [1], b: {c: 1}, d: null}}}`, []string{
			configData + `.a: Invalid value: a list: want a string, a number or a boolean: KubeEdge hands over nothing else`,
			configData + `.b: Invalid value: a map: want a string, a number or a boolean: KubeEdge hands over nothing else`,
			configData + `.d: Invalid value: null: want a string, a number or a boolean: KubeEdge hands over nothing else`,
		}},
		"rules": {`- {name: door, visitors: {configData: {topic: "a//{property}", qosClass: QT, publish: maybe, onChange: 3, deadband: wide, maxAge: old}}}`, []string{
			configData + `.qosClass: Invalid value: "QT": want one of RT, BT`,
			configData + `.publish: Invalid value: "maybe": want true or false`,
			configData + `.onChange: Invalid value: "3": want true or false`,
			configData + `.deadband: Invalid value: "wide": want a number that is not negative, or a percentage such as 2%`,
			configData + `.maxAge: Invalid value: "old": want a time with its unit, such as 500ms or 60s`,
			configData + `.topic: Invalid value: "a//{property}": topic "a//door" has an empty level: want levels split by one "/"`,
		}},
		"a time without its unit": {`- {name: door, visitors: {configData: {maxAge: 60}}}`, []string{
			configData + `.maxAge: Invalid value: "60": want a time with its unit, such as 500ms or 60s`,
		}},
		"a time as text without its unit": {`- {name: door, visitors: {configData: {maxAge: "60"}}}`, []string{
			configData + `.maxAge: Invalid value: "60": want a time with its unit, such as 500ms or 60s`,
		}},
		"a time that is negative": {`- {name: door, visitors: {configData: {maxAge: -1s}}}`, []string{
			configData + `.maxAge: Invalid value: "-1s": want a time from 0s to 8760h0m0s`,
		}},
		"an empty topic": {`- {name: door, visitors: {configData: {topic: ""}}}`, []string{
			configData + `.topic: Invalid value: "": want a topic, such as sensor/{property}`,
		}},
		"a deadband for what is no number": {`- {name: door, visitors: {configData: {deadband: 2%}}}`, []string{
			configData + `.deadband: Invalid value: "2%": want a number type: the property is BOOLEAN`,
		}},
		"a placeholder that there is not": {`- {name: door, visitors: {configData: {topic: "{node}/a"}}}`, []string{
			configData + `.topic: Invalid value: "{node}/a": a topic may contain {property}, {device} and {model}, and no other braces`,
		}},
		"qos and qosClass": {`- {name: door, visitors: {configData: {qos: RT, qosClass: BT}}}`, []string{
			configData + `.qos: Invalid value: "RT": want given once only: qosClass is given too`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, got := mergeYAML(t, silo+"spec:\n  deviceModelRef: {name: silo}\n  properties:\n  - {name: level}\n  "+test.properties+"\n")
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if spec == nil || len(spec.Properties) != 1 || spec.Properties[0].Point.Name != "level" {
				t.Errorf("got %+v", spec)
			}
		})
	}
}

func TestMergeRefusesDevices(t *testing.T) {
	t.Parallel()
	device := header + "kind: Device\nmetadata: {name: d}\n"
	model := header + "kind: DeviceModel\nmetadata: {name: m}\n---\n"
	tests := map[string]struct {
		yaml string
		want string
	}{
		"no reference": {device, `spec.deviceModelRef.name: Required value: want the name of a DeviceModel in the same namespace`},
		"no model":     {device + "spec: {deviceModelRef: {name: m}}\n", `spec.deviceModelRef.name: Not found: "m": want the name of a DeviceModel in the same namespace`},
		"no protocol":  {model + device + "spec: {deviceModelRef: {name: m}}\n", `spec.protocol.protocolName: Required value: want the protocol that the device speaks, such as modbus`},
		"a name that no address can have": {
			model + header + "kind: Device\nmetadata: {name: a/b}\nspec: {deviceModelRef: {name: m}, protocol: {protocolName: p}}\n",
			`metadata.name: Invalid value: "a/b": device "a/b" has a "/": it is one level of an address`,
		},
		"rules of the whole device": {
			model + device + "spec: {deviceModelRef: {name: m}, protocol: {protocolName: p, configData: {qos: 1}}}\n",
			`spec.protocol.configData.qos: Invalid value: "1": want one of RT, BT`,
		},
		"configData that is not flat": {
			model + device + "spec: {deviceModelRef: {name: m}, protocol: {protocolName: p, configData: {ip: [a]}}}\n",
			`spec.protocol.configData.ip: Invalid value: a list: want a string, a number or a boolean: KubeEdge hands over nothing else`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, got := mergeYAML(t, test.yaml)
			if spec != nil || strings.Join(got, "\n") != test.want {
				t.Errorf("got %+v and\n%s\nwant\n%s", spec, strings.Join(got, "\n"), test.want)
			}
		})
	}
}

func TestMergeRefusesOneTopicTwice(t *testing.T) {
	t.Parallel()
	spec, got := mergeYAML(t, silo+`
spec:
  deviceModelRef: {name: silo}
  properties:
  - {name: level, visitors: {configData: {topic: a}}}
  - {name: the mode/1, visitors: {configData: {topic: a, publish: false}}}
  - {name: door, visitors: {configData: {topic: a}}}
`)
	want := `spec.properties: Invalid value: "a": "level" and "door" arrive at one topic: give each its own`
	if !slices.Equal(got, []string{want, want}) { // each has the fault
		t.Errorf("got\n%s\nwant twice\n%s", strings.Join(got, "\n"), want)
	}
	if got := summary([]Fault{{"level", "", want}, {"door", "", want}}); got != want {
		t.Errorf("in one: got\n%s\nwant\n%s", got, want)
	}
	if spec == nil || len(spec.Properties) != 1 || spec.Properties[0].Point.Name != "the mode/1" {
		t.Errorf("got %+v", spec)
	}
}

func TestMergePushMethod(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		device, property string
		topic            string
		publish          bool
	}{
		"asks for publishing":       {"", "{address: zmq://any, topic: my/topic, qos: 1}", "my/topic", true},
		"without a topic":           {"", "{address: ZMQ://any}", "silo/door", true},
		"the device's keys hold":    {"topic: a, publish: false", "{address: zmq://any, topic: my/topic}", "a", false},
		"a device's topic holds":    {"topic: a", "{address: zmq://any, topic: my/topic}", "a", true},
		"another address is no ask": {"", "{address: mqtt://any, topic: my/topic}", "silo/door", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, problems := Decode("f.yaml", []byte(silo+`
spec:
  deviceModelRef: {name: silo}
  protocol: {configData: {`+test.device+`}}
  properties:
  - {name: door, pushMethod: {mqtt: `+test.property+`}}
`))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			defaults := DefaultRules()
			defaults.Publish = false
			spec, errs := Merge(&objects.Devices[0], &objects.Models[0], defaults)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if r := spec.Properties[0].Rules; r.Topic != test.topic || r.Publish != test.publish {
				t.Errorf("got topic %q, publish %v; want %q, %v", r.Topic, r.Publish, test.topic, test.publish)
			}
		})
	}
}

// Merging costs what the files are long, not that squared: a model and a
// device with 8,000 properties and settings each, of which nothing fits. Not
// parallel: it counts what is allocated.
func TestMergeLarge(t *testing.T) {
	const n = 8_000
	var model, device, settings strings.Builder
	for i := range n {
		fmt.Fprintf(&model, "  - {name: m%d, type: INT}\n", i)
		fmt.Fprintf(&device, "  - {name: d%d}\n", i)
		fmt.Fprintf(&settings, "k%d: 1, ", i)
	}
	objects, problems := Decode("f.yaml", []byte(header+"kind: DeviceModel\nmetadata: {name: m}\nspec:\n  protocol: modbus\n"+
		"  protocolConfigData: {"+settings.String()+"}\n  properties:\n"+model.String()+"---\n"+
		header+"kind: Device\nmetadata: {name: d}\nspec:\n  deviceModelRef: {name: m}\n"+
		"  protocol: {protocolName: modbus, configData: {"+settings.String()+"}}\n  properties:\n"+device.String()))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	specs, problems := catalog{"f.yaml": objects}.specs(DefaultRules(), vetNothing)
	runtime.ReadMemStats(&after)
	if len(specs) != 1 || len(specs[0].Settings) != n || len(problems) != maxProblems+1 {
		t.Fatalf("got %d devices and %d problems", len(specs), len(problems))
	}
	const want = `spec.properties[d7].name: Unsupported value: "d7": supported values: "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "…"`
	if got := problems[7].Err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("merging took %d MiB, want 64 at the most", took>>20)
	}
}
