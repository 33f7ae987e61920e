package spool_test

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const all = 1 << 20 // records, and bytes, in one call of Next

// newMemory returns a spool in memory only.
func newMemory(t testing.TB, maxBytes int64, now time.Time) *spool.Spool {
	t.Helper()
	m, err := spool.Open(spool.Options{
		Publisher: "edge-1/mapper", Storage: spool.Storage{MaxBytes: maxBytes}, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// message returns a message of one size, whatever its device and value.
func message(c dataplane.Class, device, value int) dataplane.Message {
	return dataplane.Message{
		Namespace: "default", Topic: "sensor/temperature", Device: fmt.Sprintf("boiler-%05d", device),
		Class: c, Value: dataplane.IntValue(int64(value)), Time: start,
	}
}

// recordBytes is what a message takes of a spool's bytes.
func recordBytes() int64 {
	m := message(dataplane.RT, 0, 0)
	return int64(reflect.TypeOf(m).Size()) + int64(m.Size())
}

// add appends n messages, of two devices in turn.
func add(t testing.TB, m *spool.Spool, c dataplane.Class, n int) {
	t.Helper()
	for i := range n {
		if err := m.Append([]dataplane.Message{message(c, i%2, i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func epochOf(m *spool.Spool, c dataplane.Class) uint64 { return newest(m.Lane(c)).Epoch }

// newest returns what is held of the epoch that records are accepted under.
func newest(q uplink.Queue) dataplane.EpochRange {
	held := q.Held()
	return held[len(held)-1]
}

func at(m *spool.Spool, c dataplane.Class, seq uint64) dataplane.Mark {
	return dataplane.Mark{Epoch: epochOf(m, c), Seq: seq}
}

func TestMemoryNamesWhatItAccepts(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 1<<20, start)
	messages := []dataplane.Message{
		message(dataplane.RT, 1, 0), message(dataplane.BT, 1, 1), message(dataplane.RT, 2, 2), message(dataplane.RT, 1, 3),
	}
	if err := m.Append(messages); err != nil {
		t.Fatal(err)
	}
	epoch, base := uint64(start.UnixMilli()), uint64(start.UnixMicro())
	for i, want := range []struct {
		class    dataplane.Class
		seq, own uint64
	}{{dataplane.RT, 1, base + 1}, {dataplane.BT, 1, base + 2}, {dataplane.RT, 2, base + 1}, {dataplane.RT, 3, base + 3}} {
		got := messages[i]
		id := dataplane.ID{Publisher: "edge-1/mapper", Class: want.class, Epoch: epoch, Seq: want.seq}
		if got.ID != id || got.Seq != want.own || got.Node != "edge-1" {
			t.Errorf("message %d is %v, %d of %s: want %v, %d of edge-1", i, got.ID, got.Seq, got.Node, id, want.own)
		}
	}
	batch, gap := m.Lane(dataplane.RT).Next(dataplane.Mark{}, all, all)
	if want := []dataplane.Message{messages[0], messages[2], messages[3]}; gap != nil || batch.First != 1 || batch.Epoch != epoch || !reflect.DeepEqual(batch.Messages, want) {
		t.Errorf("RT holds %+v, %+v: want %+v", batch, gap, want)
	}
}

func TestMemoryAcceptsAllOrNone(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 1<<20, start)
	bad := message(dataplane.RT, 1, 1)
	bad.Topic = "sensor/+"
	if err := m.Append([]dataplane.Message{message(dataplane.RT, 1, 0), bad}); err == nil {
		t.Error("a topic with a wildcard is accepted")
	}
	event := message(dataplane.RT, 1, 1)
	event.Topic = dataplane.EventTopic + "/device"
	if err := m.Append([]dataplane.Message{event}); err != nil {
		t.Errorf("an event is refused: %v", err)
	}
	if got := m.Stats(dataplane.RT); got.Accepted.Records != 1 || got.Held != got.Accepted || got.Dropped != (spool.Amount{}) {
		t.Errorf("stats are %+v: want one record, held", got)
	}
}

func TestMemoryRefusesOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []spool.Options{
		{Publisher: "edge-1", Storage: spool.Storage{MaxBytes: 1}},
		{Publisher: "edge-1/mapper"},
		{Publisher: "edge-1/mapper", Storage: spool.Storage{MaxBytes: 1, MaxAge: -1}},
		{Publisher: "edge-1/mapper", Storage: spool.Storage{MaxBytes: 1, Sync: 3}},
	} {
		if _, err := spool.Open(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestMemoryNumbersRiseFromStartToStart(t *testing.T) {
	t.Parallel()
	var last dataplane.Message
	for i := range 3 {
		m := newMemory(t, 1<<20, start.Add(time.Duration(i)*time.Millisecond))
		messages := []dataplane.Message{message(dataplane.RT, 1, 0)}
		if err := m.Append(messages); err != nil {
			t.Fatal(err)
		}
		if got := messages[0]; got.ID.Epoch <= last.ID.Epoch || got.Seq <= last.Seq {
			t.Errorf("start %d: %v, %d follows %v, %d", i, got.ID, got.Seq, last.ID, last.Seq)
		}
		last = messages[0]
	}
	for _, now := range []time.Time{time.Unix(0, 0), time.Unix(-1e6, 0)} { // a device without a clock
		if got := epochOf(newMemory(t, 1, now), dataplane.RT); got != 1 {
			t.Errorf("at %v the epoch is %d: want 1", now, got)
		}
	}
}

func TestMemoryDropsOldestBTFirst(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 10*recordBytes(), start)
	check := func(c dataplane.Class, accepted, dropped uint64) {
		t.Helper()
		amount := func(n uint64) spool.Amount { return spool.Amount{Records: n, Bytes: n * uint64(recordBytes())} }
		want := spool.Stats{Accepted: amount(accepted), Dropped: amount(dropped), Held: amount(accepted - dropped)}
		want.Last = dataplane.Mark{Epoch: epochOf(m, c), Seq: accepted}
		if got := m.Stats(c); got != want {
			t.Errorf("%v: %+v: want %+v", c, got, want)
		}
	}
	add(t, m, dataplane.RT, 6)
	add(t, m, dataplane.BT, 4)
	check(dataplane.RT, 6, 0)
	check(dataplane.BT, 4, 0) // full to the byte
	add(t, m, dataplane.RT, 1)
	check(dataplane.BT, 4, 1)
	add(t, m, dataplane.BT, 1)
	check(dataplane.BT, 5, 2)
	add(t, m, dataplane.RT, 3)
	check(dataplane.RT, 10, 0)
	check(dataplane.BT, 5, 5)
	add(t, m, dataplane.RT, 2)
	check(dataplane.RT, 12, 2)
	add(t, m, dataplane.BT, 1)
	check(dataplane.BT, 6, 6) // RT fills the spool: BT goes at once
	check(dataplane.RT, 12, 2)
}

func TestMemoryTellsGapsExactly(t *testing.T) {
	t.Parallel()
	series := func(ranges ...[4]uint64) []dataplane.SeriesRange {
		var want []dataplane.SeriesRange
		for _, r := range ranges { // device, first, last, count
			base := uint64(start.UnixMicro())
			want = append(want, dataplane.SeriesRange{
				Namespace: "default", Topic: "sensor/temperature", Device: fmt.Sprintf("boiler-%05d", r[0]),
				First: base + r[1], Last: base + r[2], Count: r[3],
			})
		}
		return want
	}
	tests := []struct {
		name     string
		sent     []int // counts of records in frames that were sent before any were dropped
		after    uint64
		from, to uint64
		series   [][4]uint64
	}{
		{"nothing was sent", nil, 0, 1, 10, [][4]uint64{{0, 1, 5, 5}, {1, 1, 5, 5}}},
		{"sent and lost", []int{3, 4}, 0, 1, 10, [][4]uint64{{0, 1, 5, 5}, {1, 1, 5, 5}}},
		{"the first frame arrived", []int{3, 4}, 3, 4, 10, [][4]uint64{{0, 3, 5, 3}, {1, 2, 5, 4}}},
		{"both arrived", []int{3, 4}, 7, 8, 10, [][4]uint64{{0, 5, 5, 1}, {1, 4, 5, 2}}},
		{"all but one arrived", []int{9, 1}, 9, 10, 10, [][4]uint64{{1, 5, 5, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory(t, 20*recordBytes(), start)
			add(t, m, dataplane.RT, 20)
			lane, sent := m.Lane(dataplane.RT), uint64(0)
			for _, n := range tt.sent {
				lane.Next(at(m, dataplane.RT, sent), n, all)
				sent += uint64(n)
			}
			add(t, m, dataplane.RT, 10) // drops as many
			_, got := lane.Next(at(m, dataplane.RT, tt.after), all, all)
			want := &dataplane.Gap{
				Epoch: epochOf(m, dataplane.RT), From: tt.from, To: tt.to,
				Reason: "the edge's spool was full", Series: series(tt.series...),
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("gap is %+v: want %+v", got, want)
			}
			// The gap arrives, more is dropped, and only that is told.
			add(t, m, dataplane.RT, 2)
			_, got = lane.Next(at(m, dataplane.RT, tt.to), all, all)
			if want := series([4]uint64{0, 6, 6, 1}, [4]uint64{1, 6, 6, 1}); got.From != 11 || got.To != 12 || !reflect.DeepEqual(got.Series, want) {
				t.Errorf("the next gap is %+v: want 11-12 of %+v", got, want)
			}
			lane.Release(at(m, dataplane.RT, 12))
			if batch, gap := lane.Next(at(m, dataplane.RT, 12), 1, all); gap != nil || batch.First != 13 {
				t.Errorf("behind the gaps are %+v, %+v: want record 13", batch, gap)
			}
		})
	}
}

func TestMemoryTellsWhatTheCloudLost(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 10*recordBytes(), start)
	add(t, m, dataplane.RT, 5)
	lane := m.Lane(dataplane.RT)
	lane.Release(at(m, dataplane.RT, 5))
	add(t, m, dataplane.RT, 12) // 6 and 7 are dropped
	_, gap := lane.Next(dataplane.Mark{}, all, all)
	if gap == nil || gap.From != 1 || gap.To != 5 || gap.Series != nil || gap.Reason != "the cloud lost what it had acknowledged" {
		t.Errorf("gap is %+v: want 1-5, lost by the cloud", gap)
	}
	if _, gap := lane.Next(at(m, dataplane.RT, 5), all, all); gap == nil || gap.From != 6 || gap.To != 7 || len(gap.Series) != 2 {
		t.Errorf("gap is %+v: want 6-7 of two series", gap)
	}
}

func TestMemoryKeepsGapsWithinAFrame(t *testing.T) {
	t.Parallel()
	m := newMemory(t, recordBytes(), start)
	const devices, rounds = 12_000, 10
	for i := range devices * rounds {
		if err := m.Append([]dataplane.Message{message(dataplane.BT, i%devices, i)}); err != nil {
			t.Fatal(err)
		}
	}
	lane, after := m.Lane(dataplane.BT), uint64(0)
	for range 10 {
		batch, gap := lane.Next(at(m, dataplane.BT, after), all, all)
		if batch != nil {
			if batch.First != devices*rounds {
				t.Errorf("gaps end before %d: want %d", batch.First, devices*rounds)
			}
			return
		}
		var lost uint64
		for _, s := range gap.Series {
			lost += s.Count
		}
		if want := gap.To - gap.From + 1; gap.From != after+1 || lost != want && lost != 0 {
			t.Errorf("gap %d-%d tells of %d records: want %d, or none", gap.From, gap.To, lost, want)
		}
		if n := len(dataplane.AppendFrame(nil, gap)); n > dataplane.MaxFrame {
			t.Errorf("gap of %d series takes %d bytes", len(gap.Series), n)
		}
		after = gap.To
	}
	t.Error("gaps do not end")
}

func TestMemoryRebases(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 10*recordBytes(), start)
	lane, epoch := m.Lane(dataplane.RT), epochOf(m, dataplane.RT)
	add(t, m, dataplane.RT, 12)
	lane.Release(at(m, dataplane.RT, 1))
	lane.Rebase(epoch - 1) // is above it already
	if got, want := newest(lane), (dataplane.EpochRange{Epoch: epoch, First: 3, Last: 12}); got != want {
		t.Errorf("held is %+v: want %+v", got, want)
	}
	lane.Rebase(epoch + 5)
	if got, want := newest(lane), (dataplane.EpochRange{Epoch: epoch + 6, First: 2, Last: 11}); got != want {
		t.Errorf("held is %+v: want %+v", got, want)
	}
	if _, gap := lane.Next(at(m, dataplane.RT, 0), all, all); gap == nil || gap.From != 1 || gap.To != 1 || len(gap.Series) != 1 || gap.Series[0].Count != 1 {
		t.Errorf("gap is %+v: want 1-1 of one record", gap)
	}
	add(t, m, dataplane.RT, 1) // drops 2
	if batch, gap := lane.Next(at(m, dataplane.RT, 2), all, all); gap != nil || batch.First != 3 || batch.Last() != 12 || batch.Epoch != epoch+6 {
		t.Errorf("behind it are %+v, %+v: want 3-12", batch, gap)
	}
	if got := newest(m.Lane(dataplane.BT)); got != (dataplane.EpochRange{Epoch: epoch, First: 1}) {
		t.Errorf("BT is %+v: want it untouched", got)
	}
}

func TestMemoryReleases(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 1<<20, start)
	add(t, m, dataplane.RT, 10)
	lane := m.Lane(dataplane.RT)
	for _, tt := range []struct {
		durable dataplane.Mark
		held    uint64
	}{
		{dataplane.Mark{}, 10}, {at(m, dataplane.RT, 4), 6}, {at(m, dataplane.RT, 2), 6},
		{dataplane.Mark{Epoch: 1, Seq: 9}, 6}, {at(m, dataplane.RT, 99), 0},
	} {
		lane.Release(tt.durable)
		if got := m.Stats(dataplane.RT).Held.Records; got != tt.held {
			t.Errorf("with %v durable, %d are held: want %d", tt.durable, got, tt.held)
		}
	}
	if got, want := newest(lane), (dataplane.EpochRange{Epoch: epochOf(m, dataplane.RT), First: 11, Last: 10}); got != want {
		t.Errorf("held is %+v: want %+v", got, want)
	}
}

func TestMemoryBoundsBatches(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 1<<20, start)
	add(t, m, dataplane.RT, 10)
	one := message(dataplane.RT, 0, 0)
	size := one.Size()
	for _, tt := range []struct{ count, bytes, want int }{
		{all, all, 10}, {3, all, 3}, {all, 4 * size, 4}, {all, 4*size - 1, 3}, {all, 0, 1}, {0, all, 0},
	} {
		got := 0
		if batch, _ := m.Lane(dataplane.RT).Next(dataplane.Mark{}, tt.count, tt.bytes); batch != nil {
			got = len(batch.Messages)
		}
		if got != tt.want {
			t.Errorf("%d records and %d bytes at most: got %d: want %d", tt.count, tt.bytes, got, tt.want)
		}
	}
	for _, tt := range []struct {
		after        uint64
		count, bytes int
		some, enough bool
	}{
		{0, 10, all, true, true}, {0, 11, all, true, false}, {0, 11, 10 * size, true, true}, {0, 11, 10*size + 1, true, false},
		{9, 1, all, true, true}, {9, 2, all, true, false}, {10, 1, 1, false, false}, {10, 0, 0, false, false}, {99, 1, 1, false, false},
	} {
		if some, enough := m.Lane(dataplane.RT).Waiting(at(m, dataplane.RT, tt.after), tt.count, tt.bytes); some != tt.some || enough != tt.enough {
			t.Errorf("%+v: got %v, %v", tt, some, enough)
		}
	}
}

// TestMemoryGivesRoomBack: a lane that still holds a little does not keep what
// its backlog took.
func TestMemoryGivesRoomBack(t *testing.T) {
	m := newMemory(t, 1<<30, start)
	const n = 200_000
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	add(t, m, dataplane.RT, n)
	if full := heap(); full < before+n*200 {
		t.Fatalf("the backlog takes %d bytes: want more, or this shows nothing", full-before)
	}
	m.Lane(dataplane.RT).Release(at(m, dataplane.RT, n-10))
	if after := heap(); after > before+4<<20 {
		t.Errorf("with 10 records held, %d bytes are", after-before)
	}
	runtime.KeepAlive(m)
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 200*recordBytes(), start)
	const publishers, each = 4, 500
	var publishing sync.WaitGroup
	for range publishers {
		publishing.Go(func() { add(t, m, dataplane.RT, each) })
	}
	done := make(chan struct{})
	go func() { publishing.Wait(); close(done) }()
	lane := m.Lane(dataplane.RT)
	for last := uint64(0); last < publishers*each; {
		batch, gap := lane.Next(at(m, dataplane.RT, last), 7, all)
		switch {
		case gap != nil:
			last = gap.To
		case batch != nil:
			for i := range batch.Messages {
				if want := batch.First + uint64(i); batch.Messages[i].ID.Seq != want {
					t.Fatalf("record %d stands at %d", batch.Messages[i].ID.Seq, want)
				}
			}
			last = batch.Last()
		}
		lane.Release(at(m, dataplane.RT, last))
		m.Stats(dataplane.RT)
	}
	<-done
}

func BenchmarkAppend10(b *testing.B) {
	m := newMemory(b, 64<<20, start)
	messages := make([]dataplane.Message, 10)
	for i := range messages {
		messages[i] = message(dataplane.RT, i, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Append(messages); err != nil {
			b.Fatal(err)
		}
		m.Lane(dataplane.RT).Release(at(m, dataplane.RT, 1<<50))
	}
}

func BenchmarkNextAndPack(b *testing.B) {
	packer, err := dataplane.NewPacker()
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		class dataplane.Class
		n     int
	}{{dataplane.RT, 10}, {dataplane.BT, 1000}} {
		b.Run(fmt.Sprintf("%v-%d", bench.class, bench.n), func(b *testing.B) {
			m := newMemory(b, 64<<20, start)
			add(b, m, bench.class, bench.n)
			b.ReportAllocs()
			for b.Loop() {
				batch, _ := m.Lane(bench.class).Next(dataplane.Mark{}, bench.n, all)
				if _, err := packer.Pack(batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWaiting asks with a backlog of 100,000 records.
func BenchmarkWaiting(b *testing.B) {
	m := newMemory(b, 1<<30, start)
	add(b, m, dataplane.BT, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		m.Lane(dataplane.BT).Waiting(dataplane.Mark{}, 1000, 256<<10)
	}
}
