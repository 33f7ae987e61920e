package spool

import "datastub/dataplane"

// maxMissing is how often a segment is looked through for what is missing: a
// file that is damaged all over is not worth the time.
const maxMissing = 16

// missing returns, by series, the records of a segment from one place to
// another that cannot be read, as its footer and the records before and behind
// them tell: the sequences of a series have no holes. It returns nil where that
// does not account for each of them.
func missing(b []byte, from, to uint64) []seriesCount {
	bounds := make(map[seriesKey]seriesCount) // first and last that are there, around those that are not
	sc := scanOf(b)
	for place, record, ok := sc.next(); ok; place, record, ok = sc.next() {
		m, err := dataplane.DecodeRecord(record)
		if err != nil {
			continue
		}
		key := keyOf(&m)
		around := bounds[key]
		switch {
		case place < from:
			around.first = m.Seq
		case place > to && around.last == 0:
			around.last = m.Seq
		}
		bounds[key] = around
	}
	if sc.footer != nil {
		for _, c := range sc.footer.series {
			around := bounds[c.key]
			if around.first == 0 {
				around.first = c.first - 1
			}
			if around.last == 0 {
				around.last = c.last + 1
			}
			bounds[c.key] = around
		}
	}
	lost, n := make(tally), uint64(0)
	for key, around := range bounds {
		if around.first == 0 || around.last <= around.first+1 {
			continue
		}
		c := seriesCount{key: key, first: around.first + 1, last: around.last - 1, count: around.last - around.first - 1}
		lost[key] = c
		n += c.count
	}
	if n != to-from+1 {
		return nil
	}
	return lost.counts()
}
