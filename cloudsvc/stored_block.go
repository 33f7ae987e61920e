package cloudsvc

import (
	"iter"
	"sort"

	"datastub/dataplane"
)

// A storedBlock is a block of the log as it is routed, live or later: its
// messages, and the gaps among them. It is shared and not changed.
type storedBlock struct {
	seq      uint64 // of its class in the log
	messages []dataplane.Message
	gaps     []BlockGap // in the order of Before
	weight   int        // about what it takes in memory, in bytes
	trail    trail      // of all up to it
}

// A BlockGap is a gap in its place in a block.
type BlockGap struct {
	Gap
	Before int // how many of the block's messages stand before it
}

// A storedLine is what stands at one index of a block.
type storedLine struct {
	message *dataplane.Message // of a gap: as subscribers get it
	gap     *Gap               // nil: it is a message
}

// matches tells whether those who subscribe to a filter get the line.
func (l *storedLine) matches(f dataplane.Filter) bool {
	if l.gap != nil {
		return l.gap.concerns(f)
	}
	return f.Match(l.message.Topic)
}

// len returns how many lines the block has.
func (b *storedBlock) len() uint32 { return uint32(len(b.messages) + len(b.gaps)) }

// lines goes through the lines with the indexes from, from+1 … end-1.
func (b *storedBlock) lines(from, end uint32) iter.Seq2[uint32, storedLine] {
	return func(yield func(uint32, storedLine) bool) {
		g := b.gapsBefore(from)
		for i := from; i < end; i++ {
			if g < len(b.gaps) && b.gaps[g].Before+g == int(i) {
				m := b.gaps[g].message()
				if !yield(i, storedLine{&m, &b.gaps[g].Gap}) {
					return
				}
				g++
				continue
			}
			if !yield(i, storedLine{message: &b.messages[int(i)-g]}) {
				return
			}
		}
	}
}

// span returns which lines are behind one place and not behind another: those
// with the indexes first to end-1.
func (b *storedBlock) span(after, upTo Place) (first, end uint32) {
	end = b.len()
	if upTo.Block < b.seq {
		end = 0
	} else if upTo.Block == b.seq && upTo.Index < end {
		end = upTo.Index + 1
	}
	if next := after.next(); next.Block == b.seq {
		first = next.Index
	}
	return min(first, end), end
}

// gapsBefore returns how many of the lines before an index are gaps.
func (b *storedBlock) gapsBefore(index uint32) int {
	return sort.Search(len(b.gaps), func(n int) bool {
		return b.gaps[n].Before+n >= int(index) // it stands behind the messages and the gaps before it
	})
}

// messageRoom is about what a message takes beside its texts and its value, in
// bytes.
const messageRoom = 192

// weigh returns about how much memory the block takes, in bytes.
func (b *storedBlock) weigh() int {
	total := messageRoom * len(b.messages)
	for i := range b.messages {
		total += b.messages[i].Size()
	}
	for i := range b.gaps {
		g := &b.gaps[i]
		total += gapRoom + len(g.Topic) + len(g.Device) + len(g.Reason)
	}
	return total
}
