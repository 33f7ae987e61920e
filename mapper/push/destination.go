package push

import (
	"net/url"

	"datastub/mapper"
)

// The methods, as metrics and logs have them.
const (
	methodHTTP = "http"
	methodMQTT = "mqtt"
)

// A destination is what can be away as a whole: an HTTP origin, or a broker.
type destination struct{ method, address string }

// String returns the address as logs may have it, without user and path.
func (d destination) String() string {
	u, err := url.Parse(d.address)
	if err != nil {
		return "…"
	}
	return u.Scheme + "://" + u.Host
}

// originOf returns the destination of a receiver. Its URL is valid.
func originOf(push *mapper.PushHTTP) destination {
	u, err := url.Parse(push.URL)
	if err != nil {
		return destination{methodHTTP, push.URL} // and each request will tell
	}
	return destination{methodHTTP, (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String()}
}

// brokerOf returns the destination of a topic.
func brokerOf(push *mapper.PushMQTT) destination { return destination{methodMQTT, push.Broker} }

// destinationsOf returns where the properties of a device are pushed, each once.
func destinationsOf(spec *mapper.Spec) []destination {
	var all []destination
	seen := map[destination]bool{}
	add := func(d destination) {
		if !seen[d] {
			seen[d] = true
			all = append(all, d)
		}
	}
	for i := range spec.Properties {
		if to := spec.Properties[i].Push.HTTP; to != nil {
			add(originOf(to))
		}
		if to := spec.Properties[i].Push.MQTT; to != nil {
			add(brokerOf(to))
		}
	}
	return all
}
