package spool

import (
	"encoding/binary"
	"fmt"

	"datastub/dataplane"
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
	dst = appendText(dst, c.publisher)
	dst = binary.AppendUvarint(dst, c.epoch)
	dst = appendFlag(dst, c.closed)
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
		dst = appendFlag(dst, e.exact)
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
	dst = appendText(dst, h.reason)
	dst = binary.AppendUvarint(dst, uint64(len(h.parts)))
	for _, p := range h.parts {
		dst = binary.AppendUvarint(dst, p.to)
		dst = appendFlag(dst, p.spans != nil)
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
	f := fields{rest: payload[1:]}
	if version := f.uint(); version != formatVersion {
		return nil, fmt.Errorf("checkpoint of version %d: want %d", version, formatVersion)
	}
	c := &checkpoint{}
	copy(c.spool[:], f.bytes(len(c.spool)))
	c.publisher = f.text()
	c.epoch = f.uint()
	c.closed = f.flag()
	for i := range c.lanes {
		c.lanes[i] = f.lane()
	}
	for range f.count(4) {
		c.series = append(c.series, seriesLast{key: f.key(), last: f.uint()})
	}
	if !f.end() {
		return nil, fmt.Errorf("checkpoint of %d bytes does not hold what it should", len(b))
	}
	return c, nil
}

func (f *fields) lane() laneCheckpoint {
	var l laneCheckpoint
	l.released = dataplane.Mark{Epoch: f.uint(), Seq: f.uint()}
	l.handed = dataplane.Mark{Epoch: f.uint(), Seq: f.uint()}
	for range f.count(3) {
		l.ends = append(l.ends, ending{epoch: f.uint(), last: f.uint(), exact: f.flag()})
	}
	for range f.count(4) {
		h := f.hole()
		if len(h.parts) == 0 {
			f.bad = true
			break
		}
		l.holes = append(l.holes, h)
	}
	return l
}

func (f *fields) hole() *hole {
	h := &hole{epoch: f.uint(), from: f.uint(), reason: f.text()}
	for range f.count(3) {
		p := part{to: f.uint()}
		if f.flag() {
			p.spans = []span{}
		}
		for range f.count(8) {
			s := span{seriesCount: seriesCount{key: f.key()}, from: f.uint(), to: f.uint()}
			s.first, s.last, s.count = f.uint(), f.uint(), f.uint()
			p.spans = append(p.spans, s)
			p.bytes += s.key.bytes()
		}
		h.parts = append(h.parts, p)
		h.to = p.to
	}
	return h
}
