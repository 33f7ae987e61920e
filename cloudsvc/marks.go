package cloudsvc

import (
	"encoding/binary"
	"fmt"
	"maps"

	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// marks is how far each publisher's lanes are in the log, which gaps are in
// it, and how far the log itself was when that was so: what the log tells, too.
type marks struct {
	blocks   map[dataplane.Class]uint64 // the last block counted
	lanes    map[laneKey]laneMark
	gaps     gapIndex
	trails   map[dataplane.Class]trail // of the blocks counted
	requests requestIndex
}

type laneKey struct {
	publisher string
	class     dataplane.Class
}

type laneMark struct {
	spool dataplane.SpoolID
	mark  dataplane.Mark
	ended bool   // the end of the mark's epoch stands behind it
	block uint64 // which it is in
}

func newMarks() *marks {
	return &marks{
		blocks: make(map[dataplane.Class]uint64), lanes: make(map[laneKey]laneMark), trails: make(map[dataplane.Class]trail),
	}
}

func (m *marks) clone() *marks {
	return &marks{
		blocks: maps.Clone(m.blocks), lanes: maps.Clone(m.lanes), gaps: m.gaps.clone(), trails: maps.Clone(m.trails), requests: m.requests.clone(),
	}
}

// count takes a block's ranges into account, and the trail of all up to it. A
// lane that is known to be further, of blocks that are no more, stays there.
func (m *marks) count(class dataplane.Class, seq uint64, ranges []Range, t trail) {
	for i := range ranges {
		r := &ranges[i]
		key := laneKey{r.Publisher, class}
		if m.lanes[key].block <= seq {
			m.lanes[key] = laneMark{r.Spool, dataplane.Mark{Epoch: r.Epoch, Seq: r.Last}, r.isEnd(), seq}
		}
	}
	m.blocks[class], m.trails[class] = seq, t
}

// forget goes back to before the log's first block of a class, of a log that
// ends at a block: what is known from behind that is not so any more.
func (m *marks) forget(class dataplane.Class, end uint64) {
	delete(m.blocks, class)
	delete(m.trails, class)
	maps.DeleteFunc(m.lanes, func(k laneKey, l laneMark) bool { return k.class == class && l.block > end })
	m.gaps.forget(class)
	m.requests.forget(class, end)
}

// marksKind and marksVersion are those of a snapshot. One of erasInMarks has the
// eras, too, which have a record of their own since.
const (
	marksKind    = 'M'
	marksVersion = 7
	erasInMarks  = 6
)

// snapshot returns the marks as bytes, sealed:
//
//	+--------+-------+------+--------+----------+
//	| blocks | lanes | gaps | trails | requests |
//	+--------+-------+------+--------+----------+
//
//	blocks: uvarint of RT, of BT
//	lanes:  uvarint  number of lanes
//	        lane     each: text publisher, byte class, 16 bytes spool id,
//	                 uvarint epoch, seq, byte 1 if the epoch has ended,
//	                 uvarint block
//	gaps:   uvarint  the last block forgotten of RT, of BT, number of gaps
//	        gap      each, the oldest first: text publisher, byte class, texts
//	                 namespace, topic, device, reason, uvarint epoch, first and
//	                 last record, line, first, last and count of the series,
//	                 Unix nanoseconds, block
//
// A lane takes about 50 bytes: 10,000 publishers with both lanes
// make 1 MB, which a MarkStore has to find room for; gaps make another at most.
func (m *marks) snapshot() []byte {
	dst := appendHeader(make([]byte, 0, sealedHeader+64*len(m.lanes)), marksKind, marksVersion)
	for _, c := range dataplane.Classes {
		dst = binary.AppendUvarint(dst, m.blocks[c])
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.lanes)))
	for k, l := range m.lanes {
		dst = append(fields.AppendText(dst, k.publisher), byte(k.class))
		dst = append(dst, l.spool[:]...)
		dst = binary.AppendUvarint(dst, l.mark.Epoch)
		dst = binary.AppendUvarint(dst, l.mark.Seq)
		dst = fields.AppendBool(dst, l.ended)
		dst = binary.AppendUvarint(dst, l.block)
	}
	dst = m.gaps.appendTo(dst)
	for _, c := range dataplane.Classes {
		dst = m.trails[c].appendTo(dst)
	}
	dst = m.requests.appendTo(dst)
	return seal(dst)
}

// parseMarks reads what snapshot wrote, or wraps ErrCorrupt. It returns the eras
// that were in it.
func parseMarks(snapshot []byte) (*marks, eras, error) {
	version, body, err := unseal(snapshot, marksKind, erasInMarks, marksVersion)
	if err != nil {
		return nil, nil, fmt.Errorf("snapshot of marks: %w", err)
	}
	m := newMarks()
	r := newBlockReader(body)
	for _, c := range dataplane.Classes {
		m.blocks[c] = r.Uvarint()
	}
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		k, l := r.lane()
		m.lanes[k] = l
		r.Failed = r.Failed || !k.class.Valid()
	}
	m.gaps = r.gapIndex()
	var began eras
	if version == erasInMarks {
		began = r.eras()
	}
	for _, c := range dataplane.Classes {
		m.trails[c] = r.trail()
	}
	m.requests = r.requestIndex()
	if !r.End() {
		return nil, nil, fmt.Errorf("%w: a snapshot of marks of %d bytes makes no sense", ErrCorrupt, len(snapshot))
	}
	return m, began, nil
}

func (r *blockReader) lane() (k laneKey, l laneMark) {
	k.publisher, k.class = r.Text(), dataplane.Class(r.Byte())
	copy(l.spool[:], r.Bytes(uint64(len(l.spool))))
	l.mark = dataplane.Mark{Epoch: r.Uvarint(), Seq: r.Uvarint()}
	l.ended = r.bool()
	l.block = r.Uvarint()
	return k, l
}
