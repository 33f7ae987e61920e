package dataplane

import (
	"fmt"
	"strings"
)

// Class is how a message is carried: at once, or in batches. It is the lane
// of the uplink too, and its value is the lane's byte on the wire.
type Class uint8

// The classes.
const (
	RT Class = 1 // real time: sent at once, never queued behind BT
	BT Class = 2 // batch: collected, packed by columns and compressed
)

// Classes lists every class, most urgent first.
var Classes = [...]Class{RT, BT}

// ParseClass reads RT or BT, in any case.
func ParseClass(s string) (Class, error) {
	for _, c := range Classes {
		if strings.EqualFold(s, c.String()) {
			return c, nil
		}
	}
	return 0, fmt.Errorf("class %q is not RT or BT", s)
}

// Valid tells whether c is one of Classes.
func (c Class) Valid() bool { return c == RT || c == BT }

// String returns RT or BT.
func (c Class) String() string {
	switch c {
	case RT:
		return "RT"
	case BT:
		return "BT"
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// MarshalText returns RT or BT.
func (c Class) MarshalText() ([]byte, error) {
	if !c.Valid() {
		return nil, fmt.Errorf("class %d is not RT or BT", uint8(c))
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads RT or BT, in any case.
func (c *Class) UnmarshalText(text []byte) (err error) {
	*c, err = ParseClass(string(text))
	return err
}
