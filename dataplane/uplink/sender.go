package uplink

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// BatchPolicy says when a BT batch is sent: whichever is reached first.
type BatchPolicy struct {
	MaxCount int // records
	MaxBytes int // about, before compression
	MaxAge   time.Duration
}

// SenderOptions describe one lane of a publisher.
type SenderOptions struct {
	Publisher string // <node>/<mapper>
	Lane      dataplane.Class
	Software  string
	Queue     Queue
	Packer    *dataplane.Packer
	Batch     BatchPolicy // of BT; RT does not wait
	Counts    *Counts     // of the lane; nil: nobody wants them
	Pacer     *Pacer      // of the publisher; nil: the lane has the link to itself
	// Clock is told what the cloud answers to a PING every PingAfter, also while
	// there is other traffic. Nil: a PING only asks for a sign of life.
	Clock *Clock
	// Report makes what the publisher says of itself, fresh each time; nil: it
	// says nothing. It must not block.
	Report func() *dataplane.Report
}

// A Sender is the edge end of one lane over one connection: it says HELLO,
// sends what the queue holds as fast as the credit allows, and ends with the
// connection. It is not safe for concurrent use.
type Sender struct {
	options   SenderOptions
	started   time.Time
	heard     time.Time // when the last frame came
	pinged    time.Time // when the last PING went
	streaming bool
	draining  bool
	session   uint64
	spool     dataplane.SpoolID // that HELLO named
	sent      dataplane.Mark    // the last record sent
	stored    dataplane.Mark    // the last record known to be stored
	ended     uint64            // the epoch that the cloud was last told the end of
	behind    bool              // the cloud may have to be told of ends though nothing is waiting
	held      bool              // what comes next is not at hand, or has to wait
	until     time.Time         // when what is held may go at the latest; zero: something else will tell
	perRecord int               // bytes of the last frame a record
	waiting   time.Time         // since when the records behind sent wait for a BT batch, at most; zero: none does
	maxFrame  uint64            // the largest frame that the cloud takes, in bytes
	credit    uint64
	flights   flights
	probing   flight               // what a PING follows that asks whether it has come through; zero: none does
	newest    dataplane.EpochRange // the last of those that HELLO told of
	nacks     int
	reporting reporting
	outbox    []dataplane.Frame // HELLO, PING, PONG and CONTROL replies
}

// NewSender begins a connection; the first frame that Next gives is HELLO.
func NewSender(o SenderOptions, now time.Time) *Sender {
	if o.Counts == nil {
		o.Counts = new(Counts)
	}
	if o.Pacer == nil {
		o.Pacer = NewPacer(PacerOptions{})
	}
	held := o.Queue.Held()
	s := &Sender{options: o, started: now, heard: now, pinged: now, spool: o.Queue.Spool(), newest: held[len(held)-1]}
	s.outbox = append(s.outbox, &dataplane.Hello{
		Publisher: o.Publisher, Spool: s.spool, Lane: o.Lane, Epochs: held, Clock: now,
		MinVersion: dataplane.Version, MaxVersion: dataplane.Version,
		Codecs:   []dataplane.Codec{dataplane.Plain, dataplane.Zstd, dataplane.S2},
		Software: o.Software,
	})
	return s
}

// Drain makes what is being collected go at once.
func (s *Sender) Drain() { s.draining = true }

// Streaming tells whether the cloud has granted the session.
func (s *Sender) Streaming() bool { return s.streaming }

// Stored returns how far the cloud has stored, as far as this end was told.
func (s *Sender) Stored() dataplane.Mark { return s.stored }

// Idle tells whether all that the queue holds is stored.
func (s *Sender) Idle() bool {
	if !s.streaming || len(s.flights.frames) > 0 {
		return false
	}
	some, _ := s.options.Queue.Waiting(s.sent, 1, 1)
	return !some
}

// Next returns the next frame to send and its bytes, or nil. An error is an
// *EndError.
func (s *Sender) Next(now time.Time) ([]byte, error) {
	if err := s.Alive(now); err != nil {
		return nil, err
	}
	b, err := s.next(now)
	if b != nil {
		s.options.Pacer.spend(len(b), now)
	}
	return b, err
}

func (s *Sender) next(now time.Time) ([]byte, error) {
	if len(s.outbox) > 0 {
		f := s.outbox[0]
		s.outbox = s.outbox[1:]
		return dataplane.AppendFrame(nil, f), nil
	}
	if b := s.report(now); b != nil {
		return b, nil
	}
	if b := s.endBehind(); b != nil {
		return b, nil
	}
	if s.until = (time.Time{}); !s.streaming || !s.due(now) {
		return nil, nil
	}
	pace := pace{full: true}
	if s.flights.bytes < s.credit {
		pace = s.options.Pacer.pace(s.options.Lane, now)
	}
	if pace.bytes == 0 {
		s.wait(pace, now)
		return nil, nil
	}
	return s.nextRecords(pace.bytes, now)
}

// wait leaves what there is to be sent for later.
func (s *Sender) wait(p pace, now time.Time) {
	s.held = true
	if some, _ := s.options.Queue.Waiting(s.sent, 1, 1); some {
		s.until = p.until
		s.options.Pacer.waits(s.options.Lane, p.full, now)
	}
}

// Alive asks for a sign of life when it is time to, and gives up when none
// comes: an error is an *EndError. Next does the same; this is for when there
// is no room for what Next would give.
func (s *Sender) Alive(now time.Time) error {
	silent := now.Sub(s.heard)
	switch {
	case s.options.Queue.Spool() != s.spool:
		return &EndError{Reason: "the spool's disk has turned up", RetryAfter: time.Millisecond}
	case !s.streaming && now.Sub(s.started) >= helloWait:
		return &EndError{Reason: fmt.Sprintf("no answer to HELLO in %v", helloWait)}
	case silent >= DeadAfter:
		return &EndError{Reason: fmt.Sprintf("nothing heard in %v", DeadAfter)}
	case s.streaming && !now.Before(s.pingDue()):
		s.pinged = now
		if silent >= PingAfter {
			s.ended, s.behind = 0, true // if it was told, it may have been lost
		}
		s.outbox = append(s.outbox, &dataplane.Ping{T1: now})
	}
	return nil
}

// pingDue returns when the next PING is to go.
func (s *Sender) pingDue() time.Time {
	due := s.pinged.Add(PingAfter)
	if silent := s.heard.Add(PingAfter); s.options.Clock == nil && silent.After(due) {
		return silent
	}
	return due
}

// Due returns when Next is to be asked again though nothing came and nothing
// was published.
func (s *Sender) Due() time.Time {
	due := s.heard.Add(DeadAfter)
	earlier := func(t time.Time) {
		if t.Before(due) {
			due = t
		}
	}
	if !s.streaming {
		earlier(s.started.Add(helloWait))
		return due
	}
	earlier(s.pingDue())
	if s.reports() {
		earlier(s.reporting.last.Add(ReportEvery))
	}
	if !s.waiting.IsZero() && !s.held && s.flights.bytes < s.credit {
		earlier(s.waiting.Add(s.options.Batch.MaxAge))
	}
	if !s.until.IsZero() {
		earlier(s.until)
	}
	return due
}
