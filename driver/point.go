package driver

// Type is the type of a point's values, as a DeviceModel declares it.
type Type string

// The types of DeviceModel.spec.properties[].type, but for STREAM, and the Go
// type of a Reading's Value of each.
const (
	Int     Type = "INT"     // int64, or uint64 above the largest int64
	Float   Type = "FLOAT"   // float32
	Double  Type = "DOUBLE"  // float64
	Boolean Type = "BOOLEAN" // bool
	String  Type = "STRING"  // string, UTF-8
	Bytes   Type = "BYTES"   // []byte
)

// Holds tells whether value has the Go type of the values of type t.
func (t Type) Holds(value any) bool {
	switch value.(type) {
	case int64, uint64:
		return t == Int
	case float32:
		return t == Float
	case float64:
		return t == Double
	case bool:
		return t == Boolean
	case string:
		return t == String
	case []byte:
		return t == Bytes
	}
	return false
}

// PointConfig is what a driver is told of one property.
type PointConfig struct {
	Name     string   // the property's name, for messages
	Type     Type     // the model's type: readings have it
	ReadOnly bool     // the model's accessMode: Write is refused
	Settings Settings // visitors.configData, model's and instance's merged
}

// A Point is one property's checked address on its device: a driver's own
// type, opaque to everyone else, comparable, and safe to share.
type Point interface {
	// String tells the address in the protocol's words, for messages:
	// "holding register 4".
	String() string
}

// A Rounder is a Point that does not hold every value of its Type: a register
// in tenths holds 20.5 of 20.46.
type Rounder interface {
	// Round returns what the point is read as after value was written, of the
	// same type. It wraps ErrValue if the value cannot be written. It does no IO.
	Round(value any) (any, error)
}
