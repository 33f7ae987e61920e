package window

import (
	"fmt"
	"strings"
)

// Dimensions are what rows are divided by. A publisher, a namespace, a type and a
// unit always divide.
type Dimensions uint8

// The dimensions.
const (
	Namespace Dimensions = 1 << iota
	Node
	Topic
	Device
	Property
)

var dimensionNames = []string{"namespace", "node", "topic", "device", "property"}

// Functions are what is computed of the values of a row.
type Functions uint8

// The functions.
const (
	Count Functions = 1 << iota
	Min
	Max
	Avg
	Sum
	First
	Last
)

var functionNames = []string{"count", "min", "max", "avg", "sum", "first", "last"}

// namesOf returns the names of the bits that are set.
func namesOf(bits uint8, names []string) []string {
	set := []string{}
	for i, name := range names {
		if bits&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	return set
}

// parseNames returns the bits of some names.
func parseNames(field string, given, names []string) (bits uint8, err error) {
next:
	for i, name := range given {
		for bit, known := range names {
			if name == known {
				bits |= 1 << bit
				continue next
			}
		}
		return 0, fmt.Errorf("%s[%d] %.64q: want one of %s", field, i, name, strings.Join(names, ", "))
	}
	return bits, nil
}
