package fault

import (
	"slices"
	"strings"
)

// A Fault is a Device with one thing that is wrong.
type Fault struct {
	Name     string // of the Device
	Spec     string // what is inside its spec, in YAML's braces
	Property string // whose fault it is, several parted by spaces; empty: the Device's own
	Reason   string // what a mapper tells of it
}

// header begins each resource.
const header = "---\napiVersion: devices.kubeedge.io/v1beta1\n"

// All returns those that arrive at a mapper in KubeEdge, and those that do not.
func All() []Fault { return append(slices.Concat(Arriving, Lost), Deadly) }

// Text returns the Device as YAML, for a node of that name.
func (f Fault) Text(node string) string {
	return header + "kind: Device\nmetadata: {name: " + f.Name + "}\nspec: {nodeName: " + node + ", " + f.Spec + "}\n"
}

// Properties returns whose fault it is, in order.
func (f Fault) Properties() []string { return strings.Fields(f.Property) }

// HasNeighbour tells whether the Device has a property b with nothing wrong.
func (f Fault) HasNeighbour() bool { return strings.HasSuffix(f.Spec, ", {name: b}]") }
