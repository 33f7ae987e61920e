package modbus

import (
	"slices"

	"datastub/driver"
)

// order is how the bytes of a point's registers lie. The zero value is
// big-endian throughout.
type order struct {
	swapWords bool // the last register comes first
	swapBytes bool // in each register the second byte comes first
}

// orderNames are the orders by how two registers with the bytes A to D, the
// most significant first, arrive.
var orderNames = map[order]string{
	{}:                                 "ABCD",
	{swapWords: true, swapBytes: true}: "DCBA",
	{swapBytes: true}:                  "BADC",
	{swapWords: true}:                  "CDAB",
}

const orderKey = "wordOrder"

// readOrder reads the order's name, and returns unsaid if there is none.
func readOrder(r *driver.Reader, unsaid order) order {
	name := r.Enum(orderKey, orderNames[unsaid], "ABCD", "DCBA", "BADC", "CDAB")
	for o, n := range orderNames {
		if n == name {
			return o
		}
	}
	return unsaid
}

// readPointOrder is readOrder for a point, which may say the same by swaps.
// Those that are false say nothing, for CRs have them everywhere.
func readPointOrder(r *driver.Reader, unsaid order) order {
	swaps := order{swapWords: r.Bool("isRegisterSwap", false), swapBytes: r.Bool("isSwap", false)}
	if swaps == (order{}) {
		return readOrder(r, unsaid)
	}
	if o := readOrder(r, swaps); o != swaps {
		r.Refuse(orderKey, r.String(orderKey, ""), orderNames[swaps]+", which isSwap and isRegisterSwap say")
	}
	return swaps
}

// toBig returns the bytes in big-endian order. Words are swapped first, then
// bytes; either order of the two gives the same.
func (o order) toBig(data []byte) []byte {
	big := slices.Clone(data)
	if o.swapWords {
		slices.Reverse(big)
		swapPairs(big) // reversing the bytes has turned each register around
	}
	if o.swapBytes {
		swapPairs(big)
	}
	return big
}

// fromBig undoes toBig: both swaps undo themselves.
func (o order) fromBig(big []byte) []byte { return o.toBig(big) }

// swapPairs swaps the bytes of each register.
func swapPairs(b []byte) {
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
}
