package coap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"datastub/driver"
)

var (
	_ driver.Point    = (*point)(nil)
	_ driver.Unreader = (*point)(nil)
)

// point is one property: a resource, or a member of its JSON.
type point struct {
	device   *device
	resource resource
	typ      driver.Type
	format   format
	member   string // dotted; empty: the whole
	observe  bool
	method   codes.Code // of writes
	readOnly bool
	unread   []string
}

// types are those that points may have.
var types = []driver.Type{driver.Int, driver.Float, driver.Double, driver.Boolean, driver.String, driver.Bytes}

// methods are those that write, by their names.
var methods = map[string]codes.Code{"PUT": codes.PUT, "POST": codes.POST}

// newPoint reads a point's settings, as the package documents them.
func newPoint(d *device, c driver.PointConfig) (*point, error) {
	r := c.Settings.Reader()
	if !slices.Contains(types, c.Type) {
		r.Refuse("type", c.Type, "one of INT, FLOAT, DOUBLE, BOOLEAN, STRING, BYTES")
		return nil, r.Err()
	}
	member := r.String("jsonKey", "")
	if r.Has("jsonKey") && slices.Contains(strings.Split(member, "."), "") {
		r.Refuse("jsonKey", member, "names and indexes parted by dots, such as sensors.0.value")
	}
	f := readFormat(r, c.Type, member)
	p := &point{
		device:   d,
		resource: readResource(r, f.accept()),
		typ:      c.Type,
		format:   f,
		member:   member,
		observe:  r.Bool("observe", false),
		method:   methods[r.Enum("writeMethod", "PUT", "PUT", "POST")],
		readOnly: c.ReadOnly || member != "",
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	p.unread = r.Unread()
	return p, nil
}

// String tells the resource, and what of it.
func (p *point) String() string {
	if p.member == "" {
		return fmt.Sprintf("resource %v", p.resource)
	}
	return fmt.Sprintf("%s of resource %v", p.member, p.resource)
}

// Unread returns the keys that mean nothing to a point.
func (p *point) Unread() []string { return p.unread }

// reading makes a reading of an answer.
func (p *point) reading(a answer) driver.Reading {
	if a.refusal != nil {
		return driver.Reading{Time: a.at, Err: fmt.Errorf("read %v: %w", p, a.refusal)}
	}
	value, suspect, err := p.decode(a)
	if err != nil {
		return driver.Reading{Time: a.at, Err: fmt.Errorf("decode %v: %w", p, err)}
	}
	return driver.Reading{Value: value, Time: a.at, Suspect: suspect}
}
