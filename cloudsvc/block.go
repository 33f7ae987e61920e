package cloudsvc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"math"
	"slices"

	"datastub/dataplane"
)

// ErrCorrupt says that a block is not what was written.
var ErrCorrupt = errors.New("block is corrupt")

// maxBlock is about the largest block, in bytes: one frame may make it larger.
const maxBlock = 256 << 10

const (
	blockVersion = 1
	blockHeader  = 12
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// Range is what one frame of a block holds: the records First to Last of an
// epoch of a lane. The frame may begin before First; those records are in an
// earlier block.
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
	Topics []uint64 // hashes of (namespace, topic), sorted: what a reader may skip by
	Frames [][]byte // one a range
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
//	        uvarint  number of topics
//	        topic    each: 8 bytes, rising
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
		dst = binary.AppendUvarint(dst, uint64(len(r.Publisher)))
		dst = append(dst, r.Publisher...)
		dst = append(dst, r.Spool[:]...)
		for _, n := range [...]uint64{r.Epoch, r.First, r.Last, uint64(len(b.Frames[i]))} {
			dst = binary.AppendUvarint(dst, n)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Topics)))
	for _, t := range b.Topics {
		dst = binary.BigEndian.AppendUint64(dst, t)
	}
	binary.BigEndian.PutUint32(dst[start+8:], uint32(len(dst)-start-blockHeader))
	for _, f := range b.Frames {
		dst = append(dst, f...)
	}
	binary.BigEndian.PutUint32(dst[start+4:], crc32.Checksum(dst[start+8:], crcTable))
	return dst
}

// ParseBlock reads a block. The frames stay part of raw.
func ParseBlock(raw []byte) (*Block, error) {
	if len(raw) < blockHeader || raw[0] != 'D' || raw[1] != 'B' {
		return nil, fmt.Errorf("%w: %d bytes are not a block", ErrCorrupt, len(raw))
	}
	if raw[2] != blockVersion {
		return nil, fmt.Errorf("%w: version %d: this is version %d", ErrCorrupt, raw[2], blockVersion)
	}
	if crc32.Checksum(raw[8:], crcTable) != binary.BigEndian.Uint32(raw[4:]) {
		return nil, fmt.Errorf("%w: wrong CRC", ErrCorrupt)
	}
	headerLen := uint64(binary.BigEndian.Uint32(raw[8:]))
	if headerLen > uint64(len(raw)-blockHeader) {
		return nil, fmt.Errorf("%w: header of %d bytes in %d", ErrCorrupt, headerLen, len(raw))
	}
	b := &Block{Class: dataplane.Class(raw[3])}
	h := headerReader{rest: raw[blockHeader : blockHeader+headerLen]}
	for n := h.uvarint(); n > 0 && !h.failed; n-- {
		b.Ranges = append(b.Ranges, h.blockRange())
	}
	for n := h.uvarint(); n > 0 && !h.failed; n-- {
		b.Topics = append(b.Topics, h.uint64())
	}
	frames := raw[blockHeader+headerLen:]
	for i := range b.Ranges {
		size := b.Ranges[i].Size
		if size > uint64(len(frames)) {
			h.failed = true
			break
		}
		b.Frames = append(b.Frames, frames[:size:size])
		frames = frames[size:]
	}
	if h.failed || len(h.rest) != 0 || len(frames) != 0 || !b.Class.Valid() {
		return nil, fmt.Errorf("%w: header does not describe its %d bytes", ErrCorrupt, len(raw))
	}
	return b, nil
}

// headerReader reads a block's header; after the first failure all is zero.
type headerReader struct {
	rest   []byte
	failed bool
}

func (h *headerReader) bytes(n uint64) []byte {
	if n > uint64(len(h.rest)) {
		h.failed, h.rest = true, nil
		return nil
	}
	b := h.rest[:n]
	h.rest = h.rest[n:]
	return b
}

func (h *headerReader) uvarint() uint64 {
	v, n := binary.Uvarint(h.rest)
	if n <= 0 {
		h.failed, h.rest = true, nil
		return 0
	}
	h.rest = h.rest[n:]
	return v
}

func (h *headerReader) uint64() uint64 {
	if b := h.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (h *headerReader) blockRange() (r Range) {
	r.Publisher = string(h.bytes(min(h.uvarint(), math.MaxUint16)))
	copy(r.Spool[:], h.bytes(uint64(len(r.Spool))))
	r.Epoch, r.First, r.Last, r.Size = h.uvarint(), h.uvarint(), h.uvarint(), h.uvarint()
	return r
}

// topicHashes returns the sorted hashes of the topics of messages.
func topicHashes(messages []dataplane.Message, hashes []uint64) []uint64 {
	var last *dataplane.Message
	for i := range messages {
		m := &messages[i]
		if last != nil && last.Topic == m.Topic && last.Namespace == m.Namespace {
			continue
		}
		last = m
		h := topicHash(m.Namespace, m.Topic)
		if at, found := slices.BinarySearch(hashes, h); !found {
			hashes = slices.Insert(hashes, at, h)
		}
	}
	return hashes
}

// topicHash is 64-bit FNV-1a over namespace, a zero byte and topic.
func topicHash(namespace, topic string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(namespace))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(topic))
	return h.Sum64()
}
