package uplink_test

import (
	"slices"
	"strings"
	"testing"

	"datastub/dataplane"
)

func newPacker(t testing.TB) *dataplane.Packer {
	t.Helper()
	p, err := dataplane.NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seriesOf counts messages by series, sorted by device.
func seriesOf(messages []dataplane.Message) []dataplane.SeriesRange {
	var all []dataplane.SeriesRange
	for _, m := range messages {
		i := slices.IndexFunc(all, func(r dataplane.SeriesRange) bool { return r.Device == m.Device })
		if i < 0 {
			i = len(all)
			all = append(all, dataplane.SeriesRange{Namespace: m.Namespace, Topic: m.Topic, Device: m.Device, First: m.Seq})
		}
		all[i].Last = m.Seq
		all[i].Count++
	}
	slices.SortFunc(all, func(a, b dataplane.SeriesRange) int { return strings.Compare(a.Device, b.Device) })
	return all
}
