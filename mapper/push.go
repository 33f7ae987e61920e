package mapper

import (
	"context"
	"time"

	"datastub/driver"
)

// A Push says where the values of a property are sent beside the data plane:
// once a ReportCycle the newest, as mappers made by KubeEdge's generator send
// it. The zero Push is nowhere.
type Push struct {
	HTTP *PushHTTP
	MQTT *PushMQTT
}

// A PushHTTP is a receiver of POST requests.
type PushHTTP struct {
	URL     string        // http or https, valid, with host and port; may hold a password
	Timeout time.Duration // of one request; 0: as the pusher likes
}

// A PushMQTT is a topic of a broker.
type PushMQTT struct {
	Broker   string // tcp, ssl, ws or wss://host:port, valid; may hold a password
	Topic    string // without wildcards
	QoS      byte   // 0 to 2
	Retained bool
}

// A Pusher sends values to where the Push of their property says. Its methods
// but Run return at once and are called from many goroutines, those of one
// device from one at a time.
type Pusher interface {
	// ReportSpec and Removed are a Reporter's: what no Spec pushes to any more is
	// given up.
	ReportSpec(spec Spec)
	Removed(key Key)
	// Push takes a reading without an error, of a property of the Spec that was
	// reported last. It keeps the property.
	Push(key Key, property *Property, reading driver.Reading)
	// Run sends until ctx ends, then what it can in 2 s, and returns when all
	// that it started has ended. It is called once.
	Run(ctx context.Context) error
}

// A listener has a Pusher hear what it is to know as a Reporter.
type listener struct{ Pusher }

var _ Reporter = listener{}

// ReportValues implements Reporter: what is pushed comes by Push.
func (listener) ReportValues(Key, []Reported) {}

// ReportHealth implements Reporter: health is not pushed.
func (listener) ReportHealth(Key, Health) {}
