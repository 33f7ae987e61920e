package uplink

import "datastub/dataplane"

// maxPublishers bounds the publishers that a Receiver knows: names cost a
// stranger nothing, and what is known of one that sent records is kept.
const maxPublishers = 1 << 16

// publisher is what is known of one publisher, connected or not.
type publisher struct {
	name  string
	lanes [3]laneState // by Class
}

// laneState is how far a lane has come: durable ≤ stored ≤ received.
type laneState struct {
	spool                     dataplane.SpoolID // that received was sent from
	received, stored, durable dataplane.Mark
	ended                     bool     // the end of received's epoch was received behind it
	session                   *session // nil: not connected
}

// publisher returns what is known of a publisher, which may be nothing. It is
// not remembered by that.
func (r *Receiver) publisher(name string) *publisher {
	if p := r.publishers[name]; p != nil {
		return p
	}
	return &publisher{name: name}
}

// forgettable tells whether nothing is lost with the publisher: it is not
// connected, and no record of it ever came.
func (p *publisher) forgettable() bool {
	for i := range p.lanes {
		if l := &p.lanes[i]; l.session != nil || l.received != (dataplane.Mark{}) {
			return false
		}
	}
	return true
}
