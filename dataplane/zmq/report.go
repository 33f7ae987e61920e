package zmq

import (
	"strings"
	"time"

	"datastub/dataplane"
)

// maxReason is the longest reason of a fault that is told, in bytes.
const maxReason = 512

// reason returns an error's text as it is told to others.
func reason(err error) string {
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// report makes the publisher's own account.
func (p *Publisher) report() *dataplane.Report {
	r := &dataplane.Report{
		Started: p.started, Time: time.Now(), Spool: p.spoolReport(), Classes: make(map[dataplane.Class]dataplane.EdgeCount),
	}
	if offset, roundTrip, known := p.clock.Offset(); known {
		r.Clock = &dataplane.ClockOffset{Offset: offset.Seconds(), RoundTrip: roundTrip.Seconds()}
	}
	for _, c := range dataplane.Classes {
		r.Classes[c] = p.count(c)
	}
	return r
}

func (p *Publisher) spoolReport() dataplane.SpoolReport {
	if !p.spool.OnDisk() {
		return dataplane.SpoolReport{Storage: dataplane.StorageMemory}
	}
	r := dataplane.SpoolReport{Storage: dataplane.StorageDisk, Sync: p.spool.Sync().String()}
	if fault := p.spool.Fault(); fault.Why != nil {
		r.Fault, r.Since = reason(fault.Why), fault.Since
	}
	return r
}

// count returns what became of the values of a class. The spool is asked first:
// what it has was read before.
func (p *Publisher) count(c dataplane.Class) dataplane.EdgeCount {
	held := p.spool.Stats(c)
	n := dataplane.EdgeCount{Read: held.Accepted.Records}
	if p.intake != nil {
		n = p.intake(c)
		if c == dataplane.RT {
			n.Read += p.events.offered.Load()
			n.Refused += p.events.refused.Load()
		}
	}
	n.Accepted = held.Accepted.Records
	n.Dropped = held.Dropped.Records + held.Damaged
	n.Held = held.Held.Records
	n.Epoch, n.Last = held.Last.Epoch, held.Last.Seq
	n.Sent = p.lanes[c].options.Counts.Stats().Records
	return n
}
