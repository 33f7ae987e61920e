package mapper

import "go.yaml.in/yaml/v3"

// Link says where cloudsvc is, and how much of the link to it may be taken.
type Link struct {
	Address      string `yaml:"address"`      // cloudsvc's ZeroMQ address, which the mapper dials
	MaxRate      Size   `yaml:"maxRate"`      // a second, of all that is sent; 0: as much as the link carries
	BackfillRate Size   `yaml:"backfillRate"` // a second, of BT that an outage held up; 0: as maxRate says

	alone bool // the address stands alone, where a map might
}

var _ yaml.Unmarshaler = (*Link)(nil)

// UnmarshalYAML reads a map, or an address alone.
func (u *Link) UnmarshalYAML(node *yaml.Node) error {
	if u.alone = node.Kind == yaml.ScalarNode; u.alone {
		return node.Decode(&u.Address)
	}
	type keys Link // without this method
	return node.Decode((*keys)(u))
}

// minRate is the least that a rate may be, a second: a reading or two.
const minRate Size = 1 << 10

func (u *Link) validate(v *validator) {
	address := "dataplane.uplink.address"
	if u.alone {
		address = "dataplane.uplink"
	}
	v.address(address, u.Address, checkDial)
	v.rate("dataplane.uplink.maxRate", u.MaxRate)
	v.rate("dataplane.uplink.backfillRate", u.BackfillRate)
}

func (v *validator) rate(path string, rate Size) {
	v.want(path, rate, rate == 0 || rate >= minRate, "a size a second, "+minRate.String()+" or more, or 0 for no limit")
}
