package mapper

import (
	"fmt"
	"slices"
)

// Newest returns what was read of a property last, whether it is reported or
// not. It reads nothing. The errors wrap ErrNoDevice and ErrNoProperty.
func (f *Fleet) Newest(key Key, property string) (Newest, error) {
	spec, d, err := f.find(key)
	if err != nil {
		return Newest{}, err
	}
	i := slices.IndexFunc(spec.Properties, func(p Property) bool { return p.Point.Name == property })
	if i < 0 {
		return Newest{}, fmt.Errorf("%w: %s of %s", ErrNoProperty, cutShort(property), key)
	}
	if d != nil {
		if newest, ok := d.shelf.get(property); ok {
			return newest, nil
		}
	}
	return Newest{Type: spec.Properties[i].Point.Type, Err: errUnread}, nil
}
