package cloudsvc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// ErrCorrupt says that a block is not what was written.
var ErrCorrupt = errors.New("block is corrupt")

const (
	blockVersion = 4
	blockHeader  = 12
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// Range is what one frame of a block holds: the records First to Last of an
// epoch of a lane. The frame may begin before First; those records are in an
// earlier block. An EPOCH_END holds none: it stands behind Last, and First is
// Last+1.
type Range struct {
	Publisher   string
	Spool       dataplane.SpoolID
	Epoch       uint64
	First, Last uint64
	Size        uint64 // bytes of the frame
}

// Block is the unit of storage: frames of one class and many publishers, as
// the edges packed them.
type Block struct {
	Class  dataplane.Class
	Ranges []Range
	// Topics are the hashes of (namespace, topic) of all that is in the block,
	// sorted: a reader skips a block that does not list what it looks for. A
	// block without any may hold all topics: they are too many to be listed, or
	// not known, as with a gap that does not name its series.
	Topics  []uint64
	Key     topicKey   // of the hashes
	Shelf   uint32     // where it is kept
	Shelves []uint32   // those whose topics are in it; mostly Shelf alone
	Before  trail      // of the blocks before it
	Keys    []BlockKey // of requests that came with one, rising
	Frames  [][]byte   // one a range
}

// A BlockKey is the key of the request that brought a range.
type BlockKey struct {
	Range uint64 // its index
	RequestKey
}

// Append appends the block:
//
//	 0    2         3       4        8            12
//	+----+---------+-------+--------+------------+--------+--------+
//	| DB | version | class | CRC32C | header len | header | frames |
//	+----+---------+-------+--------+------------+--------+--------+
//	 2 B     1 B      1 B     4 B        4 B
//
//	header: uvarint  number of ranges
//	        range    each: text publisher, 16 bytes spool id, uvarint epoch,
//	                 first, last, size of its frame
//	        key      16 bytes
//	        uvarint  number of topics
//	        topic    each: 8 bytes, rising
//	        shelf    uvarint
//	        uvarint  number of shelves
//	        shelf    each: uvarint
//	        trail    uvarint since when, number of marks
//	        mark     each: uvarint shelf, that of the topics, block
//	        uvarint  number of keys
//	        key      each: uvarint index of its range, 16 bytes request, body
//
// Numbers are big-endian, a text is a length as unsigned varint and as many
// bytes, and the CRC32C (Castagnoli) covers all that stands behind it.
func (b *Block) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, 'D', 'B', blockVersion, byte(b.Class))
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0) // CRC and header length, known below
	dst = binary.AppendUvarint(dst, uint64(len(b.Ranges)))
	for i := range b.Ranges {
		r := &b.Ranges[i]
		dst = fields.AppendText(dst, r.Publisher)
		dst = append(dst, r.Spool[:]...)
		for _, n := range [...]uint64{r.Epoch, r.First, r.Last, uint64(len(b.Frames[i]))} {
			dst = binary.AppendUvarint(dst, n)
		}
	}
	dst = append(dst, b.Key[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(b.Topics)))
	for _, t := range b.Topics {
		dst = binary.BigEndian.AppendUint64(dst, t)
	}
	dst = binary.AppendUvarint(dst, uint64(b.Shelf))
	dst = binary.AppendUvarint(dst, uint64(len(b.Shelves)))
	for _, s := range b.Shelves {
		dst = binary.AppendUvarint(dst, uint64(s))
	}
	dst = b.Before.appendTo(dst)
	dst = binary.AppendUvarint(dst, uint64(len(b.Keys)))
	for i := range b.Keys {
		k := &b.Keys[i]
		dst = binary.AppendUvarint(dst, k.Range)
		dst = append(append(dst, k.Request[:]...), k.Body[:]...)
	}
	binary.BigEndian.PutUint32(dst[start+8:], uint32(len(dst)-start-blockHeader))
	for _, f := range b.Frames {
		dst = append(dst, f...)
	}
	binary.BigEndian.PutUint32(dst[start+4:], crc32.Checksum(dst[start+8:], crcTable))
	return dst
}

// ParseBlock reads a block. The frames stay part of raw. One of version 1 has
// hashes without a key, which are not safe to go by: it lists no topics then.
// Before version 3 there were no shelves: all is on the first, 0. Before version
// 4 there were no keys.
func ParseBlock(raw []byte) (*Block, error) {
	if len(raw) < blockHeader || raw[0] != 'D' || raw[1] != 'B' {
		return nil, fmt.Errorf("%w: %d bytes are not a block", ErrCorrupt, len(raw))
	}
	version := raw[2]
	if version < 1 || version > blockVersion {
		return nil, fmt.Errorf("%w: version %d: this is version %d", ErrCorrupt, version, blockVersion)
	}
	if crc32.Checksum(raw[8:], crcTable) != binary.BigEndian.Uint32(raw[4:]) {
		return nil, fmt.Errorf("%w: wrong CRC", ErrCorrupt)
	}
	headerLen := uint64(binary.BigEndian.Uint32(raw[8:]))
	if headerLen > uint64(len(raw)-blockHeader) {
		return nil, fmt.Errorf("%w: header of %d bytes in %d", ErrCorrupt, headerLen, len(raw))
	}
	b := &Block{Class: dataplane.Class(raw[3])}
	header, frames := raw[blockHeader:blockHeader+headerLen], raw[blockHeader+headerLen:]
	if !b.Class.Valid() || !b.readHeader(header, version) || !b.readFrames(frames) {
		return nil, fmt.Errorf("%w: header does not describe its %d bytes", ErrCorrupt, len(raw))
	}
	if version == 1 {
		b.Topics = nil
	}
	return b, nil
}

// readHeader reads ranges and topics. What it makes is no more than a few
// times as large as the header, whatever counts that gives.
func (b *Block) readHeader(header []byte, version byte) bool {
	r := newBlockReader(header)
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		b.Ranges = append(b.Ranges, r.blockRange())
	}
	if version > 1 {
		copy(b.Key[:], r.Bytes(uint64(len(b.Key))))
	}
	var last uint64
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		t := r.Uint64()
		if len(b.Topics) > 0 && t <= last {
			return false
		}
		last = t
		b.Topics = append(b.Topics, t)
	}
	if version > 2 {
		b.Shelf = r.uint32()
		for n := r.Count(1); n > 0 && !r.Failed; n-- {
			b.Shelves = append(b.Shelves, r.uint32())
		}
		b.Before = r.trail()
	}
	if version > 3 {
		for n := r.Count(33); n > 0 && !r.Failed; n-- {
			k := BlockKey{r.Uvarint(), r.requestKey()}
			r.Failed = r.Failed || k.Range >= uint64(len(b.Ranges))
			b.Keys = append(b.Keys, k)
		}
	}
	return r.End()
}

func (r *blockReader) blockRange() (v Range) {
	v.Publisher = r.Text()
	copy(v.Spool[:], r.Bytes(uint64(len(v.Spool))))
	v.Epoch, v.First, v.Last, v.Size = r.Uvarint(), r.Uvarint(), r.Uvarint(), r.Uvarint()
	if v.First == 0 || v.Last < v.First && !v.isEnd() {
		r.Failed = true
	}
	return v
}

// isEnd tells whether the range holds no record, but how the epoch ended.
func (r *Range) isEnd() bool { return r.First == r.Last+1 }

// readFrames cuts the frames apart as the ranges say. Only the end of an epoch
// holds no record.
func (b *Block) readFrames(frames []byte) bool {
	b.Frames = make([][]byte, len(b.Ranges))
	for i := range b.Ranges {
		size := b.Ranges[i].Size
		if size > uint64(len(frames)) {
			return false
		}
		b.Frames[i], frames = frames[:size:size], frames[size:]
		if b.Ranges[i].isEnd() != (dataplane.FrameTypeOf(b.Frames[i]) == dataplane.TypeEpochEnd) {
			return false
		}
	}
	return len(frames) == 0
}

// gaps returns the gaps that are in the block, which was stored at a time, and
// the errors of those that cannot be read.
func (b *Block) gaps(stored time.Time) (all []Gap, err error) {
	for i, raw := range b.Frames {
		switch dataplane.FrameTypeOf(raw) {
		case dataplane.TypeGap, dataplane.TypeEpochEnd:
		default:
			continue
		}
		r := &b.Ranges[i]
		f, broken := dataplane.DecodeFrame(raw)
		if broken != nil {
			err = errors.Join(err, fmt.Errorf("%s %d/%d-%d: %w", r.Publisher, r.Epoch, r.First, r.Last, broken))
			continue
		}
		all = append(all, frameGaps(r.Publisher, b.Class, r.Last, f, stored)...)
	}
	return all, err
}
