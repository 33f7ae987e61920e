package uplink

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// rtBatch is the most records in one RT frame.
const rtBatch = 4096

// maxFrameBytes is about the most bytes of records in one frame: little
// enough that an RT frame never waits long for a BT frame's bytes on the link.
const maxFrameBytes = 256 << 10

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

// nextRecords packs what comes behind the last record sent, into about so many
// bytes.
func (s *Sender) nextRecords(bytes int, now time.Time) ([]byte, error) {
	old := s.old(now)
	if old {
		pace := s.options.Pacer.paceBackfill(now)
		if pace.bytes == 0 {
			s.wait(pace, now)
			return nil, nil
		}
		bytes = min(bytes, pace.bytes)
	}
	batch, gap := s.options.Queue.Next(s.sent, s.records(bytes), s.recordBytes(bytes))
	s.held = batch == nil && gap == nil
	switch {
	case s.held:
		return nil, nil
	case gap != nil && s.crosses(gap.Epoch), batch != nil && s.crosses(batch.Epoch):
		return s.endEpoch(), nil
	case gap != nil && s.empties(gap.Epoch), batch != nil && s.empties(batch.Epoch):
		return s.endEpoch(), nil
	case gap != nil:
		return s.launchGap(gap, now), nil
	}
	b, err := s.pack(batch, now)
	if err != nil {
		return nil, &EndError{Reason: err.Error()}
	}
	mark := dataplane.Mark{Epoch: batch.Epoch, Seq: batch.Last()}
	if uint64(len(b)) > s.maxFrame {
		b = s.launchGap(tooLarge(batch, len(b), s.maxFrame), now)
	} else {
		s.options.Counts.carried(batch.First, mark)
		s.launch(b, mark, now)
	}
	if old {
		s.options.Pacer.spendBackfill(len(b), now)
	}
	if more, _ := s.options.Queue.Waiting(s.sent, 1, 1); !more {
		s.waiting = time.Time{} // else what is left has been waiting too
	}
	return b, nil
}

// old tells whether what comes next is BT that has waited for longer than
// batches do, where that is to be held back.
func (s *Sender) old(now time.Time) bool {
	if s.options.Lane != dataplane.BT || !s.options.Pacer.limitsBackfill() {
		return false
	}
	next, _ := s.options.Queue.Next(s.sent, 1, 1)
	return next != nil && now.Sub(next.Messages[0].Time) > 2*s.options.Batch.MaxAge
}

// records returns how many records a frame of about so many bytes may have,
// going by the last one.
func (s *Sender) records(bytes int) int {
	most := rtBatch
	if s.options.Lane == dataplane.BT {
		most = min(max(s.options.Batch.MaxCount, 1), dataplane.MaxBatch)
	}
	if s.perRecord == 0 {
		return most
	}
	return min(max(bytes/s.perRecord, 1), most)
}

// recordBytes returns how much the records of a frame of about so many bytes
// may take unpacked.
func (s *Sender) recordBytes(bytes int) int {
	most := maxFrameBytes
	if s.options.Lane == dataplane.BT {
		most = min(s.options.Batch.MaxBytes, maxFrameBytes)
	}
	if s.perRecord == 0 { // how well they are packed is to be seen
		most = min(most, bytes)
	}
	return most
}

// pack makes a frame of a batch.
func (s *Sender) pack(batch *dataplane.Batch, now time.Time) ([]byte, error) {
	pack := s.options.Packer.Pack
	scarce := s.options.Pacer.scarce(now)
	if scarce {
		pack = s.options.Packer.Squeeze
	}
	data, err := pack(batch)
	if err != nil {
		return nil, err
	}
	data.Session = s.session
	b := dataplane.AppendFrame(nil, data)
	s.perRecord = len(b)/len(batch.Messages) + 1
	s.options.Counts.squeezed.Store(scarce)
	return b, nil
}

// tooLarge returns the gap in the place of a batch that cloudsvc cannot keep:
// it is one message, as a batch of several is far smaller than any limit.
func tooLarge(batch *dataplane.Batch, bytes int, limit uint64) *dataplane.Gap {
	g := &dataplane.Gap{
		Epoch: batch.Epoch, From: batch.First, To: batch.Last(),
		Reason: fmt.Sprintf("%d bytes in one frame: cloudsvc takes %d", bytes, limit),
	}
	for i := range batch.Messages {
		m := &batch.Messages[i]
		g.Series = append(g.Series, dataplane.SeriesRange{
			Namespace: m.Namespace, Topic: m.Topic, Device: m.Device, First: m.Seq, Last: m.Seq, Count: 1,
		})
	}
	return g
}

// launchGap sends a gap, without its series if they make it too large.
func (s *Sender) launchGap(gap *dataplane.Gap, now time.Time) []byte {
	gap.Session, gap.Lane = s.session, s.options.Lane
	b := dataplane.AppendFrame(nil, gap)
	if uint64(len(b)) > s.maxFrame {
		gap.Series = nil
		b = dataplane.AppendFrame(nil, gap)
	}
	s.launch(b, dataplane.Mark{Epoch: gap.Epoch, Seq: gap.To}, now)
	return b
}

// due tells whether a batch is to be sent now. RT always is; BT is when the
// policy says so.
func (s *Sender) due(now time.Time) bool {
	if s.options.Lane == dataplane.RT || s.draining {
		return true
	}
	some, enough := s.options.Queue.Waiting(s.sent, s.options.Batch.MaxCount, s.options.Batch.MaxBytes)
	if !some {
		s.waiting = time.Time{}
		return false
	}
	if s.waiting.IsZero() {
		s.waiting = now
	}
	return enough || now.Sub(s.waiting) >= s.options.Batch.MaxAge
}

// launch counts a frame that goes now.
func (s *Sender) launch(b []byte, mark dataplane.Mark, now time.Time) {
	s.options.Counts.sent(s.sent, mark, len(b))
	s.sent = mark
	s.flights.add(mark, uint64(len(b)), now)
	s.flights.last().follows(s.fly())
	s.probe(now)
}

// fly tells what is under way now, and returns what that is of all lanes, and of
// this one.
func (s *Sender) fly() (all, lane uint64) {
	s.options.Counts.unacked.Store(s.flights.bytes)
	lane, oldest := s.flights.onLink()
	return s.options.Pacer.fly(s.options.Lane, lane, oldest), lane
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
