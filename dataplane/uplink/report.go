package uplink

import (
	"time"

	"datastub/dataplane"
)

// ReportEvery is how often a publisher tells how it is, besides at once when
// that changes.
const ReportEvery = 10 * time.Second

// reporting is how far a connection is with reports.
type reporting struct {
	last     time.Time // when the last one went; zero: one is due
	revision uint64    // of the last one
	unwanted bool      // this cloudsvc does not know reports
}

// ReportNow makes the next report go at once, when the cloud has granted the
// session.
func (s *Sender) ReportNow() { s.reporting.last = time.Time{} }

// reports tells whether reports are sent.
func (s *Sender) reports() bool {
	return s.streaming && s.options.Report != nil && !s.reporting.unwanted
}

// report returns a report as it is now, nil if none is due. Nobody sends it
// again: the next one says more.
func (s *Sender) report(now time.Time) []byte {
	r := &s.reporting
	if !s.reports() || now.Sub(r.last) < ReportEvery {
		return nil
	}
	r.last = now
	r.revision++
	f, err := s.options.Report().Control(r.revision)
	if err != nil {
		return nil // a clock beyond the year 9999
	}
	return dataplane.AppendFrame(nil, f)
}

// receiveControl answers an order, none of which is known, and takes the reply
// to a report: it tells whether there is to be another one.
func (s *Sender) receiveControl(f *dataplane.Control) {
	if !f.Reply {
		s.outbox = append(s.outbox, f.Answer(dataplane.ControlUnsupported))
		return
	}
	if f.Kind == dataplane.ControlReport && f.Status == dataplane.ControlUnsupported {
		s.reporting.unwanted = true
	}
}
