package dataplane

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

func newPacker(t testing.TB) *Packer {
	t.Helper()
	p, err := NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cycles returns n float readings of 10 devices, one device a series, read
// once a second.
func cycles(class Class, n int) *Batch {
	b := &Batch{Publisher: "edge-1/mapper", Class: class, Epoch: 7, First: 1000, Messages: make([]Message, n)}
	r := rand.New(rand.NewPCG(3, 4))
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for i := range b.Messages {
		device, cycle := i%10, i/10
		jitter := time.Duration(r.IntN(300)) * time.Microsecond
		m := &b.Messages[i]
		*m = reading()
		m.Device = fmt.Sprintf("boiler-%d", device)
		m.Value = FloatValue(float32(math.Round(200+10*math.Sin(float64(cycle)/20)+r.Float64()*5) / 10))
		m.Time = start.Add(time.Duration(cycle)*time.Second + time.Duration(device)*time.Millisecond + jitter)
		m.Seq, m.Quality = uint64(5000+cycle), ""
	}
	b.identify()
	return b
}

// everything returns one message of each kind of value with the extremes of
// every number, in a fixed order.
func everything(class Class) *Batch {
	values := []Value{
		IntValue(0), IntValue(math.MinInt64), IntValue(math.MaxInt64), UintValue(math.MaxInt64 + 1), UintValue(math.MaxUint64),
		FloatValue(21.3), FloatValue(float32(math.Inf(-1))), DoubleValue(0.1), DoubleValue(math.Float64frombits(0x7ff8_0000_dead_beef)),
		DoubleValue(math.Float64frombits(0x7ff0_0000_0000_0001)), BooleanValue(true), BooleanValue(false),
		StringValue(""), StringValue("é🌡\x00\xff"), BytesValue(nil), BytesValue([]byte{0, 0xff}),
	}
	times := []int64{math.MaxInt64, math.MinInt64, 0, 0, 1785585600123456789}
	seqs := []uint64{1, math.MaxUint64, 0, 1 << 63, 42}
	qualities := []Quality{"", Bad("above max 100"), "", Uncertain("clock")}
	b := &Batch{Publisher: "edge-1/mapper", Class: class, Epoch: 7, First: math.MaxUint64 - uint64(len(values)) + 1}
	for i, v := range values {
		m := reading()
		m.Topic = [...]string{"sensor/temperature", "$events/device"}[i%2]
		m.Value, m.Time, m.Seq = v, time.Unix(0, times[i%len(times)]).UTC(), seqs[i%len(seqs)]
		m.Quality = qualities[i%len(qualities)]
		b.Messages = append(b.Messages, m)
	}
	b.identify()
	return b
}

// The layouts are kept in the log, and so are as frozen as the frames.
func TestGoldenRecords(t *testing.T) {
	t.Parallel()
	messages := everything(BT).Messages
	checkGolden(t, filepath.Join("testdata", "records", "rows.hex"), appendRows(nil, messages))
	checkGolden(t, filepath.Join("testdata", "records", "columns.hex"), appendColumns(nil, messages))
}

// randomBatch returns up to 300 messages of up to 20 series in any order.
func randomBatch(r *rand.Rand) *Batch {
	b := &Batch{Publisher: "edge-1/mapper", Class: Classes[r.IntN(2)], Epoch: r.Uint64(), First: 1 + r.Uint64N(1<<40)}
	series := make([]Message, 1+r.IntN(20))
	for i := range series {
		series[i] = Message{
			Namespace: "default", Topic: fmt.Sprintf("a/%d", r.IntN(3)), Device: fmt.Sprintf("d%d", r.IntN(5)),
			Property: []string{"", "p"}[r.IntN(2)], Unit: []string{"", "°C"}[r.IntN(2)], Value: randomValue(r),
		}
	}
	now, seq := int64(r.Uint64()), r.Uint64()
	for range 1 + r.IntN(300) {
		m := series[r.IntN(len(series))]
		m.Value = randomValueLike(r, m.Value)
		now += []int64{0, 1, -1, 1e9, -3600e9, int64(r.Uint64())}[r.IntN(6)]
		seq += []uint64{1, 1, 2, math.MaxUint64, r.Uint64()}[r.IntN(5)]
		m.Time, m.Seq = time.Unix(0, now).UTC(), seq
		m.Quality = []Quality{"", "", Bad("x"), Uncertain("y"), BestEffort}[r.IntN(5)]
		b.Messages = append(b.Messages, m)
	}
	b.identify()
	return b
}

func randomValue(r *rand.Rand) Value {
	of := []Value{IntValue(0), FloatValue(0), DoubleValue(0), BooleanValue(false), StringValue(""), BytesValue(nil)}
	return of[r.IntN(len(of))]
}

func randomValueLike(r *rand.Rand, v Value) Value {
	switch v.Type() {
	case Int:
		return []Value{IntValue(int64(r.IntN(100))), IntValue(int64(r.Uint64())), UintValue(r.Uint64()), UintValue(math.MaxUint64), IntValue(math.MinInt64)}[r.IntN(5)]
	case Float:
		return []Value{FloatValue(21.3), FloatValue(math.Float32frombits(r.Uint32()))}[r.IntN(2)]
	case Double:
		return []Value{DoubleValue(21.3), DoubleValue(math.Float64frombits(r.Uint64()))}[r.IntN(2)]
	case Boolean:
		return BooleanValue(r.IntN(2) == 1)
	case String:
		return StringValue(strings.Repeat("x", r.IntN(20)))
	}
	return BytesValue(binary.BigEndian.AppendUint64(nil, r.Uint64()))
}

func checkRoundTrip(t *testing.T, p *Packer, want *Batch) {
	t.Helper()
	d, err := p.Pack(want)
	if err != nil {
		t.Fatal(err)
	}
	if d.Lane != want.Class || d.Epoch != want.Epoch || d.First != want.First || d.Last != want.Last() {
		t.Fatalf("frame says %v %d %d-%d", d.Lane, d.Epoch, d.First, d.Last)
	}
	got, err := p.Unpack(want.Publisher, d)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Messages {
		if got.Messages[i] != want.Messages[i] {
			t.Fatalf("message %d:\ngot  %+v\nwant %+v", i, got.Messages[i], want.Messages[i])
		}
	}
	if len(got.Messages) != len(want.Messages) || got.Publisher != want.Publisher || got.Class != want.Class || got.Epoch != want.Epoch || got.First != want.First {
		t.Fatalf("got %d messages of %s %v %d/%d", len(got.Messages), got.Publisher, got.Class, got.Epoch, got.First)
	}
}

func TestPackerRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPacker(t)
	for _, class := range Classes {
		checkRoundTrip(t, p, everything(class))
		for _, n := range []int{1, 2, 100, MaxBatch} {
			checkRoundTrip(t, p, cycles(class, n))
		}
	}
	for seed := range uint64(500) {
		checkRoundTrip(t, p, randomBatch(rand.New(rand.NewPCG(seed, seed))))
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	p := newPacker(t)
	large := cycles(RT, 9)
	for i := range large.Messages {
		large.Messages[i].Value = StringValue(strings.Repeat("x", 1<<20-1000))
	}
	for want, b := range map[string]*Batch{
		"pack 0 messages: want 1 to 65536":                     {Class: RT},
		"pack 65537 messages: want 1 to 65536":                 cycles(BT, MaxBatch+1),
		"pack 9 messages: 9428753 bytes are more than 8388352": large,
	} {
		if _, err := p.Pack(b); errText(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What cannot be compressed must still fit into a frame.
func TestLargestBodyFitsIntoFrame(t *testing.T) {
	t.Parallel()
	d := &Data{
		Session: math.MaxUint64, Lane: BT, Epoch: math.MaxUint64, First: math.MaxUint64, Last: math.MaxUint64,
		Layout: Columns, Codec: Plain, RawSize: math.MaxUint64, Body: make([]byte, maxRaw),
	}
	if _, err := DecodeFrame(AppendFrame(nil, d)); err != nil {
		t.Error(err)
	}
}

// zstdOf compresses without an eye on what it is.
func zstdOf(t testing.TB, raw []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(raw, nil)
}

// Not parallel: it measures memory, which other tests take too.
func TestUnpackRefuses(t *testing.T) {
	bomb := make([]byte, 64<<20)
	head := []byte("\x01\x01n\x01t\x01d\x00\x00\x04") // one series of booleans
	columns := []byte("\x02\x01\x01n\x01t\x01d\x00\x00\x04\x02\x00")
	for name, d := range map[string]*Data{
		"no body":                 {Layout: Rows, Codec: Plain},
		"unknown layout":          {Layout: 3, Codec: Plain},
		"unknown codec":           {Layout: Rows, Codec: 4},
		"huge raw size, plain":    {Layout: Rows, Codec: Plain, RawSize: math.MaxUint64},
		"huge raw size, zstd":     {Layout: Rows, Codec: Zstd, RawSize: math.MaxUint64, Body: zstdOf(t, bomb[:1000])},
		"zstd bomb":               {Layout: Rows, Codec: Zstd, RawSize: maxRaw, Body: zstdOf(t, bomb)},
		"zstd bomb, small claim":  {Layout: Rows, Codec: Zstd, RawSize: 10, Body: zstdOf(t, bomb)},
		"zstd of zeros":           {Layout: Columns, Codec: Zstd, RawSize: maxRaw, Body: zstdOf(t, bomb[:maxRaw])},
		"zstd garbage":            {Layout: Rows, Codec: Zstd, RawSize: 10, Body: []byte("garbage")},
		"s2 bomb":                 {Layout: Rows, Codec: S2, RawSize: maxRaw, Body: s2.Encode(nil, bomb)},
		"s2 bomb, claim as large": {Layout: Rows, Codec: S2, RawSize: 64 << 20, Body: s2.Encode(nil, bomb)},
		"s2 header alone":         {Layout: Rows, Codec: S2, RawSize: maxRaw, Body: binary.AppendUvarint(nil, maxRaw)},
		"rows, series beyond":     {Layout: Rows, Codec: Plain, Body: []byte{0x81, 0x80, 0x04}},
		"rows, records beyond":    {Layout: Rows, Codec: Plain, Body: append(head[:len(head):len(head)], 0x81, 0x80, 0x04)},
		"rows, records unbacked":  {Layout: Rows, Codec: Plain, Body: append(head[:len(head):len(head)], 0x80, 0x80, 0x04, 0, 0, 0)},
		"rows, no such series":    {Layout: Rows, Codec: Plain, Body: append(head[:len(head):len(head)], 1, 2, 0, 0, 1)},
		"rows, more behind":       {Layout: Rows, Codec: Plain, Body: append(head[:len(head):len(head)], 1, 0, 0, 0, 1, 0)},
		"columns, place twice":    {Layout: Columns, Codec: Plain, Body: append(columns[:len(columns):len(columns)], 0, 0, 0, 0, 0, 1, 1, 0)},
		"columns, place beyond":   {Layout: Columns, Codec: Plain, Body: append(columns[:len(columns):len(columns)], 2, 0, 0, 0, 0, 1, 1, 0)},
		"columns, place missing":  {Layout: Columns, Codec: Plain, Body: []byte("\x02\x01\x01n\x01t\x01d\x00\x00\x04\x01\x00\x00\x00\x01\x00")},
		"columns, quality beyond": {Layout: Columns, Codec: Plain, Body: append(columns[:len(columns):len(columns)], 1, 0, 0, 0, 0, 1, 1, 1, 2, 0)},
		"columns, no quality":     {Layout: Columns, Codec: Plain, Body: append(columns[:len(columns):len(columns)], 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 'x')},
		"name of a filter":        {Layout: Rows, Codec: Plain, Body: []byte("\x01\x01n\x01#\x01d\x00\x00\x04\x01\x00\x00\x00\x01")},
		"kind of value":           {Layout: Rows, Codec: Plain, Body: []byte("\x01\x01n\x01t\x01d\x00\x00\x08\x01\x00\x00\x00\x01")},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPacker(t)
			d.Lane, d.Epoch, d.First, d.Last = RT, 1, 1, 1
			if d.RawSize == 0 {
				d.RawSize = uint64(len(d.Body))
			}
			const bound = 16 << 20 // a raw body, and as much again
			var err error
			took := allocated(func() { _, err = p.Unpack("a/b", d) })
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			t.Logf("%d bytes: %v", took, err)
			if took > bound {
				t.Errorf("took %d bytes of memory, want at most %d", took, bound)
			}
		})
	}
}

// allocated returns how many bytes a call allocates. Other goroutines' bytes
// count too.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestUnpackChecksRange(t *testing.T) {
	t.Parallel()
	p := newPacker(t)
	for name, change := range map[string]func(*Data){
		"lane":       func(d *Data) { d.Lane = 3 },
		"first zero": func(d *Data) { d.First, d.Last = 0, 9 },
		"too few":    func(d *Data) { d.Last-- },
		"too many":   func(d *Data) { d.Last++ },
		"reversed":   func(d *Data) { d.First, d.Last = d.Last, d.First },
		"wraps":      func(d *Data) { d.First, d.Last = math.MaxUint64-3, 5 },
		"raw size":   func(d *Data) { d.RawSize++ },
	} {
		d, err := p.Pack(cycles(BT, 10))
		if err != nil {
			t.Fatal(err)
		}
		change(d)
		if _, err := p.Unpack("a/b", d); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

// A typical batch, 1,000 float readings of 10 devices at 1 s, costs a few
// bytes a record.
func TestPackedSize(t *testing.T) {
	t.Parallel()
	const maxPerRecord = 8
	b := cycles(BT, 1000)
	d, err := newPacker(t).Pack(b)
	if err != nil {
		t.Fatal(err)
	}
	packed := len(AppendFrame(nil, d))
	var text bytes.Buffer
	zipped := gzip.NewWriter(&text)
	plain := 0
	for i := range b.Messages {
		line := append(b.Messages[i].AppendJSON(nil), '\n')
		plain += len(line)
		if _, err := zipped.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("bytes a record: DATA %.1f, JSON %.1f, JSON in gzip %.1f",
		float64(packed)/1000, float64(plain)/1000, float64(text.Len())/1000)
	if packed > maxPerRecord*1000 {
		t.Errorf("frame of 1,000 records is %d bytes, want at most %d a record", packed, maxPerRecord)
	}
}

func FuzzUnpack(f *testing.F) {
	p := newPacker(f)
	for _, class := range Classes {
		for _, b := range []*Batch{everything(class), cycles(class, 3), cycles(class, 50)} {
			rows, columns := appendRows(nil, b.Messages), appendColumns(nil, b.Messages)
			for layout, raw := range map[Layout][]byte{Rows: rows, Columns: columns} {
				n := uint16(len(b.Messages))
				f.Add(byte(layout), byte(Plain), uint32(len(raw)), n, raw)
				f.Add(byte(layout), byte(S2), uint32(len(raw)), n, s2.Encode(nil, raw))
				f.Add(byte(layout), byte(Zstd), uint32(len(raw)), n, zstdOf(f, raw))
			}
		}
	}
	f.Fuzz(func(t *testing.T, layout, codec byte, rawSize uint32, n uint16, body []byte) {
		d := &Data{Lane: RT, Epoch: 1, First: 1, Last: uint64(n), Layout: Layout(layout), Codec: Codec(codec), RawSize: uint64(rawSize), Body: body}
		if d.Codec == Plain { // most inputs would fail here alone
			d.RawSize = uint64(len(body))
		}
		b, err := p.Unpack("a/b", d)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		for i := range b.Messages {
			if b.Messages[i].Quality == Good { // which is not written
				b.Messages[i].Quality = ""
			}
		}
		for _, class := range Classes {
			b.Class = class
			b.identify()
			again, err := p.Pack(b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Unpack("a/b", again)
			if err != nil || !slices.Equal(got.Messages, b.Messages) {
				t.Fatalf("%v: %v", class, err)
			}
		}
	})
}

func benchmarkPack(b *testing.B, class Class, n int) {
	p := newPacker(b)
	batch := cycles(class, n)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Pack(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

func benchmarkUnpack(b *testing.B, class Class, n int) {
	p := newPacker(b)
	d, err := p.Pack(cycles(class, n))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Unpack("edge-1/mapper", d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

func BenchmarkPackRT1(b *testing.B)      { benchmarkPack(b, RT, 1) }
func BenchmarkPackRT100(b *testing.B)    { benchmarkPack(b, RT, 100) }
func BenchmarkPackBT1000(b *testing.B)   { benchmarkPack(b, BT, 1000) }
func BenchmarkUnpackRT1(b *testing.B)    { benchmarkUnpack(b, RT, 1) }
func BenchmarkUnpackRT100(b *testing.B)  { benchmarkUnpack(b, RT, 100) }
func BenchmarkUnpackBT1000(b *testing.B) { benchmarkUnpack(b, BT, 1000) }
