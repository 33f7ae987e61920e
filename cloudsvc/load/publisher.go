package load

import (
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
)

// spoolBytes is far more than any window.
const spoolBytes = 1 << 30

// Batch is how a load's BT is collected. It is a mapper's own, but for the
// age, which is short so that the last batch of a load is not waited for.
var Batch = uplink.BatchPolicy{MaxCount: 1000, MaxBytes: 256 << 10, MaxAge: 100 * time.Millisecond}

// NewPublisher returns a publisher to cloudsvc's uplink with a node's name,
// which nobody else may have: the edge's end of the data plane as a mapper has
// it, with its records in memory and no LAN.
func NewPublisher(endpoint, node string, log klog.Logger) (*zmq.Publisher, error) {
	return zmq.NewPublisher(zmq.PublisherOptions{
		Node: node, Mapper: "load", Uplink: endpoint, Batch: Batch, SpoolBytes: spoolBytes,
		Software: "load", Logger: log,
	})
}
