package zmq

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
)

// eventNamespace is that of events which are of no device.
const eventNamespace = "default"

// eventCount counts the publisher's own messages.
type eventCount struct{ offered, refused atomic.Uint64 }

// watchSpool tells subscribers and cloudsvc each time that the spool's disk
// begins to fail and is well again, until ctx ends.
func (p *Publisher) watchSpool(ctx context.Context) {
	failing := false
	for {
		if fault := p.spool.Fault(); failing != (fault.Why != nil) {
			failing = fault.Why != nil
			p.publishEvent(conditionOf(fault))
			p.lanes[dataplane.RT].reportNow()
		}
		select {
		case <-p.condition:
		case <-ctx.Done():
			return
		}
	}
}

// conditionOf returns the event that a fault is, or its end.
func conditionOf(fault spool.Fault) dataplane.Event {
	if fault.Why == nil {
		return dataplane.Event{Event: dataplane.SpoolOnDisk, Reason: "the disk can be written to again", Since: time.Now()}
	}
	return dataplane.Event{Event: dataplane.SpoolInMemory, Reason: reason(fault.Why), Since: fault.Since}
}

// publishEvent publishes what happened to the node, as any other message.
func (p *Publisher) publishEvent(e dataplane.Event) {
	node, _, _ := strings.Cut(p.lanes[dataplane.RT].options.Publisher, "/")
	p.events.offered.Add(1)
	err := p.Publish([]dataplane.Message{{
		Topic: dataplane.NodeTopic, Namespace: eventNamespace, Device: node, Class: dataplane.RT, Value: e.Value(), Time: time.Now(),
	}})
	if err != nil {
		p.events.refused.Add(1)
		p.log.Error(err, "Event is refused: nobody hears of it", "event", e.Event, "reason", e.Reason)
	}
}
