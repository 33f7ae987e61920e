package cloudsvc

import (
	"encoding/binary"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// maxBlock is the largest block of more than one frame, in bytes. A frame that
// is larger by itself is a block by itself.
const maxBlock = 256 << 10

// maxBlockWeight is what the entries of a block may take in memory, in bytes,
// as blocks wait to be routed after they are stored. An entry that takes more
// is a block by itself.
const maxBlockWeight = 16 << 20

// rangeRoom is the most that a range takes in a block beside its publisher's
// name and its frame, in bytes: the name's length, the spool id, four numbers.
const rangeRoom = len(dataplane.SpoolID{}) + 5*binary.MaxVarintLen64

// shelfRoom is the most that a block's shelves take in it, in bytes.
const shelfRoom = (2 + maxRetentions) * binary.MaxVarintLen32

// keyRoom is the most that a request's key takes in a block, in bytes.
const keyRoom = len(RequestKey{}.Request) + len(RequestKey{}.Body) + binary.MaxVarintLen64

// blockBuilder makes one block of entries.
type blockBuilder struct {
	Block
	hashes   *topicHashes        // of its topics
	messages []dataplane.Message // of the entries, in order
	lost     []lostEntry         // the entries that are no messages, in order
	entries  []entry
	taken    []int  // their indexes among those that waited, rising
	size     int    // of the block so far, at most
	weight   uint64 // of its entries
	unlisted bool   // topics are too many, or not known, to list them
}

// newBlockBuilder begins a block behind those of a trail.
func newBlockBuilder(class dataplane.Class, hashes *topicHashes, before trail) *blockBuilder {
	b := &blockBuilder{Block: Block{Class: class, Key: hashes.key, Before: before}, hashes: hashes}
	// The counts of ranges, topics and keys stand before them, and the hashes' key.
	b.size = blockHeader + len(b.Key) + 3*binary.MaxVarintLen64 + shelfRoom + len(before.appendTo(nil))
	return b
}

// fill takes in entries of one shelf, that of the first, in order, as long as
// they fit; the first always does. An entry before which one of its lane is left
// waits behind that: the order of a lane is that of the log. places are where
// some of the entries go, from the first on.
func (b *blockBuilder) fill(entries []entry, places []placement, s *shelver) {
	left := make(map[string]struct{}) // publishers of entries that are left
	var all placement
	for i, p := range places {
		e := entries[i]
		if _, waits := left[e.Publisher]; waits || p.shelf != places[0].shelf {
			left[e.Publisher] = struct{}{}
			continue
		}
		if !b.add(e) {
			break
		}
		b.taken = append(b.taken, i)
		b.entries = append(b.entries, e)
		all.topics |= p.topics
		all.any = all.any || p.any
	}
	b.Shelf, b.Shelves = s.shelves[places[0].shelf].ID, s.ids(all)
	b.unpack()
}

// unpack puts the messages of the entries together, and what is none.
func (b *blockBuilder) unpack() {
	total := 0
	for _, e := range b.entries {
		total += len(e.Messages)
	}
	b.messages = make([]dataplane.Message, 0, total)
	for _, e := range b.entries {
		if e.Gap != nil || e.End != nil {
			b.lost = append(b.lost, lostEntry{e.Accepted, len(b.messages)})
		}
		b.messages = append(b.messages, e.Messages...)
	}
}

// lostEntry is an entry that is a gap or the end of an epoch, behind so many of the block's messages.
type lostEntry struct {
	*uplink.Accepted
	before int
}

// frame returns what the entry is.
func (l *lostEntry) frame() dataplane.Frame {
	if l.Gap != nil {
		return l.Gap
	}
	return l.End
}

// gaps returns the gaps of the entries in their places in the block, which was
// stored at a time.
func (b *blockBuilder) gaps(stored time.Time) (all []BlockGap) {
	for _, l := range b.lost {
		for _, g := range frameGaps(l.Publisher, l.Lane, l.Last, l.frame(), stored) {
			all = append(all, BlockGap{g, l.before})
		}
	}
	return all
}

func (b *blockBuilder) add(e entry) bool {
	topics, listed := b.hashes.entry(e.Accepted)
	size := len(e.Publisher) + rangeRoom + 8*len(topics) + len(e.Frame)
	if e.key != nil {
		size += keyRoom
	}
	if len(b.Frames) > 0 && (b.size+size > maxBlock || b.weight+e.Weight > maxBlockWeight) {
		return false
	}
	b.size += size
	b.weight += e.Weight
	if e.key != nil {
		b.Keys = append(b.Keys, BlockKey{uint64(len(b.Ranges)), *e.key})
	}
	b.Ranges = append(b.Ranges, Range{
		Publisher: e.Publisher, Spool: e.Spool, Epoch: e.Epoch, First: e.First, Last: e.Last,
		Size: uint64(len(e.Frame)),
	})
	b.Frames = append(b.Frames, e.Frame)
	b.list(topics, listed)
	return true
}

// list takes topics into the block's list, which is all or nothing.
func (b *blockBuilder) list(topics []uint64, listed bool) {
	if b.unlisted {
		return
	}
	for _, t := range topics {
		b.Topics = insertTopic(b.Topics, t)
	}
	if !listed || len(b.Topics) > maxTopics {
		b.Topics, b.unlisted = nil, true
	}
}
