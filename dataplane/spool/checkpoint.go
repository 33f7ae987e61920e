package spool

import (
	"encoding/binary"
	"fmt"

	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// checkpoint is what the segments cannot tell, or not once they are removed.
// It is written anew, as one entry in a file of its own, before any is:
//
//	uvarint   version
//	16 bytes  spool id
//	text      publisher
//	uvarint   the highest epoch given
//	byte      1 if the spool was closed: nothing was sent since
//	lane      RT, then BT
//	uvarint   number of series
//	series    each: text namespace, topic, device; uvarint last
//
// and a lane is
//
//	uvarint   epoch and sequence up to which the cloud has all
//	uvarint   epoch and sequence up to which the cloud may have something
//	uvarint   number of ends
//	end       each: uvarint epoch, last; byte 1 if that is exact
//	uvarint   number of holes
//	hole      each: uvarint epoch, from; text reason; uvarint number of parts
//	part      each: uvarint to; byte 1 if its series are known; uvarint number of spans
//	span      each: text namespace, topic, device; uvarint from, to, first, last, count
type checkpoint struct {
	spool     dataplane.SpoolID
	publisher string
	epoch     uint64
	closed    bool
	lanes     [len(dataplane.Classes)]laneCheckpoint
	series    []seriesLast
}

// laneCheckpoint is a checkpoint's part of one lane.
type laneCheckpoint struct {
	released, handed dataplane.Mark
	ends             endings
	holes            holes
}

// seriesLast is the last sequence that a series was given.
type seriesLast struct {
	key  seriesKey
	last uint64
}

// encode returns the checkpoint's file.
func (c *checkpoint) encode() []byte {
	dst := beginEntry(nil, checkpointEntry)
	dst = binary.AppendUvarint(dst, formatVersion)
	dst = append(dst, c.spool[:]...)
	dst = fields.AppendText(dst, c.publisher)
	dst = binary.AppendUvarint(dst, c.epoch)
	dst = fields.AppendBool(dst, c.closed)
	for i := range c.lanes {
		dst = c.lanes[i].append(dst)
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.series)))
	for _, s := range c.series {
		dst = binary.AppendUvarint(appendKey(dst, s.key), s.last)
	}
	return endEntry(dst, 0)
}

func (l *laneCheckpoint) append(dst []byte) []byte {
	for _, n := range [...]uint64{l.released.Epoch, l.released.Seq, l.handed.Epoch, l.handed.Seq} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.ends)))
	for _, e := range l.ends {
		dst = binary.AppendUvarint(dst, e.epoch)
		dst = binary.AppendUvarint(dst, e.last)
		dst = fields.AppendBool(dst, e.exact)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.holes)))
	for _, h := range l.holes {
		dst = h.append(dst)
	}
	return dst
}

func (h *hole) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, h.epoch)
	dst = binary.AppendUvarint(dst, h.from)
	dst = fields.AppendText(dst, h.reason)
	dst = binary.AppendUvarint(dst, uint64(len(h.parts)))
	for _, p := range h.parts {
		dst = binary.AppendUvarint(dst, p.to)
		dst = fields.AppendBool(dst, p.spans != nil)
		dst = binary.AppendUvarint(dst, uint64(len(p.spans)))
		for _, s := range p.spans {
			dst = appendKey(dst, s.key)
			for _, n := range [...]uint64{s.from, s.to, s.first, s.last, s.count} {
				dst = binary.AppendUvarint(dst, n)
			}
		}
	}
	return dst
}

// readCheckpoint reads a checkpoint's file.
func readCheckpoint(b []byte) (*checkpoint, error) {
	payload, length, found := readEntry(b)
	if found != whole || length != len(b) || entryKind(payload[0]) != checkpointEntry {
		return nil, fmt.Errorf("%d bytes are no checkpoint, or a damaged one", len(b))
	}
	r := newEntryReader(payload[1:])
	if version := r.Uvarint(); version != formatVersion {
		return nil, fmt.Errorf("checkpoint of version %d: want %d", version, formatVersion)
	}
	c := &checkpoint{}
	copy(c.spool[:], r.Bytes(uint64(len(c.spool))))
	c.publisher = r.Text()
	c.epoch = r.Uvarint()
	c.closed = r.flag()
	for i := range c.lanes {
		c.lanes[i] = r.lane()
	}
	for range r.Count(4) {
		c.series = append(c.series, seriesLast{key: r.key(), last: r.Uvarint()})
	}
	if !r.End() {
		return nil, fmt.Errorf("checkpoint of %d bytes does not hold what it should", len(b))
	}
	return c, nil
}

func (r *entryReader) lane() laneCheckpoint {
	var l laneCheckpoint
	l.released = dataplane.Mark{Epoch: r.Uvarint(), Seq: r.Uvarint()}
	l.handed = dataplane.Mark{Epoch: r.Uvarint(), Seq: r.Uvarint()}
	for range r.Count(3) {
		l.ends = append(l.ends, ending{epoch: r.Uvarint(), last: r.Uvarint(), exact: r.flag()})
	}
	for range r.Count(4) {
		h := r.hole()
		if len(h.parts) == 0 {
			r.Failed = true
			break
		}
		l.holes = append(l.holes, h)
	}
	return l
}

func (r *entryReader) hole() *hole {
	h := &hole{epoch: r.Uvarint(), from: r.Uvarint(), reason: r.Text()}
	for range r.Count(3) {
		p := part{to: r.Uvarint()}
		if r.flag() {
			p.spans = []span{}
		}
		for range r.Count(8) {
			s := span{seriesCount: seriesCount{key: r.key()}, from: r.Uvarint(), to: r.Uvarint()}
			s.first, s.last, s.count = r.Uvarint(), r.Uvarint(), r.Uvarint()
			p.spans = append(p.spans, s)
			p.bytes += s.key.bytes()
		}
		h.parts = append(h.parts, p)
		h.to = p.to
	}
	return h
}
