package hostile

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"datastub/hack/stack"
)

const crHeader = "apiVersion: devices.kubeedge.io/v1beta1\n"

// model is a DeviceModel with the number a and the number b.
const model = crHeader + `kind: DeviceModel
metadata: {name: m}
spec:
  protocol: virtual
  properties:
  - {name: a, type: INT, accessMode: ReadOnly}
  - {name: b, type: INT, accessMode: ReadOnly}
`

// virtual returns a virtual device of the model with a property a that has
// those settings, and further properties.
func virtual(name, settings string, more ...string) string {
	return crHeader + "kind: Device\nmetadata: {name: " + name + "}\nspec:\n  deviceModelRef: {name: m}\n  protocol: {protocolName: virtual}\n  properties:\n" +
		"  - {name: a, collectCycle: 20, visitors: {configData: {" + settings + "}}}\n" + strings.Join(more, "")
}

const propertyA = `spec.properties[a].visitors.configData.`

// TestEdgeCR puts files of CRs beside the neighbour that are wrong in every
// way: each is refused with its file, field and value and what would be right.
func TestEdgeCR(t *testing.T) {
	e := startEdge(t, map[string]string{"model.yaml": model})
	forbidden := func(topic, shown, r, at string) (settings, want string) {
		return "topic: " + topic, propertyA + `topic: Invalid value: "` + shown + `": topic "` + shown + `" has ` + r + ` at byte ` + at +
			": wildcards, spaces and control characters are not allowed"
	}
	plus, wantPlus := forbidden("a/+/b", "a/+/b", "'+'", "2")
	hash, wantHash := forbidden(`"a/#"`, "a/#", "'#'", "2")
	nul, wantNUL := forbidden(`"a\0b"`, `a\x00b`, `'\x00'`, "1")
	long := strings.Repeat("t", 257)
	const emptyLevel = `has an empty level: want levels split by one "/"`
	for _, tt := range []struct{ name, text, want string }{
		{"empty-level", virtual("x", "topic: a//b"), propertyA + `topic: Invalid value: "a//b": topic "a//b" ` + emptyLevel},
		{"up", virtual("x", "topic: ../"), propertyA + `topic: Invalid value: "../": topic "../" ` + emptyLevel},
		{"plus", virtual("x", plus), wantPlus},
		{"hash", virtual("x", hash), wantHash},
		{"nul", virtual("x", nul), wantNUL},
		{"long", virtual("x", "topic: "+long), propertyA + `topic: Invalid value: "` + long[:64] + `…": topic "` + long[:32] + `"… is 257 bytes long: the most is 256`},
		{"events", virtual("x", "topic: $events/a"), propertyA + `topic: Invalid value: "$events/a": topic "$events/a" begins with "$", which is kept for events`},
		{"template", virtual("x", "topic: '"+strings.Repeat("{property}", 1<<15)+"'"), "it is 327680 bytes long: the most is 1024, and 256 for the topic that comes of it"},
		{"class", virtual("x", "qosClass: FAST"), propertyA + `qosClass: Invalid value: "FAST": want one of RT, BT`},
		{"deadband", virtual("x", "deadband: -1"), propertyA + `deadband: Invalid value: "-1": want a number that is not negative, or a percentage such as 2%`},
		{"one-topic", virtual("x", "topic: same", "  - {name: b, visitors: {configData: {topic: same}}}\n"),
			`spec.properties: Invalid value: "same": "a" and "b" arrive at one topic: give each its own`},
		{"no-model", strings.Replace(virtual("x", ""), "{name: m}", "{name: none}", 1),
			`spec.deviceModelRef.name: Not found: "none": want the name of a DeviceModel in the same namespace`},
		{"no-such-property", virtual("x", "", "  - {name: c}\n"), `spec.properties[c].name: Unsupported value: "c": supported values: "a", "b"`},
		{"register", strings.Replace(virtual("x", "register: HoldingRegister, offset: 65536"), "protocolName: virtual", "protocolName: modbus, configData: {ip: 127.0.0.1}", 1),
			propertyA + `offset: Invalid value: "65536": want a whole number from 0 to 65535`},
		{"registers", strings.Replace(virtual("x", "register: HoldingRegister, offset: 65535, limit: 2"), "protocolName: virtual", "protocolName: modbus, configData: {ip: 127.0.0.1}", 1),
			propertyA + `offset: Invalid value: "65535": want at most 65534, as 2 addresses are read and the last is 65535`},
		{"no-driver", strings.Replace(virtual("x", ""), "protocolName: virtual", "protocolName: morse", 1), `spec.protocol: protocolName "morse" has no driver: want one of coap, modbus`},
		{"device-name", virtual(`"a/b"`, ""), `metadata.name: Invalid value: "a/b": device "a/b" has a "/": it is one level of an address`},
		{"twice", stack.VirtualDevice(neighbour), `DeviceModel default/neighbour-model is in `},
		{"unknown-key", strings.Replace(virtual("x", ""), "visitors", "visitor", 1), `spec.properties[a].visitor: Invalid value: a map: unknown key: want one of collectCycle`},
		{"not-flat", virtual("x", "topic: [a]"), propertyA + `topic: Invalid value: a list: want a string, a number or a boolean: KubeEdge hands over nothing else`},
		{"laughs", laughs(), "with its aliases written out it is larger than 1Mi"},
		{"laughs-of-texts", "a: &a " + strings.Repeat("x", 1<<18) + "\nb: [" + strings.Repeat("*a,", 1<<17) + "]\n", "with its aliases written out it is larger than 1Mi"},
		{"deep", strings.Repeat("[", 1<<19), "document at line 1"},
		{"documents", strings.Repeat("a\n---\n", 1<<17), "there are more than these 50: mend them first"},
		{"large", strings.Repeat("# a comment\n", 50<<20/12), "it is larger than 1Mi: split it"},
		{"half", virtual("x", "")[:150], "not YAML: "},
		{"json-lines", `{"kind":"Device"}` + "\n" + `{"kind":"Device"}`, `another document begins without a mark: put a line with "---" before it`},
		{"utf16", inUTF16(virtual("x", "")), "not a text in UTF-8"},
		{"binary", "\x7fELF\x02\x01\x01\x00\xff\xfe", "not a text in UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e.t = t
			name := "attack-" + tt.name + ".yaml"
			e.Write(name, tt.text)
			e.told("Device file has a problem", e.path(name), tt.want)
			e.remove(name)
			e.flows(neighbour)
		})
	}
	e.t = t
	for line := range strings.Lines(e.Log.String()) {
		if len(line) > 4096 {
			t.Errorf("a line of %d bytes: %.200s…", len(line), line)
		}
	}
	e.unharmed()
}

// TestEdgeOddCR puts files beside the neighbour that are odd and right: editors
// of other systems wrote them, and ".." is a level as any other, for no part of
// DataStub makes a path of a topic.
func TestEdgeOddCR(t *testing.T) {
	e := startEdge(t, map[string]string{
		"model.yaml": model,
		"bom.yaml":   "\ufeff" + virtual("bom", "signal: counter"),
		"crlf.yaml":  strings.ReplaceAll(virtual("crlf", "signal: counter")+"---\n"+virtual("crlf-too", ""), "\n", "\r\n"),
		"cr.yaml":    strings.ReplaceAll(virtual("cr", "signal: counter")+"---\n"+virtual("cr-too", ""), "\n", "\r"),
		"up.yaml":    virtual("up", "topic: '../../{property}', qosClass: RT"),
	})
	for _, device := range []string{"bom", "crlf", "crlf-too", "cr", "cr-too", "up"} {
		e.flows(device)
	}
	if m := e.sub.Messages("up")[0]; m.Address() != "default/../../a/up" {
		t.Errorf("got address %s", m.Address())
	}
	e.unharmed()
}

func inUTF16(text string) string {
	data := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return string(data)
}
