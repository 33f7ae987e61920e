package coap

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"datastub/driver"
)

// encode makes the payload that writes a value of the point's type. Its errors
// wrap driver.ErrValue.
func (p *point) encode(value any) ([]byte, error) {
	if !p.typ.Holds(value) {
		return nil, fmt.Errorf("%w: %v is of type %T: want one of %s", driver.ErrValue, value, value, p.typ)
	}
	text := ""
	switch v := value.(type) {
	case []byte:
		return v, nil
	case string:
		text = v
		if p.format == asJSON {
			return json.Marshal(v)
		}
	case float32:
		text = strconv.FormatFloat(float64(v), 'f', -1, 32)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	default: // int64, uint64, bool
		text = fmt.Sprint(v)
	}
	if p.format == asJSON && notJSON(value) {
		return nil, fmt.Errorf("%w: JSON has no number %v", driver.ErrValue, value)
	}
	return []byte(text), nil
}

// notJSON tells whether a value is a number that JSON cannot say.
func notJSON(value any) bool {
	f := 0.0
	switch v := value.(type) {
	case float32:
		f = float64(v)
	case float64:
		f = v
	}
	return math.IsNaN(f) || math.IsInf(f, 0)
}
