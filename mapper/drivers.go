package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"datastub/driver"
)

// Drivers is the table of drivers by protocolName, of which case does not
// matter.
type Drivers map[string]driver.Driver

// find returns the protocol's driver.
func (d Drivers) find(protocol string) (driver.Driver, error) {
	for name, drv := range d {
		if strings.EqualFold(name, protocol) {
			return drv, nil
		}
	}
	return nil, fmt.Errorf("protocolName %q has no driver: want one of %s", cutShort(protocol), strings.Join(slices.Sorted(maps.Keys(d)), ", "))
}
