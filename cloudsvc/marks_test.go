package cloudsvc

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"datastub/dataplane"
)

// testMarks are those of many publishers with both lanes.
func testMarks(publishers int) *marks {
	m := newMarks()
	for n := range publishers {
		for _, c := range dataplane.Classes {
			m.count(c, uint64(n+1), []Range{{
				Publisher: fmt.Sprintf("plant-7-edge-%05d/modbus", n), Spool: dataplane.SpoolID{1: byte(n), 9: 3},
				Epoch: 1_700_000_000_000, First: 1, Last: uint64(n) * 1000, // an end for 0
			}}, trail{since: 1, marks: []trailMark{{2, anyTopic, uint64(n)}}})
		}
	}
	for n := range publishers {
		key := RequestKey{[16]byte{byte(n), 15: 1}, [16]byte{15: byte(n)}}
		m.requests.add(key, dataplane.Classes[n%2], requestPart{1_700_000_000_000, uint64(n), uint64(n)}, time.Unix(int64(n), 0))
	}
	for n := range min(publishers, 20) {
		m.gaps.add(uint64(n), testGap("edge-1/m", dataplane.Classes[n%2], "sensor/é", uint64(n+1), uint64(n+2), n))
	}
	return m
}

func TestMarksRoundTrip(t *testing.T) {
	t.Parallel()
	for _, publishers := range []int{0, 1, 104} {
		want := testMarks(publishers)
		got, _, err := parseMarks(want.snapshot())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range dataplane.Classes {
			if got.blocks[c] != want.blocks[c] {
				t.Errorf("%d publishers: blocks of %v: got %d, want %d", publishers, c, got.blocks[c], want.blocks[c])
			}
		}
		if !reflect.DeepEqual(got.lanes, want.lanes) {
			t.Errorf("%d publishers: got %v, want %v", publishers, got.lanes, want.lanes)
		}
		if !reflect.DeepEqual(got.trails[dataplane.RT], want.trails[dataplane.RT]) {
			t.Errorf("%d publishers: got the trails %v, want %v", publishers, got.trails, want.trails)
		}
		if !reflect.DeepEqual(got.requests, want.requests) {
			t.Errorf("%d publishers: got the requests %v, want %v", publishers, got.requests, want.requests)
		}
		if !reflect.DeepEqual(got.gaps, want.gaps) {
			t.Errorf("%d publishers: got the gaps %v, want %v", publishers, got.gaps, want.gaps)
		}
	}
}

// The snapshot of 10,000 publishers is about 1 MB. A MarkStore takes more than
// that; see natslog's.
func TestMarksSize(t *testing.T) {
	t.Parallel()
	const publishers = 10_000
	if got := len(testMarks(publishers).snapshot()); got > 1_300_000 {
		t.Errorf("snapshot of %d publishers: got %d bytes, want 1.3 MB at most", publishers, got)
	}
}

func TestMarksDamaged(t *testing.T) {
	t.Parallel()
	raw := testMarks(3).snapshot()
	for n := range raw {
		if m, _, err := parseMarks(raw[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: got %v, %v; want ErrCorrupt", n, m, err)
		}
		if n == 3 {
			continue // is not used
		}
		flipped := slices.Clone(raw)
		flipped[n] ^= 0x10
		if m, _, err := parseMarks(flipped); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d flipped: got %v, %v; want ErrCorrupt", n, m, err)
		}
	}
}

func TestMarksForget(t *testing.T) {
	t.Parallel()
	m := testMarks(2)
	copied := m.clone()
	m.forget(dataplane.RT, 0)
	if len(m.lanes) != 2 || m.blocks[dataplane.RT] != 0 || m.blocks[dataplane.BT] != 2 {
		t.Errorf("without RT: got %+v", m)
	}
	if len(m.gaps.kept) != 1 || len(copied.gaps.kept) != 2 {
		t.Errorf("gaps: got %d left and %d copied, want 1 and 2", len(m.gaps.kept), len(copied.gaps.kept))
	}
	if len(copied.lanes) != 4 || copied.blocks[dataplane.RT] != 2 {
		t.Errorf("the copy changed too: got %+v", copied)
	}
}

func FuzzParseMarks(f *testing.F) {
	f.Add(testMarks(2).snapshot()[sealedHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		m, _, err := parseMarks(seal(append(appendHeader(nil, marksKind, marksVersion), body...)))
		if err != nil {
			return
		}
		again, _, err := parseMarks(m.snapshot())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("got %+v, %v; want %+v", again, err, m)
		}
	})
}

func BenchmarkMarks(b *testing.B) {
	m := testMarks(10_000)
	b.Run("clone", func(b *testing.B) { // under the ingest's lock
		for b.Loop() {
			m.clone()
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			m.snapshot()
		}
	})
}
