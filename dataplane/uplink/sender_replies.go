package uplink

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// maxNacks is how many NACKs without progress end a connection.
const maxNacks = 3

// Receive takes one frame from the cloud. An error is an *EndError.
func (s *Sender) Receive(f dataplane.Frame, now time.Time) error {
	s.heard = now
	switch f := f.(type) {
	case *dataplane.HelloOK:
		return s.receiveHelloOK(f)
	case *dataplane.Ack:
		s.receiveAck(f, now)
	case *dataplane.Nack:
		return s.receiveNack(f)
	case *dataplane.Refuse:
		return s.receiveRefuse(f)
	case *dataplane.Ping:
		s.outbox = append(s.outbox, &dataplane.Pong{T1: f.T1, T2: now, T3: now})
	case *dataplane.Pong:
		s.receivePong(f, now)
	case *dataplane.Control:
		s.receiveControl(f)
	case *dataplane.Bye:
		return &EndError{Reason: "cloudsvc said goodbye: " + f.Reason}
	default:
		return &EndError{Reason: fmt.Sprintf("cloudsvc sent a %v, which is the edge's to send", f.Type())}
	}
	return nil
}

func (s *Sender) receiveHelloOK(f *dataplane.HelloOK) error {
	if s.streaming {
		return &EndError{Reason: "cloudsvc sent a second HELLO_OK"}
	}
	if f.Version != dataplane.Version {
		return &EndError{Reason: fmt.Sprintf("cloudsvc chose version %d: want %d", f.Version, dataplane.Version)}
	}
	if f.Session == 0 {
		return &EndError{Reason: "cloudsvc granted a session without a number"}
	}
	if f.Stored.Epoch == s.newest.Epoch && f.Stored.Seq > s.newest.Last {
		return s.setBack(f.Stored)
	}
	if s.maxFrame = f.MaxFrame; s.maxFrame == 0 {
		s.maxFrame = dataplane.MaxFrame
	}
	s.streaming, s.behind = true, true
	s.ReportNow()
	if s.options.Clock != nil {
		s.pinged = time.Time{} // the first PING is due
	}
	s.session, s.credit, s.sent, s.stored = f.Session, f.Credit, f.Stored, f.Stored
	s.options.Counts.sessions.Add(1)
	s.options.Counts.credit.Store(f.Credit)
	s.options.Queue.Release(f.Durable)
	return nil
}

// setBack ends the connection because the cloud has records of this epoch that
// were not accepted here: the machine is a copy of another, or of itself, as of
// some time ago. What is held gets other ids, as it would pass for duplicates.
func (s *Sender) setBack(stored dataplane.Mark) error {
	s.options.Queue.Rebase(stored.Epoch)
	return &EndError{
		Reason:     fmt.Sprintf("cloudsvc has records up to %v, and the last one here was %d: this mapper was set back while it ran", stored, s.newest.Last),
		RetryAfter: time.Millisecond, // nothing is in the way any more
	}
}

// receiveRefuse ends the connection. A refusal for the epoch moves the queue
// to one that will do, and the next connection can come at once.
func (s *Sender) receiveRefuse(f *dataplane.Refuse) error {
	s.options.Counts.refused.Add(1)
	retry := f.RetryAfter
	above := f.HighWater.Epoch
	if f.Code == dataplane.RefuseEpochBehind && !s.streaming && s.options.Queue.Rebase(above) {
		retry = time.Millisecond
	}
	return &EndError{
		Reason: fmt.Sprintf("refused by cloudsvc (%v): %s", f.Code, f.Text),
		Code:   f.Code, RetryAfter: retry, Address: f.Address,
	}
}

// receivePong compares the clocks. What is first known of them is reported at
// once.
func (s *Sender) receivePong(f *dataplane.Pong, now time.Time) {
	if f.T1.IsZero() {
		s.passed(now)
		return
	}
	clock := s.options.Clock
	if clock == nil || !f.T1.Equal(s.pinged) {
		return
	}
	_, _, known := clock.Offset()
	clock.Observe(s.pinged, f.T2, f.T3, now)
	if !known {
		s.ReportNow()
	}
}

// receiveAck takes what is stored as sent, too: frames of an earlier
// connection may get into the log after HELLO_OK.
func (s *Sender) receiveAck(f *dataplane.Ack, now time.Time) {
	if !s.streaming || f.Session != s.session {
		return
	}
	s.credit, s.stored = f.Credit, f.Stored
	s.options.Counts.acks.Add(1)
	s.options.Counts.credit.Store(f.Credit)
	if first, some := s.flights.land(f.Stored); some {
		s.nacks = 0
		s.options.Pacer.landed(first, now)
		s.fly()
	}
	if f.Stored.Compare(s.sent) > 0 {
		s.sent = f.Stored
	}
	s.options.Queue.Release(f.Durable)
}

// receiveNack goes back to what is expected.
func (s *Sender) receiveNack(f *dataplane.Nack) error {
	if !s.streaming || f.Session != s.session {
		return nil
	}
	s.options.Counts.nacks.Add(1)
	last := dataplane.Mark{Epoch: f.Expected.Epoch, Seq: f.Expected.Seq - 1}
	if f.Expected.Seq == 0 || last.Epoch == s.sent.Epoch && last.Seq > s.sent.Seq {
		return &EndError{Reason: fmt.Sprintf("cloudsvc asked for record %v behind %v, the last sent", f.Expected, s.sent)}
	}
	if s.nacks++; s.nacks > maxNacks {
		return &EndError{Reason: fmt.Sprintf("cloudsvc asked %d times for record %v", s.nacks, f.Expected)}
	}
	s.sent, s.ended, s.behind = last, 0, true
	s.flights.cancel(last)
	s.fly()
	return nil
}
