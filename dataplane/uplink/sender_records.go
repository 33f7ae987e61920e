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
