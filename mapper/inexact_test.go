package mapper

import (
	"fmt"
	"slices"
	"testing"
)

// A whole number that a float32 may not be is told; in quotes it is text.
func TestInexactNumbers(t *testing.T) {
	t.Parallel()
	objects, problems := Decode("f.yaml", []byte(header+`kind: Device
metadata: {name: d}
spec:
  protocol: {protocolName: p, configData: {a: 16777215, b: 16777216, c: "16777217", d: 1e30, e: true}}
  properties:
  - {name: p, visitors: {configData: {seed: -16777217, min: 16777217.5, x: 0.1}}}
  - {name: q}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, warning := range inexactNumbers(&objects.Devices[0]) {
		got = append(got, warning.Error())
	}
	want := []string{}
	for path, number := range map[string]string{
		"spec.protocol.configData.b":                  "16777216",
		"spec.protocol.configData.d":                  "1000000000000000019884624838656",
		"spec.properties[p].visitors.configData.seed": "-16777217",
	} {
		want = append(want, fmt.Sprintf("%s: KubeEdge keeps 24 bits of a number, and %s may come as another one: put it in quotes", path, number))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
