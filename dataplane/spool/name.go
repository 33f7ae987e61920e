package spool

import (
	"cmp"
	"fmt"
	"strings"

	"datastub/dataplane"
)

// segmentName is a segment's name in its folder: the lane, and the epoch and
// sequence that its first record is sent under, as RT-1795396641790-1-0.segment.
// Shift is what those records were accepted with more than they are sent with:
// 0 but after a rebase.
type segmentName struct {
	lane                dataplane.Class
	epoch, first, shift uint64
}

func (n segmentName) String() string {
	return fmt.Sprintf("%s-%d-%d-%d.segment", n.lane, n.epoch, n.first, n.shift)
}

// parseSegmentName reads what String writes.
func parseSegmentName(s string) (n segmentName, ok bool) {
	lane, rest, _ := strings.Cut(s, "-")
	if _, err := fmt.Sscanf(rest, "%d-%d-%d.segment", &n.epoch, &n.first, &n.shift); err != nil {
		return n, false
	}
	var err error
	n.lane, err = dataplane.ParseClass(lane)
	return n, err == nil && n.String() == s && n.epoch <= maxEpoch
}

// maxEpoch is the highest epoch that is exact in every JSON reader.
const maxEpoch = 1<<53 - 1

// compare orders by lane, epoch and sequence.
func (n segmentName) compare(o segmentName) int {
	return cmp.Or(cmp.Compare(n.lane, o.lane), cmp.Compare(n.epoch, o.epoch), cmp.Compare(n.first, o.first))
}
