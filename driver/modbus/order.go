package modbus

import "slices"

// order is how the bytes of a point's registers lie. The zero value is
// big-endian throughout.
type order struct {
	swapWords bool // the last register comes first
	swapBytes bool // in each register the second byte comes first
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
