package cloudsvc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/uplink"
)

// goldenBlock is what testdata/block-v4.hex holds. It changes only with the
// version.
func goldenBlock() *Block {
	key := topicKey{0: 7, 15: 8}
	return &Block{
		Class: dataplane.BT,
		Ranges: []Range{
			{Publisher: "edge-1/modbus", Spool: dataplane.SpoolID{0: 1, 15: 16}, Epoch: 1700000000000, First: 1, Last: 300, Size: 11},
			{Publisher: "edge-2/virtual", Epoch: 7, First: 42, Last: 42, Size: 0},
		},
		Topics:  []uint64{key.hash("default", "sensor/temperature"), key.hash("default", "sensor/humidity")},
		Key:     key,
		Shelf:   1,
		Shelves: []uint32{0, 300},
		Before:  trail{since: 2, marks: []trailMark{{0, 0, 500}, {1, anyTopic, 3}}},
		Keys:    []BlockKey{{1, RequestKey{[16]byte{3}, [16]byte{15: 4}}}},
		Frames:  [][]byte{[]byte("first frame"), {}},
	}
}

func TestBlockGolden(t *testing.T) {
	t.Parallel()
	golden := readGolden(t, "testdata/block-v4.hex")
	want := goldenBlock()
	slices.Sort(want.Topics)
	if got := want.Append(nil); !bytes.Equal(got, golden) {
		t.Errorf("written: got\n%x, want\n%x", got, golden)
	}
	got, err := ParseBlock(golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read: got %+v, %v; want %+v", got, err, want)
	}
}

func readGolden(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return golden
}

// TestBlockOldVersions reads blocks whose hashes have no key, that have no shelf,
// and that have no requests' keys.
func TestBlockOldVersions(t *testing.T) {
	t.Parallel()
	want := goldenBlock()
	slices.Sort(want.Topics)
	want.Keys = nil
	got, err := ParseBlock(readGolden(t, "testdata/block-v3.hex"))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("version 3: got %+v, %v; want %+v", got, err, want)
	}
	want.Shelf, want.Shelves, want.Before = 0, nil, trail{}
	got, err = ParseBlock(readGolden(t, "testdata/block-v2.hex"))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("version 2: got %+v, %v; want %+v", got, err, want)
	}
	want.Topics, want.Key = nil, topicKey{}
	got, err = ParseBlock(readGolden(t, "testdata/block-v1.hex"))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("version 1: got %+v, %v; want %+v", got, err, want)
	}
}

func TestBlockRoundTrip(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		want := randomBlock(rng)
		prefix := []byte("what stands before")
		raw := want.Append(slices.Clone(prefix))
		got, err := ParseBlock(raw[len(prefix):])
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func randomBlock(rng *rand.Rand) *Block {
	b := &Block{Class: dataplane.Classes[rng.IntN(2)], Frames: [][]byte{}}
	for range rng.IntN(20) {
		r := Range{
			Publisher: fmt.Sprintf("node-%d/%s", rng.IntN(9), strings.Repeat("m", rng.IntN(200))),
			Epoch:     rng.Uint64() >> rng.IntN(64), First: 1 + rng.Uint64()>>(1+rng.IntN(62)), Size: uint64(rng.IntN(300)),
		}
		r.Last = r.First + uint64(rng.IntN(1000))
		binary.BigEndian.PutUint64(r.Spool[3:], rng.Uint64())
		b.Ranges = append(b.Ranges, r)
		b.Frames = append(b.Frames, make([]byte, r.Size))
	}
	for range rng.IntN(20) {
		b.Topics = insertTopic(b.Topics, rng.Uint64())
	}
	for n := range b.Ranges {
		if rng.IntN(3) == 0 {
			b.Keys = append(b.Keys, BlockKey{uint64(n), RequestKey{[16]byte{byte(n)}, [16]byte{1}}})
		}
	}
	b.Shelf = rng.Uint32()
	for n := range uint64(rng.IntN(20)) {
		b.Shelves = append(b.Shelves, rng.Uint32N(10))
		b.Before = b.Before.with(n, rng.Uint32N(5), b.Shelves[n:])
	}
	return b
}

// The end of an epoch is a range that holds no record.
func TestBlockHoldsEnds(t *testing.T) {
	t.Parallel()
	b := &Block{Class: dataplane.RT}
	for _, last := range []uint64{0, 1, 42} {
		f := dataplane.AppendFrame(nil, &dataplane.EpochEnd{Epoch: 7, Last: last, Unknown: last > 0, Reason: "power was lost"})
		b.Frames = append(b.Frames, f)
		b.Ranges = append(b.Ranges, Range{Publisher: "edge-1/m", Epoch: 7, First: last + 1, Last: last, Size: uint64(len(f))})
	}
	got, err := ParseBlock(b.Append(nil))
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Fatalf("got %+v, %v, want %+v", got, err, b)
	}
	gaps, err := got.gaps(time.Unix(1, 0))
	if err != nil || len(gaps) != 2 || gaps[0].ID.String() != "edge-1/m/RT/7/2-.1" || gaps[1].From != 43 || !gaps[1].IsUnknown() || gaps[1].Reason != "power was lost" {
		t.Errorf("got the gaps %+v, %v, want two that are open", gaps, err)
	}
}

// Storage that flips a bit, or loses the end, is found out.
func TestBlockDamaged(t *testing.T) {
	t.Parallel()
	good := goldenBlock()
	slices.Sort(good.Topics)
	raw := good.Append(nil)
	for n := range raw {
		mustBeCorrupt(t, fmt.Sprintf("cut to %d bytes", n), raw[:n])
		for bit := range 8 {
			flipped := slices.Clone(raw)
			flipped[n] ^= 1 << bit
			mustBeCorrupt(t, fmt.Sprintf("bit %d of byte %d flipped", bit, n), flipped)
		}
	}
	mustBeCorrupt(t, "a byte too many", append(slices.Clone(raw), 0))
}

func mustBeCorrupt(t *testing.T, what string, raw []byte) {
	t.Helper()
	if b, err := ParseBlock(raw); !errors.Is(err, ErrCorrupt) || b != nil {
		t.Errorf("%s: got %+v, %v; want ErrCorrupt", what, b, err)
	}
}

// A block with a right CRC that makes no sense is refused, and takes no more
// memory than its size accounts for.
func TestBlockHostile(t *testing.T) {
	t.Parallel()
	spool := string(make([]byte, 16))
	none := spool + "\x00" // a key and no topics
	huge := string(binary.AppendUvarint(nil, 1<<62))
	end := string(dataplane.AppendFrame(nil, &dataplane.EpochEnd{Epoch: 1, Last: 1}))
	oneRange := "\x01\x03a/b" + spool + "\x01\x01\x01"
	for _, test := range []struct{ name, header, frames string }{
		{"no header", "", ""},
		{"huge number of ranges", huge, ""},
		{"huge number of topics", "\x00" + spool + huge, ""},
		{"huge publisher", "\x01" + huge, ""},
		{"huge frame", oneRange + huge + none, "frame"},
		{"frame cut short", oneRange + "\x05" + none, "fram"},
		{"more than the frames", oneRange + "\x05" + none, "frame!"},
		{"more than the header", "\x00" + none + "\x00", ""},
		{"number that does not end", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""},
		{"records from 0", "\x01\x03a/b" + spool + "\x01\x00\x01\x00" + none, ""},
		{"no records, and no end", "\x01\x03a/b" + spool + "\x01\x02\x01\x00" + none, ""},
		{"records backwards", "\x01\x03a/b" + spool + "\x01\x03\x01" + string(rune(len(end))) + none, end},
		{"records and an end", oneRange + string(rune(len(end))) + none, end},
		{"a topic twice", "\x00" + spool + "\x02" + strings.Repeat("12345678", 2), ""},
		{"topics that fall", "\x00" + spool + "\x02" + "2\x00\x00\x00\x00\x00\x00\x00" + "1\x00\x00\x00\x00\x00\x00\x00", ""},
	} {
		t.Run(test.name, func(t *testing.T) { mustBeCorrupt(t, "parse", sealed(byte(dataplane.RT), test.header, test.frames)) })
	}
	mustBeCorrupt(t, "no class", sealed(0, "\x00"+none, ""))
	mustBeCorrupt(t, "unknown class", sealed(3, "\x00"+none, ""))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	raw := sealed(byte(dataplane.RT), huge+strings.Repeat("\x00"+spool+"\x00\x01\x01\x00", 1000), "")
	mustBeCorrupt(t, "a thousand of huge many", raw)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 { // of the whole process
		t.Errorf("%d bytes took %d bytes of memory", len(raw), took)
	}
}

// sealed makes what would pass for a block if it made sense.
func sealed(class byte, header, frames string) []byte {
	raw := []byte{'D', 'B', blockVersion, class, 0, 0, 0, 0}
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(header)))
	raw = append(append(raw, header...), frames...)
	binary.BigEndian.PutUint32(raw[4:], crc32.Checksum(raw[8:], crcTable))
	return raw
}

func FuzzParseBlock(f *testing.F) {
	f.Add(goldenBlock().Append(nil)[blockHeader:], uint8(dataplane.BT), uint16(60))
	f.Add([]byte{}, uint8(dataplane.RT), uint16(0))
	f.Fuzz(func(t *testing.T, rest []byte, class uint8, header uint16) {
		at := min(int(header), len(rest))
		raw := sealed(class, string(rest[:at]), string(rest[at:]))
		b, err := ParseBlock(raw)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			return
		}
		if len(b.Ranges) != len(b.Frames) {
			t.Errorf("%d ranges and %d frames", len(b.Ranges), len(b.Frames))
		}
		again, err := ParseBlock(b.Append(nil))
		if err != nil || !reflect.DeepEqual(again, b) {
			t.Errorf("again: got %+v, %v; want %+v", again, err, b)
		}
	})
}

func testEntry(size int, topics ...string) entry {
	a := &uplink.Accepted{
		Publisher: "edge/m", Lane: dataplane.RT, Epoch: 1, First: 1, Last: uint64(len(topics)), Frame: make([]byte, size),
	}
	for _, topic := range topics {
		a.Messages = append(a.Messages, testMessage(topic))
	}
	return entry{Accepted: a}
}

// heavy is an entry of which compression has made very little.
func heavy(weight uint64) entry {
	e := testEntry(1, "a")
	e.Weight = weight
	return e
}

func TestBlockTopics(t *testing.T) {
	t.Parallel()
	many := make([]string, maxTopics)
	for n := range many {
		many[n] = fmt.Sprint(n)
	}
	gap := testEntry(1)
	gap.Gap = &dataplane.Gap{Series: []dataplane.SeriesRange{{Namespace: "default", Topic: "lost"}}}
	unknown := testEntry(1)
	unknown.Gap = &dataplane.Gap{}
	for _, test := range []struct {
		name    string
		entries []entry
		want    []string // nil: not listed
	}{
		{"one", []entry{testEntry(1, "a", "a", "a")}, []string{"a"}},
		{"interleaved", []entry{testEntry(1, "a", "b", "a", "c", "b", "a")}, []string{"a", "b", "c"}},
		{"of two entries", []entry{testEntry(1, "b", "a"), testEntry(1, "c", "b")}, []string{"a", "b", "c"}},
		{"as many as may be", []entry{testEntry(1, many...)}, many},
		{"one more", []entry{testEntry(1, append([]string{"one more"}, many...)...)}, nil},
		{"one more, of two entries", []entry{testEntry(1, many...), testEntry(1, "one more"), testEntry(1, "a")}, nil},
		{"gap", []entry{testEntry(1, "a"), gap}, []string{"a", "lost"}},
		{"gap of unknown series", []entry{unknown, testEntry(1, "a")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var want []uint64
			for _, topic := range test.want {
				want = insertTopic(want, (&topicKey{1}).hash("default", topic))
			}
			b := filled(test.entries)
			if len(b.Frames) != len(test.entries) || !slices.Equal(b.Topics, want) {
				t.Errorf("got %d frames and topics %x, want %d and %x", len(b.Frames), b.Topics, len(test.entries), want)
			}
		})
	}
	one, other := topicKey{1}, topicKey{2}
	if one.hash("a", "bc") == one.hash("ab", "c") {
		t.Error("namespace and topic run into each other")
	}
	if one.hash("a", "b") == other.hash("a", "b") {
		t.Error("two keys have one hash")
	}
}

// What is remembered is what would be computed, and no more than there is room for.
func TestTopicHashes(t *testing.T) {
	t.Parallel()
	key := topicKey{1}
	hashes := newTopicHashes(key)
	for n := range maxHashed + 2 {
		topic := fmt.Sprint(n)
		for _, namespace := range []string{"a", "b", "a"} {
			if got, want := hashes.of(namespace, topic), key.hash(namespace, topic); got != want {
				t.Fatalf("%s in %s: got %x, want %x", topic, namespace, got, want)
			}
		}
	}
	if n := len(hashes.known); n == 0 || n > maxHashed {
		t.Errorf("%d are remembered, want %d at most", n, maxHashed)
	}
}

// A block has 256 KiB at most, header included, and 16 MiB in memory; a frame
// that is larger is a block by itself, with no more room around it than a log
// leaves.
func TestBlockSize(t *testing.T) {
	t.Parallel()
	tiny := slices.Repeat([]entry{testEntry(30, "a", "b", "c")}, 10_000)
	for n := range tiny {
		tiny[n] = testEntry(30, fmt.Sprint("a topic of its own ", n), "b")
	}
	for _, test := range []struct {
		name     string
		entries  []entry
		min, max int // frames
	}{
		{"tiny frames", tiny, 1000, maxAhead},
		{"fits", []entry{testEntry(100<<10, "a"), testEntry(100<<10, "a")}, 2, 2},
		{"does not fit", []entry{testEntry(200<<10, "a"), testEntry(100<<10, "a")}, 1, 1},
		{"too large", []entry{testEntry(1<<20, "a"), testEntry(1, "a")}, 1, 1},
		{"heavy", []entry{heavy(15 << 20), heavy(1 << 20), heavy(1)}, 2, 2},
		{"too heavy", []entry{heavy(30 << 20), heavy(1)}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := filled(test.entries)
			raw := b.Append(nil)
			if n := len(b.Frames); n < test.min || n > test.max || len(b.entries) != n {
				t.Errorf("got %d frames of %d entries, want %d to %d", n, len(b.entries), test.min, test.max)
			}
			if len(raw) > b.size || len(b.Frames) > 1 && len(raw) > maxBlock {
				t.Errorf("%d bytes, thought to be %d at most", len(raw), b.size)
			}
		})
	}
	wide := make([]string, dataplane.MaxBatch)
	for n := range wide {
		wide[n] = fmt.Sprint(n)
	}
	b := filled([]entry{testEntry(dataplane.MaxFrame, wide...)})
	if around := len(b.Append(nil)) - dataplane.MaxFrame; around > 64<<10 {
		t.Errorf("%d bytes around the frame, want 64 KiB at most", around)
	}
}

// filled is a block of one shelf's entries, as many as it takes.
func filled(entries []entry) *blockBuilder {
	return filledWith(newTopicHashes(topicKey{1}), entries)
}

// filledWith is filled by who has met topics before.
func filledWith(hashes *topicHashes, entries []entry) *blockBuilder {
	s := newShelver(nil)
	places := make([]placement, min(len(entries), maxAhead))
	for i := range places {
		places[i] = s.place(entries[i].Accepted)
	}
	b := newBlockBuilder(dataplane.RT, hashes, trail{})
	b.fill(entries, places, s)
	return b
}

// benchmarkBlock is what a busy moment brings: 64 KiB in frames of 1 KiB.
func benchmarkBlock(b *testing.B) []entry {
	b.Helper()
	packer := newTestPacker(b)
	var entries []entry
	for n := range 64 {
		topics := make([]string, 20)
		for i := range topics {
			topics[i] = fmt.Sprintf("sensor/%d", i%5)
		}
		f := dataFrame(b, packer, 1, dataplane.RT, 1, topics...)
		e := testEntry(0, topics...)
		e.Publisher, e.Frame = fmt.Sprintf("edge-%d/modbus", n), dataplane.AppendFrame(nil, f)
		entries = append(entries, e)
	}
	return entries
}

func BenchmarkBlockBuild(b *testing.B) {
	entries := benchmarkBlock(b)
	hashes := newTopicHashes(topicKey{1})
	b.ReportAllocs()
	for b.Loop() {
		builder := filledWith(hashes, entries)
		b.SetBytes(int64(len(builder.Append(nil))))
	}
}

func BenchmarkParseBlock(b *testing.B) {
	builder := filled(benchmarkBlock(b))
	raw := builder.Append(nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseBlock(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIngest is the way of a frame from the uplink into the log and to a
// dispatcher without subscribers, with nothing on a disk.
func BenchmarkIngest(b *testing.B) {
	for _, records := range []int{1, 100} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			c := startCloud(quiet(b.Context()), b, newMemoryLog(), nil)
			session := c.hello(b, "edge/m", dataplane.RT).Session
			topics := slices.Repeat([]string{"sensor/temperature"}, records)
			b.ReportAllocs()
			next := uint64(1)
			for b.Loop() {
				b.StopTimer()
				frame := dataplane.AppendFrame(nil, dataFrame(b, c.packer, session, dataplane.RT, next, topics...))
				b.StartTimer()
				next += uint64(records)
				c.Receive("edge/m", frame)
			}
			began := time.Now()
			if err := c.end(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Microseconds()), "µs-to-finish")
		})
	}
}
