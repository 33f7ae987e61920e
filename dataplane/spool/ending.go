package spool

import (
	"cmp"
	"slices"

	"datastub/dataplane"
)

// ending is how an epoch ended.
type ending struct {
	epoch, last uint64
	exact       bool // nothing was accepted behind last
}

// maxEnds is how many epochs' ends are kept of which nothing is held: a cloud
// that was put back to an older state is told how much it has lost.
const maxEnds = 1024

// endings are of rising epochs.
type endings []ending

func (es endings) find(epoch uint64) (i int, known bool) {
	return slices.BinarySearchFunc(es, epoch, func(e ending, epoch uint64) int { return cmp.Compare(e.epoch, epoch) })
}

// of returns how an epoch ended; false if that is not known.
func (es endings) of(epoch uint64) (ending, bool) {
	i, known := es.find(epoch)
	if !known {
		return ending{}, false
	}
	return es[i], true
}

// put notes how an epoch ended, as far as is known. What is known of a later
// record counts.
func (es *endings) put(e ending) {
	i, known := es.find(e.epoch)
	switch {
	case !known:
		*es = slices.Insert(*es, i, e)
	case e.last >= (*es)[i].last:
		(*es)[i] = e
	}
}

// behind returns where the first record is that was given behind a mark.
func (es endings) behind(after dataplane.Mark) (dataplane.Mark, bool) {
	i, _ := es.find(after.Epoch)
	for _, e := range es[i:] {
		at := dataplane.Mark{Epoch: e.epoch, Seq: 1}
		if e.epoch == after.Epoch {
			at.Seq = after.Seq + 1
		}
		if at.Seq <= e.last {
			return at, true
		}
	}
	return dataplane.Mark{}, false
}

// trim forgets the oldest of more than maxEnds, those that nothing is held of.
func (es *endings) trim(held func(epoch uint64) bool) {
	more := len(*es) - maxEnds
	*es = slices.DeleteFunc(*es, func(e ending) bool {
		more--
		return more >= 0 && !held(e.epoch)
	})
}
