package modbus

import (
	"fmt"
	"strings"

	"datastub/driver"
)

// kind is what the bytes of a point stand for.
type kind byte

const (
	signed kind = iota
	unsigned
	float
	bcd
	boolean
	text
	raw
)

// encoding is how a value lies in registers or bits.
type encoding struct {
	name  string
	kind  kind
	width int    // registers; 0: any number
	mask  uint16 // has the one bit of its register that counts; 0: all of them do
}

// encodings are the data types of registers that say all.
var encodings = []encoding{
	{name: "int16", kind: signed, width: 1}, {name: "int32", kind: signed, width: 2}, {name: "int64", kind: signed, width: 4},
	{name: "uint16", kind: unsigned, width: 1}, {name: "uint32", kind: unsigned, width: 2}, {name: "uint64", kind: unsigned, width: 4},
	{name: "float32", kind: float, width: 2}, {name: "float64", kind: float, width: 4},
	{name: "bcd16", kind: bcd, width: 1}, {name: "bcd32", kind: bcd, width: 2}, {name: "bcd64", kind: bcd, width: 4},
	{name: "bool", kind: boolean}, {name: "boolean", kind: boolean},
	{name: "string", kind: text}, {name: "bytes", kind: raw},
}

// byLimit are the encodings that words without a size mean, by limit.
var byLimit = map[string]map[int]string{
	"int":    {1: "int16", 2: "int32", 4: "int64"},
	"float":  {1: "int16", 2: "float32", 4: "float64"},
	"double": {1: "int16", 2: "float32", 4: "float64"},
	"bcd":    {1: "bcd16", 2: "bcd32", 4: "bcd64"},
}

// maxIntegerBits is how many bits make one whole number.
const maxIntegerBits = 64

// readEncoding reads dataType and limit, and returns them whole: what is not
// given follows from the point's type. What is wrong is refused at r.
func readEncoding(r *driver.Reader, t table, typ driver.Type) (encoding, int) {
	word := strings.ToLower(r.String("dataType", string(typ)))
	most := int64(t.maxRead())
	limit := int(r.Int("limit", 0, 1, most))
	var e encoding
	switch {
	case t.bits():
		e, limit = readBitsEncoding(r, word, limit)
	case r.Has("bit"):
		e, limit = readBitEncoding(r, word, limit)
	default:
		e, limit = readRegisterEncoding(r, word, limit)
	}
	if r.Err() == nil && !e.fits(typ) {
		r.Refuse("dataType", r.String("dataType", ""), "a data type that makes a "+string(typ))
	}
	return e, limit
}

// readRegisterEncoding returns the encoding that a word means for limit
// registers, and how many they are; a limit of 0 is not given.
func readRegisterEncoding(r *driver.Reader, word string, limit int) (encoding, int) {
	if widths, ok := byLimit[word]; ok {
		limit = max(limit, 1)
		name, ok := widths[limit]
		if !ok {
			r.Refuse("limit", limit, fmt.Sprintf("1, 2 or 4, the registers that %s may have", word))
			return encoding{}, limit
		}
		word = name
	}
	e, ok := lookupEncoding(word)
	switch {
	case !ok:
		r.Refuse("dataType", r.String("dataType", ""), "one of "+encodingNames()+", int, float, double, bcd")
	case (e.kind == text || e.kind == raw) && !r.Has("limit"):
		r.Refuse("limit", nil, "how many registers the "+e.name+" has")
	case limit == 0:
		limit = max(e.width, 1)
	case e.width != 0 && limit != e.width:
		r.Refuse("limit", limit, fmt.Sprintf("%d, the registers of %s", e.width, e.name))
	}
	return e, limit
}

// readBitEncoding is readRegisterEncoding for one bit of a register.
func readBitEncoding(r *driver.Reader, word string, limit int) (encoding, int) {
	const key = "bit"
	bit := r.Int(key, 0, 0, 15)
	if e, _ := lookupEncoding(word); e.kind != boolean && r.Has("dataType") {
		r.Refuse("dataType", r.String("dataType", ""), "bool, or absent, as bit has one bit read")
	}
	if limit > 1 {
		r.Refuse("limit", limit, "1, or absent, as bit has one register read")
	}
	return encoding{name: key, kind: boolean, width: 1, mask: 1 << bit}, 1
}

// readBitsEncoding is readRegisterEncoding for coils and discrete inputs.
func readBitsEncoding(r *driver.Reader, word string, limit int) (encoding, int) {
	limit = max(limit, 1)
	e := encoding{name: "bits", kind: unsigned}
	switch {
	case word == "bool" || word == "boolean":
		e.kind = boolean
		return e, limit
	case word == "bytes":
		e.kind = raw
		return e, limit
	case word != "int" && word != "float" && word != "double" && r.Has("dataType"): // a type STRING alone is the number's text
		r.Refuse("dataType", r.String("dataType", ""), "one of bool, int, float, double, bytes, which bits have")
	}
	if limit > maxIntegerBits {
		r.Refuse("limit", limit, fmt.Sprintf("at most %d, the bits of a whole number", maxIntegerBits))
	}
	return e, limit
}

// fits tells whether values of the encoding can be of a type.
func (e encoding) fits(typ driver.Type) bool {
	switch e.kind {
	case text:
		return typ == driver.String
	case raw:
		return typ == driver.Bytes
	}
	return typ != driver.Bytes
}

func lookupEncoding(name string) (encoding, bool) {
	for _, e := range encodings {
		if e.name == name {
			return e, true
		}
	}
	return encoding{}, false
}

func encodingNames() string {
	names := make([]string, len(encodings))
	for i, e := range encodings {
		names[i] = e.name
	}
	return strings.Join(names, ", ")
}
