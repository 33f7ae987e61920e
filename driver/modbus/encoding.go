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
	boolean
	text
	raw
)

// encoding is how a value lies in registers or bits.
type encoding struct {
	name  string
	kind  kind
	width int // registers; 0: any number
}

// encodings are the data types of registers that say all.
var encodings = []encoding{
	{"int16", signed, 1}, {"int32", signed, 2}, {"int64", signed, 4},
	{"uint16", unsigned, 1}, {"uint32", unsigned, 2}, {"uint64", unsigned, 4},
	{"float32", float, 2}, {"float64", float, 4},
	{"bool", boolean, 0}, {"boolean", boolean, 0},
	{"string", text, 0}, {"bytes", raw, 0},
}

// byLimit are the encodings that KubeEdge's words mean, by limit.
var byLimit = map[string]map[int]string{
	"int":    {1: "int16", 2: "int32", 4: "int64"},
	"float":  {1: "int16", 2: "float32", 4: "float64"},
	"double": {1: "int16", 2: "float32", 4: "float64"},
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
	if t.bits() {
		e, limit = readBitEncoding(r, word, limit)
	} else {
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
		r.Refuse("dataType", r.String("dataType", ""), "one of "+encodingNames()+", int, float, double")
	case (e.kind == text || e.kind == raw) && !r.Has("limit"):
		r.Refuse("limit", nil, "how many registers the "+e.name+" has")
	case limit == 0:
		limit = max(e.width, 1)
	case e.width != 0 && limit != e.width:
		r.Refuse("limit", limit, fmt.Sprintf("%d, the registers of %s", e.width, e.name))
	}
	return e, limit
}

// readBitEncoding is readRegisterEncoding for bits.
func readBitEncoding(r *driver.Reader, word string, limit int) (encoding, int) {
	limit = max(limit, 1)
	e := encoding{name: "bits", kind: unsigned}
	switch {
	case word == "bool" || word == "boolean":
		e.kind = boolean
		return e, limit
	case word == "bytes":
		e.kind = raw
		return e, limit
	case byLimit[word] == nil && r.Has("dataType"): // a type STRING alone is the number's text
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
