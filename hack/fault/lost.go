package fault

// Lost are those that the API server takes and no mapper hears of: cloudcore or
// edgecore drops them, and says so in its log only. The model of the last one is
// none that the API server takes, so it is missing, too; where one is, cloudcore
// looks for it for 10 s, in which it handles no other Device.
var Lost = []Fault{
	{"missing-model", `deviceModelRef: {name: none}`, "",
		`spec.deviceModelRef.name: Not found: "none": want the name of a DeviceModel in the same namespace`},
	{"no-protocol", `deviceModelRef: {name: bare}`, "",
		`spec.protocol.protocolName: Required value: want the protocol that the device speaks, such as modbus`},
	{"unknown-protocol", `deviceModelRef: {name: m}, protocol: {protocolName: morse}, properties: [{name: a}]`, "",
		`spec.protocol: protocolName "morse" has no driver: want one of coap, modbus, modbus-mapper, virtual, virtualProtocol`},
	{"map-in-protocol", `deviceModelRef: {name: registers}, protocol: {protocolName: modbus, configData: {tcp: {ip: 127.0.0.1}}}`, "",
		`spec.protocol.configData.tcp: Invalid value: a map: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"map", virtually + `properties: [{name: a, visitors: {configData: {min: {a: 1}}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.min: Invalid value: a map: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"list", virtually + `properties: [{name: a, visitors: {configData: {min: [1]}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.min: Invalid value: a list: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"null-value", virtually + `properties: [{name: a, visitors: {configData: {min: null}}}, {name: b}]`, "a",
		`spec.properties[a].visitors.configData.min: Invalid value: null: want a string, a number or a boolean: KubeEdge hands over nothing else`},
	{"model-type", `deviceModelRef: {name: wrong-type}, protocol: {protocolName: virtual}, properties: [{name: a}]`, "a",
		`DeviceModel wrong-type: spec.properties[a].type: Unsupported value: "WORD": supported values: "INT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES"`},
}

// Deadly is the one that cloudcore crashes of, at each start until it is deleted.
var Deadly = Fault{"no-model", `protocol: {protocolName: virtual}`, "",
	`spec.deviceModelRef.name: Required value: want the name of a DeviceModel in the same namespace`}
