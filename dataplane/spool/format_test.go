package spool

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"datastub/dataplane"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenSegment is a sealed segment with two records.
func goldenSegment() []byte {
	h := header{
		spool: dataplane.SpoolID{1, 2, 3}, publisher: "edge-1/mapper", lane: dataplane.RT, epoch: 1795396641790, first: 7,
		synced: true, boot: "b00t", created: start, highest: 1 << 50,
	}
	b := h.append(nil)
	counted := make(tally)
	for i := range 2 {
		m := reading(dataplane.RT, i, 20+i)
		m.Seq = uint64(100 + i)
		b = appendRecord(b, uint64(i), &m)
		counted.add(keyOf(&m), m.Seq)
	}
	foot := footer{behind: nothing, records: 2, series: counted.counts()}
	return foot.append(b, int64(len(b)))
}

func goldenCheckpoint() *checkpoint {
	c := &checkpoint{spool: dataplane.SpoolID{1, 2, 3}, publisher: "edge-1/mapper", epoch: 1795396641790, closed: true}
	key := seriesKey{"default", "sensor/temperature", "boiler-1"}
	c.series = []seriesLast{{key, 107}}
	c.lanes[0] = laneCheckpoint{
		released: dataplane.Mark{Epoch: 5, Seq: 2}, handed: dataplane.Mark{Epoch: 5, Seq: 3}, ends: []ending{{5, 9, true}, {6, 0, false}},
		holes: holes{{epoch: 5, reason: reasonFull, from: 3, to: 8, parts: []part{
			{to: 6, spans: []span{{3, 6, seriesCount{key, 3, 6, 4}}}, bytes: key.bytes()}, {to: 8},
		}}},
	}
	return c
}

// TestFormatsAreGolden: files change only with formatVersion, as a new version
// of the mapper finds those of the one before.
func TestFormatsAreGolden(t *testing.T) {
	t.Parallel()
	for name, got := range map[string][]byte{
		"segment.golden": goldenSegment(), "checkpoint.golden": goldenCheckpoint().encode(),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%x\nwant\n%x", name, got, want)
		}
	}
}

func TestCheckpointReadsBack(t *testing.T) {
	t.Parallel()
	want := goldenCheckpoint()
	b := want.encode()
	got, err := readCheckpoint(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v: want %+v", got, err, want)
	}
	for n := range b {
		if _, err := readCheckpoint(b[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes it is read", n, len(b))
		}
	}
}

func TestSegmentNames(t *testing.T) {
	t.Parallel()
	want := segmentName{lane: dataplane.BT, epoch: 1795396641790, first: 3, shift: 4}
	if got, ok := parseSegmentName(want.String()); !ok || got != want {
		t.Errorf("%s reads as %+v", want, got)
	}
	for _, name := range []string{
		"", "checkpoint", "RT-1-1.segment", "rt-1-1-0.segment", "RT-01-1-0.segment", "RT-1-1-0.segment.old", "XT-1-1-0.segment",
		"RT--1-1-0.segment", "RT-18446744073709551615-1-0.segment",
	} {
		if n, ok := parseSegmentName(name); ok {
			t.Errorf("%q reads as %+v", name, n)
		}
	}
}

// FuzzSegment: whatever a file holds, it is read to its end, and what is taken
// for records rises.
func FuzzSegment(f *testing.F) {
	f.Add(goldenSegment())
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		folder := newRAM()
		n := segmentName{lane: dataplane.RT, epoch: 7, first: 7}
		folder.files[n.String()] = &ramFile{folder: folder, data: b}
		seg, _, err := openSegment(folder, n, "")
		if err != nil {
			t.Fatal(err)
		}
		sc := scanOf(b)
		next, records := uint64(0), 0
		for place, _, ok := sc.next(); ok; place, _, ok = sc.next() {
			if place < next {
				t.Fatalf("%d comes behind %d", place, next)
			}
			next = place + 1
			records++
		}
		if records > len(b)/entryHead || seg.bytes < 0 {
			t.Errorf("%d records in %d bytes, of which %d are read", records, len(b), seg.bytes)
		}
	})
}

func FuzzReadCheckpoint(f *testing.F) {
	f.Add(goldenCheckpoint().encode()[entryHead:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		b := endEntry(append(make([]byte, entryHead), payload...), 0)
		c, err := readCheckpoint(b)
		if err != nil {
			return
		}
		if again, err := readCheckpoint(c.encode()); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%x reads as %+v, then as %+v, %v", payload, c, again, err)
		}
	})
}
