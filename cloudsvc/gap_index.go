package cloudsvc

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// maxGapBytes is about what the index of gaps may take, in memory as in a
// snapshot of the marks: some thousand gaps.
const maxGapBytes = 1 << 20

// gapRoom is about what a gap takes beside its texts, in bytes.
const gapRoom = 256

// gapIndex is the gaps that are in the log, the oldest first. When they are
// too many the oldest are forgotten, though the log has them. It is not safe
// for concurrent use.
type gapIndex struct {
	kept  []indexedGap
	bytes int
	// forgotten is the last block of each class of which a gap was forgotten.
	forgotten [len(dataplane.Classes) + 1]uint64 // by Class
}

// indexedGap is a gap and the block that it is in.
type indexedGap struct {
	Gap
	block uint64
}

func (g *indexedGap) size() int {
	return gapRoom + len(g.ID.Publisher) + len(g.Namespace) + len(g.Topic) + len(g.Device) + len(g.Reason)
}

// add takes in a gap of a block, and returns how many were forgotten for it.
func (x *gapIndex) add(block uint64, g Gap) (forgotten int) {
	x.insert(indexedGap{g, block})
	for x.bytes > maxGapBytes {
		oldest := &x.kept[0]
		x.forgotten[oldest.ID.Class] = max(x.forgotten[oldest.ID.Class], oldest.block)
		x.bytes -= oldest.size()
		*oldest = indexedGap{} // else the array would keep its texts
		x.kept = x.kept[1:]
		forgotten++
	}
	return forgotten
}

// insert puts a gap behind all that are not newer: mostly at the end, but for
// the classes that are replayed one after the other.
func (x *gapIndex) insert(g indexedGap) {
	at := len(x.kept)
	for at > 0 && x.kept[at-1].Time.After(g.Time) {
		at--
	}
	x.kept = slices.Insert(x.kept, at, g)
	x.bytes += g.size()
}

// trim drops the gaps of a class that stand before its first block: the log
// has them no more.
func (x *gapIndex) trim(class dataplane.Class, first uint64) {
	x.drop(func(g *indexedGap) bool { return g.ID.Class == class && g.block < first })
	if x.forgotten[class] < first {
		x.forgotten[class] = 0
	}
}

// forget goes back to before the log's first block of a class.
func (x *gapIndex) forget(class dataplane.Class) {
	x.drop(func(g *indexedGap) bool { return g.ID.Class == class })
	x.forgotten[class] = 0
}

func (x *gapIndex) drop(gone func(*indexedGap) bool) {
	x.kept = slices.DeleteFunc(x.kept, func(g indexedGap) bool {
		if !gone(&g) {
			return false
		}
		x.bytes -= g.size()
		return true
	})
}

// complete tells whether no gap that is in the log was forgotten.
func (x *gapIndex) complete() bool { return x.forgotten == [len(x.forgotten)]uint64{} }

func (x *gapIndex) clone() gapIndex {
	copied := *x
	copied.kept = slices.Clone(x.kept)
	return copied
}

// GapQuery says which gaps are asked for. Its zero value is all but Limit.
type GapQuery struct {
	Filter    dataplane.Filter // those that a subscriber to it would be told; the zero Filter: all
	Publisher string           // <node>/<mapper>, or ""
	Since     time.Time        // stored then or later
	Limit     int              // how many at most, more than 0
}

func (q *GapQuery) matches(g *Gap) bool {
	return (q.Filter == dataplane.Filter{} || g.concerns(q.Filter)) &&
		(q.Publisher == "" || g.ID.Publisher == q.Publisher) && !g.Time.Before(q.Since)
}

// GapList is the answer to a GapQuery.
type GapList struct {
	Gaps []Gap `json:"gaps"` // the newest first
	More int   `json:"more"` // how many further ones match, beyond the limit
	// Complete is false where the log has gaps that are not looked at, as older
	// ones had to make room: see maxGapBytes.
	Complete bool `json:"complete"`
}

// find answers a query.
func (x *gapIndex) find(q GapQuery) GapList {
	list := GapList{Gaps: []Gap{}, Complete: x.complete()}
	for i := range slices.Backward(x.kept) {
		g := &x.kept[i].Gap
		switch {
		case !q.matches(g):
		case len(list.Gaps) < q.Limit:
			list.Gaps = append(list.Gaps, *g)
		default:
			list.More++
		}
	}
	return list
}

// appendTo appends the index as a snapshot of the marks has it.
func (x *gapIndex) appendTo(dst []byte) []byte {
	for _, c := range dataplane.Classes {
		dst = binary.AppendUvarint(dst, x.forgotten[c])
	}
	dst = binary.AppendUvarint(dst, uint64(len(x.kept)))
	for i := range x.kept {
		dst = x.kept[i].appendTo(dst)
	}
	return dst
}

func (g *indexedGap) appendTo(dst []byte) []byte {
	dst = append(fields.AppendText(dst, g.ID.Publisher), byte(g.ID.Class))
	for _, text := range [...]string{g.Namespace, g.Topic, g.Device, g.Reason} {
		dst = fields.AppendText(dst, text)
	}
	for _, n := range [...]uint64{
		g.ID.Epoch, g.ID.Seq, g.ID.Through, uint64(g.ID.Line), g.From, g.To, g.Count, uint64(g.Time.UnixNano()), g.block,
	} {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

// gapIndex reads what appendTo wrote.
func (r *blockReader) gapIndex() (x gapIndex) {
	for _, c := range dataplane.Classes {
		x.forgotten[c] = r.Uvarint()
	}
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		g := r.indexedGap()
		x.kept = append(x.kept, g)
		x.bytes += g.size()
	}
	r.Failed = r.Failed || !slices.IsSortedFunc(x.kept, func(a, b indexedGap) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	return x
}

func (r *blockReader) indexedGap() (g indexedGap) {
	g.ID.Publisher, g.ID.Class = r.Text(), dataplane.Class(r.Byte())
	g.Publisher = g.ID.Publisher
	g.Namespace, g.Topic, g.Device, g.Reason = r.Text(), r.Text(), r.Text(), r.Text()
	g.ID.Epoch, g.ID.Seq, g.ID.Through = r.Uvarint(), r.Uvarint(), r.Uvarint()
	line := r.Uvarint()
	g.ID.Line = uint32(line)
	g.From, g.To, g.Count = r.Uvarint(), r.Uvarint(), r.Uvarint()
	g.Time = time.Unix(0, int64(r.Uvarint())).UTC()
	g.block = r.Uvarint()
	r.Failed = r.Failed || !g.ID.Class.Valid() || !g.ID.IsGap() || uint64(g.ID.Line) != line
	return g
}
