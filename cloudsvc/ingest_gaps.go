package cloudsvc

import (
	"context"
	"fmt"

	"datastub/dataplane"
)

var _ GapLister = (*Ingest)(nil)

// noteGap keeps a gap of a block to be listed. i.mu is held, or nobody else is
// there yet.
func (i *Ingest) noteGap(block uint64, g Gap) {
	forgotten := i.marks.gaps.add(block, g)
	i.options.Metrics.forgottenGaps.Add(float64(forgotten))
}

// Gaps lists the gaps that are in the log.
func (i *Ingest) Gaps(ctx context.Context, q GapQuery) (GapList, error) {
	for _, c := range dataplane.Classes {
		first, _, err := i.options.Log.Ends(ctx, c)
		if err != nil {
			return GapList{}, fmt.Errorf("list gaps: %w", err)
		}
		i.mu.Lock()
		i.marks.gaps.trim(c, first)
		i.mu.Unlock()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.marks.gaps.find(q), nil
}
