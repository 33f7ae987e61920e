package cloudsvc

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"datastub/dataplane"
)

// maxAddress is the longest address of a registration, in bytes.
const maxAddress = 512

// A Registration is what a publisher says of itself. Sending it again is a
// heartbeat.
type Registration struct {
	ID      string   // one level, or <node>/<mapper>
	Address *string  // tcp://host:port at which it publishes, or empty; nil keeps what was registered before
	Topics  []string // nil keeps what was registered before
}

// registrationFields are the keys of a Registration in JSON.
var registrationFields = [...]string{"id", "address", "topics"}

// readRegistration reads what a publisher wrote. What is wrong is in the
// object's Err.
func readRegistration(o *dataplane.Object) Registration {
	r := Registration{ID: o.Text("id"), Topics: o.Texts("topics")}
	if o.Has("address") {
		r.Address = new(o.Text("address"))
	}
	return r
}

// validate calls refuse with each field, and what is wrong with it or nil.
func (r *Registration) validate(maxTopics int, refuse func(field string, err error)) {
	refuse("id", validateNodeID(r.ID))
	if r.Address != nil && *r.Address != "" {
		refuse("address", validateAddress(*r.Address))
		refuse("id", dataplane.ValidatePublisher(producerName(r.ID)))
	}
	if len(r.Topics) > maxTopics {
		refuse("topics", fmt.Errorf("%d topics: the most for one node is %d", len(r.Topics), maxTopics))
		return
	}
	for i, topic := range r.Topics {
		refuse(fmt.Sprintf("topics[%d]", i), dataplane.ValidateTopic(topic))
	}
}

func validateNodeID(id string) error {
	if strings.Contains(id, "/") {
		return dataplane.ValidatePublisher(id)
	}
	return dataplane.ValidateLevel("id", id)
}

func validateAddress(address string) error {
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
	if !validHost(host) {
		return fmt.Errorf("host %.64q is neither an IP address, as 192.0.2.7 or [2001:db8::7], nor a DNS name of letters, digits and hyphens", host)
	}
	return nil
}

var (
	// dnsName is RFC 1123's, with the dot at the end that makes it absolute.
	dnsName = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+$`)
	// endsInNumber are other ways to write IPv4 addresses: 127.1, 2130706433 and
	// 0x7f.1 are all one to some resolvers.
	endsInNumber = regexp.MustCompile(`(^|\.)([0-9]+|0[xX][0-9a-fA-F]*)\.$`)
)

// maxDNSName is the longest name, in bytes with its last dot.
const maxDNSName = 254

// validHost tells whether a host is an IP address or a DNS name.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	name := strings.TrimSuffix(host, ".") + "."
	return len(name) <= maxDNSName && dnsName.MatchString(name) && !endsInNumber.MatchString(name)
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
