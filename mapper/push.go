package mapper

import "time"

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
