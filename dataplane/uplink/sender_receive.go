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
		s.receiveAck(f)
	case *dataplane.Nack:
		return s.receiveNack(f)
	case *dataplane.Refuse:
		return s.receiveRefuse(f)
	case *dataplane.Ping:
		s.outbox = append(s.outbox, &dataplane.Pong{T1: f.T1, T2: now, T3: now})
	case *dataplane.Pong: // heard is all that it is for, until clocks are compared
	case *dataplane.Control:
		if !f.Reply {
			s.outbox = append(s.outbox, &dataplane.Control{
				Kind: f.Kind, Revision: f.Revision, Reply: true, Status: dataplane.ControlUnsupported,
			})
		}
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
	s.streaming = true
	s.session, s.credit, s.sent, s.stored = f.Session, f.Credit, f.Stored, f.Stored
	s.Queue.Release(f.Durable)
	return nil
}

// receiveRefuse ends the connection. A refusal for the epoch moves the queue
// to one that will do, and the next connection can come at once.
func (s *Sender) receiveRefuse(f *dataplane.Refuse) error {
	retry := f.RetryAfter
	above := f.HighWater.Epoch
	if f.Code == dataplane.RefuseEpochBehind && !s.streaming && s.Queue.Held()[0].Epoch <= above {
		s.Queue.Rebase(above)
		retry = time.Millisecond
	}
	return &EndError{
		Reason: fmt.Sprintf("refused by cloudsvc (%v): %s", f.Code, f.Text),
		Code:   f.Code, RetryAfter: retry, Address: f.Address,
	}
}

// receiveAck takes what is stored as sent, too: frames of an earlier
// connection may get into the log after HELLO_OK.
func (s *Sender) receiveAck(f *dataplane.Ack) {
	if !s.streaming || f.Session != s.session {
		return
	}
	s.credit, s.stored = f.Credit, f.Stored
	if s.flights.land(f.Stored) {
		s.nacks = 0
	}
	if f.Stored.Compare(s.sent) > 0 {
		s.sent = f.Stored
	}
	s.Queue.Release(f.Durable)
}

// receiveNack goes back to what is expected.
func (s *Sender) receiveNack(f *dataplane.Nack) error {
	if !s.streaming || f.Session != s.session {
		return nil
	}
	last := dataplane.Mark{Epoch: f.Expected.Epoch, Seq: f.Expected.Seq - 1}
	if f.Expected.Seq == 0 || last.Epoch == s.sent.Epoch && last.Seq > s.sent.Seq {
		return &EndError{Reason: fmt.Sprintf("cloudsvc asked for record %v behind %v, the last sent", f.Expected, s.sent)}
	}
	if s.nacks++; s.nacks > maxNacks {
		return &EndError{Reason: fmt.Sprintf("cloudsvc asked %d times for record %v", s.nacks, f.Expected)}
	}
	s.sent = last
	s.flights.cancel(last)
	return nil
}
