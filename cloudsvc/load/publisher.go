package load

import (
	"time"

	"k8s.io/klog/v2"

	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
)

// BatchCount is how many messages of class BT go together, as from a mapper.
const BatchCount = 1000

const (
	batchBytes = 256 << 10
	// batchAge is short, so that the last batch of a load is not waited for.
	batchAge = 100 * time.Millisecond
	// spoolBytes is far more than any window.
	spoolBytes = 1 << 30
)

// NewPublisher returns a publisher to cloudsvc's uplink with a node's name,
// which nobody else may have: the edge's end of the data plane as a mapper has
// it, with its records in memory and no LAN.
func NewPublisher(endpoint, node string, log klog.Logger) (*zmq.Publisher, error) {
	return zmq.NewPublisher(zmq.PublisherOptions{
		Node: node, Mapper: "load", Uplink: endpoint, Spool: spool.Storage{MaxBytes: spoolBytes}, Software: "load", Logger: log,
		Batch: uplink.BatchPolicy{MaxCount: BatchCount, MaxBytes: batchBytes, MaxAge: batchAge},
	})
}
