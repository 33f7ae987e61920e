package spool

import (
	"errors"
	"io"

	"datastub/dataplane"
)

// findings are what a segment's file tells besides what it holds.
type findings struct {
	header *header              // nil: it cannot be read
	last   map[seriesKey]uint64 // of the series
	behind behind
	torn   bool // it ends with what was not written to its end
}

// exact tells whether nothing can have been accepted behind a segment's last
// record.
func (f *findings) exact(boot string) bool {
	if f.behind != another {
		return f.behind == nothing
	}
	return !f.torn && f.header != nil && (f.header.synced || boot != "" && f.header.boot == boot)
}

// openSegment finds out what a segment holds, by its footer, or else by reading
// it; then it gets one. Boot is that of the machine now.
func openSegment(f folder, n segmentName, boot string) (*segment, findings, error) {
	seg := &segment{
		name: n.String(), lane: n.lane, epoch: n.epoch, first: n.first, last: n.first - 1,
		accepted: n.first + n.shift, sealed: true,
	}
	found := findings{last: make(map[seriesKey]uint64)}
	opened, err := f.open(seg.name)
	if err != nil {
		return nil, found, err
	}
	defer opened.Close()
	size, err := opened.Size()
	if err != nil {
		return nil, found, err
	}
	if ok, err := seg.readEnds(opened, size, &found); ok || err != nil {
		return seg, found, err
	}
	b, err := readFile(f, seg.name, size)
	if err != nil {
		return nil, found, err
	}
	if sealed := seg.readAll(b, &found); sealed {
		return seg, found, nil
	}
	end := unknown
	if found.exact(boot) {
		end = nothing
	}
	found.behind = end
	seg.mend(opened, size, end)
	return seg, found, nil
}

// mend cuts off what was not written to its end, and adds the footer of a
// segment in which nothing is damaged. It is read again at the next start where
// that cannot be.
func (s *segment) mend(f file, size int64, behind behind) {
	if s.counts == nil || s.bytes < size && f.Truncate(s.bytes) != nil {
		return
	}
	foot := footer{behind: behind, records: s.last - s.first + 1 + s.skip, series: s.counts}
	b := foot.append(nil, s.bytes)
	if _, err := f.Write(b); err == nil {
		s.bytes += int64(len(b))
	}
}

// maxHeader is more than a header takes.
const maxHeader = 2 << 10

// readEnds takes what header and footer tell. It returns false if either is
// not there, or cannot be read.
func (s *segment) readEnds(f file, size int64, found *findings) (bool, error) {
	b := make([]byte, min(size, maxHeader))
	if err := readAt(f, b, 0); err != nil {
		return false, err
	}
	s.takeHeader(b, found)
	trailer := make([]byte, trailerLength)
	if found.header == nil || size < trailerLength {
		return false, nil
	}
	if err := readAt(f, trailer, size-trailerLength); err != nil {
		return false, err
	}
	at, ok := readTrailer(trailer, size)
	if !ok {
		return false, nil
	}
	b = make([]byte, size-trailerLength-at)
	if err := readAt(f, b, at); err != nil {
		return false, err
	}
	payload, _, verdict := readEntry(b)
	if verdict != whole || entryKind(payload[0]) != footerEntry {
		return false, nil
	}
	foot, ok := readFooter(payload[1:])
	if !ok {
		return false, nil
	}
	s.bytes = size
	s.takeFooter(&foot, found)
	return true, nil
}

// readAt fills b, which the file is long enough for.
func readAt(f file, b []byte, at int64) error {
	_, err := f.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *segment) takeHeader(b []byte, found *findings) {
	h, length := readHeader(b)
	if length == 0 || found.header != nil {
		return
	}
	found.header = &h
	if sent := s.accepted; h.first <= sent { // after a rebase the first records may be none of the lane's
		s.skip, s.accepted = sent-h.first, h.first
	}
}

func (s *segment) takeFooter(f *footer, found *findings) {
	found.behind = f.behind
	s.hold(f.records)
	s.counts = f.series
	for _, c := range f.series {
		found.last[c.key] = max(found.last[c.key], c.last)
	}
}

// hold says how many records the file holds, with those that are skipped.
func (s *segment) hold(records uint64) {
	if records > s.skip {
		s.last = s.first + records - s.skip - 1
	}
}

// readAll takes what reading all records tells, and whether there was a footer
// behind them.
func (s *segment) readAll(b []byte, found *findings) (sealed bool) {
	s.takeHeader(b, found)
	counted, whole := make(tally), true
	sc := scanOf(b)
	for next := uint64(0); ; next++ {
		place, record, ok := sc.next()
		if !ok {
			break
		}
		m, err := dataplane.DecodeRecord(record)
		whole = whole && err == nil && place == next
		if next = place; err == nil {
			counted.add(keyOf(&m), m.Seq)
		}
	}
	for key, c := range counted {
		found.last[key] = c.last
	}
	s.bytes, found.torn = int64(sc.read), sc.end == cut
	if sc.footer != nil {
		s.takeFooter(sc.footer, found)
		return true
	}
	records := sc.place
	if sc.end == spoiled { // there was one more at least
		records++
		s.bytes, whole = int64(len(b)), false
	}
	s.hold(records)
	if whole {
		s.counts = counted.counts()
	}
	return false
}
