package uplink

import (
	"sync/atomic"

	"datastub/dataplane"
)

// Stats is what one lane of a publisher has done since it started, and how it
// is now.
type Stats struct {
	Sessions uint64 // granted by cloudsvc
	Frames   uint64 // of records and gaps, sent
	Bytes    uint64 // of these
	Resent   uint64 // of these frames, those with records that were sent before
	Records  uint64 // in these frames, each once however often it was sent
	Acks     uint64
	Nacks    uint64
	Refused  uint64 // times that cloudsvc refused or ended a session

	Credit  uint64 // bytes that may be un-acked; 0 without a session
	Unacked uint64 // bytes that are

	Squeezed bool // the last frame, as the link is scarce
}

// Counts counts what the Senders of one lane do, one after the other. The zero
// Counts is ready to use. Stats may be called at any time.
type Counts struct {
	sessions, frames, bytes, resent, records, acks, nacks, refused atomic.Uint64
	credit, unacked                                                atomic.Uint64
	squeezed                                                       atomic.Bool

	furthest dataplane.Mark // the last record ever sent; the Sender's own
}

// Stats returns the counts.
func (c *Counts) Stats() Stats {
	return Stats{
		Sessions: c.sessions.Load(), Frames: c.frames.Load(), Bytes: c.bytes.Load(), Resent: c.resent.Load(),
		Records: c.records.Load(), Acks: c.acks.Load(), Nacks: c.nacks.Load(), Refused: c.refused.Load(),
		Credit: c.credit.Load(), Unacked: c.unacked.Load(), Squeezed: c.squeezed.Load(),
	}
}

// carried counts the records of a frame, first to last of one epoch, that were
// not sent before. It is called before sent is for the frame.
func (c *Counts) carried(first uint64, last dataplane.Mark) {
	if last.Compare(c.furthest) <= 0 {
		return
	}
	if last.Epoch == c.furthest.Epoch {
		first = max(first, c.furthest.Seq+1)
	}
	c.records.Add(last.Seq - first + 1)
}

// sent counts a frame that begins behind a mark and ends with another.
func (c *Counts) sent(after, last dataplane.Mark, bytes int) {
	c.frames.Add(1)
	c.bytes.Add(uint64(bytes))
	if after.Compare(c.furthest) < 0 {
		c.resent.Add(1)
	}
	if last.Compare(c.furthest) > 0 {
		c.furthest = last
	}
}

// Ended notes that there is no session any more.
func (c *Counts) Ended() {
	c.credit.Store(0)
	c.unacked.Store(0)
}
