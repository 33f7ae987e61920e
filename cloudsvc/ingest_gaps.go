package cloudsvc

import (
	"context"
	"fmt"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

var _ GapLister = (*Ingest)(nil)

// noteLoss counts and logs what a publisher says will never come.
func (i *Ingest) noteLoss(a *uplink.Accepted) {
	switch {
	case a.Gap != nil:
		i.options.Metrics.gap(a.Lane, a.Last-a.First+1)
		i.gaps.note(i.options.Logger, a, i.options.Now())
	case a.End != nil && a.End.Unknown:
		i.options.Metrics.gap(a.Lane, 0)
		i.options.Logger.Info("Publisher does not know what it has lost, if anything",
			"publisher", a.Publisher, "class", a.Lane, "epoch", a.Epoch, "behind", a.Last, "reason", a.End.Reason)
	}
}

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
