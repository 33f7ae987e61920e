package cloudsvc

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"datastub/dataplane"
)

// A pastBlock is a block that was read from the log. Its messages are unpacked
// when somebody wants them, and let go when others need their room.
type pastBlock struct {
	seq    uint64
	stored time.Time
	size   int
	block  *Block // nil: it cannot be read

	unpacking sync.Mutex
	unpacked  atomic.Pointer[storedBlock] // nil: it is not, now
}

// newPastBlock reads a block of the log, which is the caller's only.
func newPastBlock(seq uint64, stored time.Time, raw []byte) *pastBlock {
	p := &pastBlock{seq: seq, stored: stored, size: len(raw)}
	p.block, _ = ParseBlock(append([]byte(nil), raw...)) // one that is corrupt is told of where it is missed
	return p
}

// before returns the trail of what was before the block.
func (p *pastBlock) before() trail {
	if p.block == nil {
		return trail{}
	}
	return p.block.Before
}

// hasLosses tells whether there is anything but messages in the block.
func (p *pastBlock) hasLosses() bool {
	for _, frame := range p.block.Frames {
		if dataplane.FrameTypeOf(frame) != dataplane.TypeData {
			return true
		}
	}
	return false
}

// unpack returns the block as it was routed when it was stored.
func (p *pastBlock) unpack(packer *dataplane.Packer) (*storedBlock, error) {
	b := &storedBlock{seq: p.seq, trail: p.block.Before.with(p.seq, p.block.Shelf, p.block.Shelves)}
	for i, raw := range p.block.Frames {
		r := &p.block.Ranges[i]
		frame, err := dataplane.DecodeFrame(raw)
		if err != nil {
			return nil, r.corrupt(err)
		}
		data, is := frame.(*dataplane.Data)
		if !is {
			for _, g := range frameGaps(r.Publisher, p.block.Class, r.Last, frame, p.stored) {
				b.gaps = append(b.gaps, BlockGap{g, len(b.messages)})
			}
			continue
		}
		batch, err := packer.Unpack(r.Publisher, data)
		if err != nil {
			return nil, r.corrupt(err)
		}
		if r.First < batch.First || r.Last != batch.Last() {
			return nil, r.corrupt(fmt.Errorf("its frame has %d-%d", batch.First, batch.Last()))
		}
		b.messages = append(b.messages, batch.Messages[r.First-batch.First:]...)
	}
	b.weight = b.weigh()
	return b, nil
}

// corrupt tells what is wrong with a range.
func (r *Range) corrupt(err error) error {
	return fmt.Errorf("%w: %s %d/%d-%d: %w", ErrCorrupt, r.Publisher, r.Epoch, r.First, r.Last, err)
}
