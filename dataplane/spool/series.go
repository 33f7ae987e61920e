package spool

import (
	"cmp"
	"slices"
	"strings"

	"datastub/dataplane"
)

// seriesKey names a series of the spool's node.
type seriesKey struct{ namespace, topic, device string }

func keyOf(msg *dataplane.Message) seriesKey {
	return seriesKey{msg.Namespace, msg.Topic, msg.Device}
}

// bytes is about how large a series is in a GAP, and at most.
func (k seriesKey) bytes() int { return len(k.namespace) + len(k.topic) + len(k.device) + 40 }

func (k seriesKey) compare(o seriesKey) int {
	return cmp.Or(
		strings.Compare(k.namespace, o.namespace),
		strings.Compare(k.topic, o.topic),
		strings.Compare(k.device, o.device),
	)
}

// seriesCount is what a run of records has of one series.
type seriesCount struct {
	key                seriesKey
	first, last, count uint64
}

// tally counts records by series.
type tally map[seriesKey]seriesCount

// add counts a record.
func (t tally) add(key seriesKey, seq uint64) {
	c, known := t[key]
	if !known {
		c = seriesCount{key: key, first: seq}
	}
	c.last = seq
	c.count++
	t[key] = c
}

// counts returns the counts, by key.
func (t tally) counts() []seriesCount {
	counts := make([]seriesCount, 0, len(t))
	for _, c := range t {
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b seriesCount) int { return a.key.compare(b.key) })
	return counts
}
