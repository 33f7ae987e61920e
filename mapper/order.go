package mapper

import (
	"errors"

	"k8s.io/klog/v2"

	"datastub/driver"
)

// What keeps a value from being written, beside what drivers say:
// driver.ErrReadOnly, driver.ErrValue, driver.ErrUnreachable, and a
// *driver.SettingError for a text that is no value of the property.
var (
	ErrNoDevice   = errors.New("no such device")
	ErrNoProperty = errors.New("no such property, or its settings are wrong")
	ErrNotHeld    = errors.New("device holds another value than was written")
	ErrBusy       = errors.New("too many writes wait for the device")
)

// An order is a value that a property is to hold.
type order struct {
	property string
	text     string // as a person or a CR said it
	point    driver.Point
	value    any // what is written
	held     any // what is read when the device holds it
}

// A target is a property that may be written. Its point is nil where its
// settings are wrong.
type target struct {
	config *driver.PointConfig
	point  driver.Point
}

// targets are those of one device.
type targets []target

// of returns the target of a name. It is not ok if there is none.
func (ts targets) of(name string) (t target, ok bool) {
	for _, t := range ts {
		if t.config.Name == name {
			return t, true
		}
	}
	return target{}, false
}

// newOrder makes an order of a text, which errors call by the key value.
func newOrder(t target, text string) (order, error) {
	o := order{property: t.config.Name, text: text, point: t.point}
	if t.point == nil {
		return o, ErrNoProperty
	}
	if t.config.ReadOnly {
		return o, driver.ErrReadOnly
	}
	var err error
	if o.value, err = parseValue("value", *t.config, text); err != nil {
		return o, err
	}
	o.held = o.value
	if r, ok := t.point.(driver.Rounder); ok {
		err = guard(klog.Logger{}, "round", func() (err error) {
			o.held, err = r.Round(o.value)
			return err
		})
	}
	return o, err
}

// permanent tells whether an order that failed so fails however often it is
// tried.
func permanent(err error) bool {
	_, setting := errors.AsType[*driver.SettingError](err)
	return setting || errors.Is(err, driver.ErrReadOnly) || errors.Is(err, driver.ErrValue) || errors.Is(err, ErrNoProperty)
}
