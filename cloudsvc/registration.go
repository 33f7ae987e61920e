package cloudsvc

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"datastub/dataplane"
)

// maxAddress is the longest address of a registration, in bytes.
const maxAddress = 512

// A Registration is what a publisher says of itself. Sending it again is a
// heartbeat.
type Registration struct {
	ID      string   `json:"id"`      // one level, or <node>/<mapper>
	Address string   `json:"address"` // tcp://host:port at which it publishes, or empty
	Topics  []string `json:"topics"`  // nil keeps what was registered before
}

// validate returns every problem, each with its field.
func (r *Registration) validate(maxTopics int) error {
	var invalid InvalidError
	if err := validateNodeID(r.ID); err != nil {
		invalid.add("id", err)
	}
	if err := validateAddress(r.Address); err != nil {
		invalid.add("address", err)
	}
	if len(r.Topics) > maxTopics {
		invalid.add("topics", fmt.Errorf("%d topics: the most for one node is %d", len(r.Topics), maxTopics))
		return invalid.orNil()
	}
	for i, topic := range r.Topics {
		if err := dataplane.ValidateTopic(topic); err != nil {
			invalid.add(fmt.Sprintf("topics[%d]", i), err)
		}
	}
	return invalid.orNil()
}

func validateNodeID(id string) error {
	if strings.Contains(id, "/") {
		return dataplane.ValidatePublisher(id)
	}
	return dataplane.ValidateLevel("id", id)
}

func validateAddress(address string) error {
	if address == "" {
		return nil
	}
	if len(address) > maxAddress {
		return fmt.Errorf("address is %d bytes long: the most is %d", len(address), maxAddress)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" || u.Host == "" || address != "tcp://"+u.Host {
		return fmt.Errorf("address %q is not a tcp:// URL: want tcp://host:port, or nothing", address)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil || host == "" || !validPort(port) {
		return fmt.Errorf("address %q has no host and port: want tcp://host:port with a port of 1 to 65535", address)
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
