package fault

import "strings"

// A Refusal is a resource that the API server does not take, applied by
// server-side apply.
type Refusal struct {
	Name    string // of the resource
	Text    string // the resource, as YAML
	Message string // a part of what the API server says
}

// Refused are those resources.
var Refused = []Refusal{
	{"wrong-type", WrongType, `spec.properties[0].type: Unsupported value: "WORD"`},
	device("cycle-is-text", `properties: [{name: a, collectCycle: fast}]`, `.spec.properties[0].collectCycle: expected numeric (int or float), got string`),
	device("cycle-is-fraction", `properties: [{name: a, collectCycle: 1.5}]`, `spec.properties[0].collectCycle in body must be of type integer: "number"`),
	device("cloud-is-text", `properties: [{name: a, reportToCloud: "yes"}]`, `.spec.properties[0].reportToCloud: expected boolean`),
	device("desired-is-number", `properties: [{name: b, desired: {value: 5}}]`, `.spec.properties[0].desired.value: expected string`),
	device("desired-without-value", `properties: [{name: b, desired: {}}]`, `spec.properties[0].desired.value: Required value`),
	device("name-is-number", `properties: [{name: 7}]`, `.spec.properties[0].name: expected string`),
	device("properties-are-map", `properties: {a: {}}`, `.spec.properties: expected list`),
	device("config-data-is-list", `properties: [{name: a, visitors: {configData: [1]}}]`, `.spec.properties[0].visitors.configData: expected map`),
	device("config-data-is-text", `properties: [{name: a, visitors: {configData: text}}]`, `.spec.properties[0].visitors.configData: expected map`),
	device("unknown-field", `properties: [{name: a, collectcycle: 5}]`, `.spec.properties[0].collectcycle: field not declared in schema`),
	device("Upper-Case", `properties: [{name: a}]`, `a lowercase RFC 1123 subdomain must consist of`),
	device(strings.Repeat("n", 254), `properties: [{name: a}]`, `must be no more than 253`),
}

// device returns a virtual Device that is refused.
func device(name, properties, message string) Refusal {
	return Refusal{name, Fault{Name: name, Spec: virtually + properties}.Text("none"), message}
}
