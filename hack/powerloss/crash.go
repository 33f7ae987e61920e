package powerloss

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// outage is one loss of power: how much of what is not synced survives it.
type outage struct {
	rng  *rand.Rand
	odds float64 // that a page is kept
}

// forget makes of a folder, and all below it, what is left when the power goes,
// and returns the inodes that are still there.
func forget(root *inode, j *journal, rng *rand.Rand) map[uint64]*inode {
	o := outage{rng: rng, odds: [...]float64{0, 0.1, 0.5, 0.9, 1}[rng.IntN(5)]}
	switch rng.IntN(4) {
	case 0: // no name
	case 1:
		j.commit(j.last())
	default:
		j.commit(j.done + rng.Uint64N(uint64(len(j.open))+1))
	}
	j.open = nil
	left := make(map[uint64]*inode)
	o.visit(root, j, left)
	return left
}

func (o *outage) visit(i *inode, j *journal, left map[uint64]*inode) {
	left[i.id] = i
	i.changed = min(i.changed, j.done)
	i.cut = i.disk.cut
	if i.names == nil {
		o.file(i)
		return
	}
	i.names = maps.Clone(i.disk.names)
	for _, name := range slices.Sorted(maps.Keys(i.names)) {
		o.visit(i.names[name], j, left)
	}
}

// file makes of a file what is left.
func (o *outage) file(i *inode) {
	sizes := []int64{int64(len(i.disk.bytes))}
	for _, l := range i.lengths {
		if l.cut == i.disk.cut && l.size > sizes[0] {
			sizes = append(sizes, l.size)
		}
	}
	kept := resized(slices.Clone(i.disk.bytes), sizes[o.rng.IntN(len(sizes))])
	for _, page := range slices.Sorted(maps.Keys(i.dirty)) {
		if at := page * pageSize; i.dirty[page] <= i.disk.cut && at < int64(len(kept)) {
			copy(kept[at:], i.page(page)[:o.part(len(i.page(page)))])
		}
	}
	i.disk.bytes, i.bytes = kept, slices.Clone(kept)
	i.clean()
}

// part returns how many bytes of a page are kept.
func (o *outage) part(size int) int {
	switch {
	case o.rng.IntN(8) == 0: // torn
		return min(size, sectorSize*o.rng.IntN(pageSize/sectorSize+1))
	case o.rng.Float64() < o.odds:
		return size
	}
	return 0
}
