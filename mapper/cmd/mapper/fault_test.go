package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/mapper"
)

const crHeader = "---\napiVersion: devices.kubeedge.io/v1beta1\n"

// faultModels are the models of the devices with faults.
const faultModels = crHeader + `kind: DeviceModel
metadata: {name: m}
spec:
  protocol: virtual
  properties:
  - {name: a, type: INT, accessMode: ReadOnly}
  - {name: b, type: DOUBLE, accessMode: ReadWrite, minimum: "0", maximum: "10"}
  - {name: s, type: STRING, accessMode: ReadWrite}
` + crHeader + `kind: DeviceModel
metadata: {name: bare}
spec: {properties: [{name: a, type: INT, accessMode: ReadOnly}]}
` + crHeader + `kind: DeviceModel
metadata: {name: wrong}
spec:
  protocol: virtual
  properties:
  - {name: word, type: WORD, accessMode: ReadOnly}
  - {name: mode, type: INT}
  - {name: stream, type: STREAM, accessMode: ReadOnly}
  - {name: nan, type: INT, accessMode: ReadOnly, maximum: NaN}
`

// virtually is the beginning of a virtual device's spec, and modbusly of a
// Modbus device's.
const (
	virtually = "deviceModelRef: {name: m}, "
	modbusly  = "deviceModelRef: {name: m}, protocol: {protocolName: modbus, configData: {ip: 127.0.0.1, port: 1}}, "
)

type fault struct{ name, spec, property, reason string }

// faults are devices that are wrong: the spec of each, whose fault it is, and
// what is told. A property that is empty stands for the device itself.
var faults = []fault{
	{"missing-model", `deviceModelRef: {name: none}`, "",
		`spec.deviceModelRef.name: Not found: "none": want the name of a DeviceModel in the same namespace`},
	{"no-model", `protocol: {protocolName: virtual}`, "",
		`spec.deviceModelRef.name: Required value: want the name of a DeviceModel in the same namespace`},
	{"no-protocol", `deviceModelRef: {name: bare}`, "",
		`spec.protocol.protocolName: Required value: want the protocol that the device speaks, such as modbus`},
	{"unknown-protocol", virtually + `protocol: {protocolName: morse}, properties: [{name: a}]`, "",
		`protocolName "morse" has no driver: want one of modbus, modbus-mapper, virtual, virtualProtocol`},
	{"no-address", `deviceModelRef: {name: m}, protocol: {protocolName: modbus}, properties: [{name: a}]`, "",
		`ip is missing: want an IP address or a host name, without port`},
	{"port-too-high", `deviceModelRef: {name: m}, protocol: {protocolName: modbus, configData: {ip: 127.0.0.1, port: 70000}}`, "",
		`port: 70000 is not a whole number from 1 to 65535`},
	{"port-is-text", `deviceModelRef: {name: m}, protocol: {protocolName: modbus, configData: {ip: 127.0.0.1, port: http}}`, "",
		`port: http is not a whole number from 1 to 65535`},
	{"port-twice", `deviceModelRef: {name: m}, protocol: {protocolName: modbus, configData: {ip: 127.0.0.1, port: 1, Port: 2}}`, "",
		`port: 1 is not given once only: Port is given too`},
	{"map-in-protocol", `deviceModelRef: {name: m}, protocol: {protocolName: modbus, configData: {tcp: {ip: 127.0.0.1}}}`, "",
		`spec.protocol.configData.tcp: Invalid value: a map: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"class-of-device", virtually + `protocol: {protocolName: virtual, configData: {qosClass: FAST}}`, "",
		`spec.protocol.configData.qosClass: Invalid value: "FAST": want one of RT, BT`},
	{"no-properties", virtually + `properties: []`, "",
		`the device has no properties`},
	{"no-config-data", modbusly + `properties: [{name: a, visitors: {protocolName: modbus}}]`, "a",
		`a: register is missing: want one of ["CoilRegister" "DiscreteInputRegister" "HoldingRegister" "InputRegister"]; offset is missing: want a whole number from 0 to 65535`},
	{"unknown-register", modbusly + `properties: [{name: a, visitors: {configData: {register: Holding, offset: 1}}}]`, "a",
		`a: register: Holding is not one of CoilRegister, DiscreteInputRegister, HoldingRegister, InputRegister`},
	{"offset-too-high", modbusly + `properties: [{name: a, visitors: {configData: {register: HoldingRegister, offset: 70000}}}]`, "a",
		`a: offset: 70000 is not a whole number from 0 to 65535`},
	{"limit-nan", modbusly + `properties: [{name: a, visitors: {configData: {register: HoldingRegister, offset: 1, limit: NaN}}}]`, "a",
		`a: limit: NaN is not a whole number from 1 to 125`},
	{"map", virtually + `properties: [{name: a, visitors: {configData: {min: {a: 1}}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.min: Invalid value: a map: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"list", virtually + `properties: [{name: a, visitors: {configData: {min: [1]}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.min: Invalid value: a list: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"null-value", virtually + `properties: [{name: a, visitors: {configData: {min: null}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.min: Invalid value: null: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"twice", virtually + `properties: [{name: a}, {name: a}]`, "a",
		`spec.properties[a].name: Duplicate value: "a"`},
	{"not-in-model", virtually + `properties: [{name: température}, {name: b}]`, "température",
		`spec.properties[température].name: Unsupported value: "température": supported values: "a", "b", "s"`},
	{"long-property", virtually + `properties: [{name: ` + strings.Repeat("p", 300) + `}, {name: b}]`, strings.Repeat("p", 64) + "…",
		"spec.properties[" + strings.Repeat("p", 64) + "…].name: Too long: may not be more than 256 bytes"},
	{"no-name", virtually + `properties: [{collectCycle: 100}, {name: b}]`, "",
		`spec.properties[0].name: Required value: want the name of a property of the model`},
	{"negative-cycle", virtually + `properties: [{name: a, collectCycle: -1}, {name: b}]`, "a",
		`spec.properties[a].collectCycle: Invalid value: -1: want milliseconds, 1 or more`},
	{"negative-report", virtually + `properties: [{name: a, reportCycle: -5}, {name: b}]`, "a",
		`spec.properties[a].reportCycle: Invalid value: -5: want milliseconds, 1 or more`},
	{"desired-read-only", virtually + `properties: [{name: a, desired: {value: "1"}}, {name: b}]`, "a",
		`a: desired 1: point is read-only`},
	{"desired-too-high", virtually + `properties: [{name: b, desired: {value: "11"}}]`, "b",
		`b: desired: 11 is not a number from 0 to 10`},
	{"desired-is-text", virtually + `properties: [{name: b, desired: {value: warm}}]`, "b",
		`b: desired: warm is not a finite number`},
	{"topic-wildcard", virtually + `properties: [{name: a, visitors: {configData: {topic: a/+}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.topic: Invalid value: "a/+": topic "a/+" has '+' at byte 2: wildcards, spaces and control characters are not allowed`},
	{"topic-of-events", virtually + `properties: [{name: a, visitors: {configData: {topic: $events/a}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.topic: Invalid value: "$events/a": topic "$events/a" begins with "$", which is kept for events`},
	{"topic-huge", virtually + `properties: [{name: a, visitors: {configData: {topic: ` + strings.Repeat("x", 100_000) + `}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.topic: Invalid value: "` + strings.Repeat("x", 64) + `…": it is 100000 bytes long: the most is 1024, and 256 for the topic that comes of it`},
	{"topic-clash", virtually + `properties: [{name: a, visitors: {configData: {topic: t}}}, {name: b, visitors: {configData: {topic: t}}}, {name: s}]`, "b",
		`spec.properties[b].visitors.configData.topic: Invalid value: "t": properties "a" and "b" arrive at one topic: give each its own`},
	{"class", virtually + `properties: [{name: a, visitors: {configData: {qosClass: FAST}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.qosClass: Invalid value: "FAST": want one of RT, BT`},
	{"class-twice", virtually + `properties: [{name: a, visitors: {configData: {qosClass: RT, qos: BT}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.qos: Invalid value: "BT": want given once only: qosClass is given too`},
	{"deadband-negative", virtually + `properties: [{name: a, visitors: {configData: {deadband: -1}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.deadband: Invalid value: "-1": want a number that is not negative, or a percentage such as 2%`},
	{"deadband-of-text", virtually + `properties: [{name: s, visitors: {configData: {deadband: 1}}}, {name: b}]`, "s",
		`spec.properties[s].visitors.configData.deadband: Invalid value: "1": want a number type: the property is STRING`},
	{"age-without-unit", virtually + `properties: [{name: a, visitors: {configData: {maxAge: 60}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.maxAge: Invalid value: "60": want a time with its unit, such as 500ms or 60s`},
	{"publish-maybe", virtually + `properties: [{name: a, visitors: {configData: {publish: maybe}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.publish: Invalid value: "maybe": want true or false`},
	{"unknown-signal", virtually + `properties: [{name: a, visitors: {configData: {signal: noise}}}, {name: b}]`, "a",
		`a: signal: noise is not one of sine, ramp, square, counter, randomWalk, constant`},
	{"model-type", `deviceModelRef: {name: wrong}, properties: [{name: word}]`, "word",
		`DeviceModel wrong: spec.properties[word].type: Unsupported value: "WORD": supported values: "INT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES"`},
	{"model-access", `deviceModelRef: {name: wrong}, properties: [{name: mode}]`, "mode",
		`DeviceModel wrong: spec.properties[mode].accessMode: Required value: want ReadWrite or ReadOnly`},
	{"model-stream", `deviceModelRef: {name: wrong}, properties: [{name: stream}]`, "stream",
		`DeviceModel wrong: spec.properties[stream].type: Invalid value: "STREAM": video streams do not go through the data plane: want one of INT, FLOAT, DOUBLE, STRING, BOOLEAN, BYTES`},
	{"model-limit", `deviceModelRef: {name: wrong}, properties: [{name: nan}]`, "nan",
		`DeviceModel wrong: spec.properties[nan].maximum: Invalid value: "NaN": want a finite number`},
}

// A mailbox is a Publisher that keeps the events of each device, and counts the
// values.
type mailbox struct {
	mu     sync.Mutex
	values map[string]int      // by device
	events map[string][]string // by device: kind, property, event and reason
}

func (b *mailbox) Publish(messages []dataplane.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		kind, event := strings.CutPrefix(m.Topic, dataplane.EventTopic+"/")
		if !event {
			b.values[m.Device]++
			continue
		}
		text, _ := m.Value.Text()
		var said struct{ Event, Reason string }
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			return err
		}
		b.events[m.Device] = append(b.events[m.Device], fmt.Sprintf("%s %s %s: %s", kind, m.Property, said.Event, said.Reason))
	}
	return nil
}

// told returns the events of a device, or of a model.
func (b *mailbox) told(name string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events[name])
}

// count returns how many values of a device there are.
func (b *mailbox) count(device string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.values[device]
}

// TestFaults runs devices with every fault beside two that are right: each
// fault is told once, with what would be right, as an event and in the device's
// health; the properties beside it have values, and so do the neighbours.
func TestFaults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, folder, "models.yaml", faultModels)
	neighbours := []string{"neighbour", strings.Repeat("n", 253)} // the longest name that Kubernetes knows
	for _, name := range neighbours {
		writeFile(t, folder, name[:9]+".yaml", crHeader+"kind: Device\nmetadata: {name: "+name+"}\nspec: {"+virtually+
			"properties: [{name: a, collectCycle: 20, visitors: {configData: {qosClass: RT}}}]}\n")
	}
	for _, f := range faults {
		writeFile(t, folder, f.name+".yaml", crHeader+"kind: Device\nmetadata: {name: "+f.name+"}\nspec: {"+f.spec+"}\n")
	}
	box := &mailbox{values: map[string]int{}, events: map[string][]string{}}
	status, events := &mapper.Status{}, mapper.NewEvents(box, new(mapper.Tally))
	source, err := mapper.NewFolder(mapper.FolderOptions{Dir: folder, Defaults: mapper.DefaultRules(), Vet: drivers().Vet})
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := mapper.NewFleet(mapper.FleetOptions{Drivers: drivers(), Publisher: box, Reporter: mapper.Reporters{status, events}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{
		func(ctx context.Context) error { return source.Run(ctx, fleet) }, fleet.Run, events.Run,
	} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	defer running.Wait()
	defer cancel()
	for _, f := range faults {
		want := []string{"device  unhealthy: " + f.reason}
		if f.property != "" {
			want = append(want, "property "+f.property+" faulty: "+f.reason)
		}
		var got []string
		await(t, "the fault of "+f.name+" is told", func() bool { got = box.told(f.name); return len(got) >= len(want) })
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", f.name, got, want)
		}
		if strings.HasSuffix(f.spec, ", {name: b}]") {
			await(t, "values of b of "+f.name, func() bool { return box.count(f.name) > 0 })
		}
	}
	if got, want := box.told("none"), []string{"model  missing: " + faults[0].reason}; !slices.Equal(got, want) {
		t.Errorf("the model that is missing: got %q, want %q", got, want)
	}
	for _, name := range neighbours {
		n := box.count(name)
		await(t, "further values of "+name[:9], func() bool { return box.count(name) > n+5 })
		if got, want := box.told(name), []string{"device  online: "}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, d := range status.Snapshot() {
		if i := slices.IndexFunc(faults, func(f fault) bool { return f.name == d.Key.Name }); i >= 0 && d.Health.Reason != faults[i].reason {
			t.Errorf("%s is unhealthy because of %q, want %q", d.Key.Name, d.Health.Reason, faults[i].reason)
		}
	}
}

// await waits until ok, for at most 30 s.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not in 30 s: %s", what)
		}
	}
}
