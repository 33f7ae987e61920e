package datapanel

import (
	"errors"
	"fmt"
	"os"

	"github.com/kubeedge/mapper-framework/pkg/config"

	"datastub/dataplane"
	"datastub/mapper"
)

// settings are those of a publisher.
type settings struct {
	node, mapper string
	uplink       string // cloudsvc's ROUTER, a ZeroMQ endpoint
	lan          string // where the PUB is bound; empty: none
	spool        mapper.Size
}

// String returns the settings for an error.
func (s settings) String() string {
	return fmt.Sprintf("%s/%s (uplink %s, LAN %q, spool %v)", s.node, s.mapper, s.uplink, s.lan, s.spool)
}

// newSettings returns what the environment and the address of a push method
// say, and all that is wrong with them, joined.
func newSettings(address string, getenv func(string) string) (settings, error) {
	s := settings{
		mapper: getenv("DATASTUB_MAPPER"),
		lan:    getenv("DATASTUB_LAN"),
		spool:  mapper.DefaultConfig().DataPlane.Spool.MaxBytes,
	}
	if c := config.Cfg(); s.mapper == "" && c != nil {
		s.mapper = c.Common.Name
	}
	var nodeErr, uplinkErr, lanErr, spoolErr error
	s.node, nodeErr = nodeName(getenv("NODE_NAME"))
	s.uplink, uplinkErr = uplinkAt(address, getenv("DATASTUB_UPLINK"))
	if s.lan != "" {
		lanErr = named("DATASTUB_LAN", mapper.CheckBind(s.lan))
	}
	if text := getenv("DATASTUB_SPOOL_BYTES"); text != "" {
		spoolErr = named(fmt.Sprintf("DATASTUB_SPOOL_BYTES %.64q", text), s.spool.UnmarshalText([]byte(text)))
	}
	return s, errors.Join(
		named("NODE_NAME", nodeErr),
		named("DATASTUB_MAPPER, else common.name of the mapper's config", dataplane.ValidateLevel("mapper", s.mapper)),
		uplinkErr, lanErr, spoolErr,
	)
}

// nodeName returns the configured name, or the host's where it is empty.
func nodeName(configured string) (string, error) {
	name := configured
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return "", err
		}
	}
	return name, dataplane.ValidateLevel("node", name)
}

// named puts the name of what is wrong before the error.
func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// process is the host of an address that leaves the uplink to the process.
const process = "dataplane"

// uplinkAt returns the endpoint that an address zmq://… stands for. Configured
// is the process's, empty for the default.
func uplinkAt(address, configured string) (string, error) {
	host, ok := mapper.CutZMQ(address)
	endpoint := "tcp://" + host
	switch {
	case ok && host == process && configured != "":
		return configured, named("DATASTUB_UPLINK", mapper.CheckDial(configured))
	case ok && host == process:
		return mapper.DefaultConfig().DataPlane.Uplink.Address, nil
	case ok && mapper.CheckDial(endpoint) == nil:
		return endpoint, nil
	}
	return "", fmt.Errorf("pushMethod.mqtt.address %.64q: want zmq://host:port of cloudsvc's uplink, or zmq://%s for that of DATASTUB_UPLINK", address, process)
}
