package dataplane

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew; they change only with the version byte")

// goldenFrames holds each type of frame, first with every field set, then with
// none.
func goldenFrames() [][2]Frame {
	clock := time.Date(2026, 8, 1, 12, 0, 0, 123456789, time.UTC)
	return [][2]Frame{
		{&Hello{
			Publisher: "edge-1/mapper", Spool: SpoolID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Lane: BT,
			Epochs: []EpochRange{{6, 100, 200}, {7, 1, 0}}, Clock: clock, MinVersion: 1, MaxVersion: 2,
			Codecs: []Codec{Plain, Zstd, S2}, Auth: []byte{0xca, 0xfe}, Software: "datastub-mapper v0.1.0",
		}, &Hello{}},
		{&HelloOK{Session: 1 << 63, Stored: Mark{7, 42}, Durable: Mark{7, 40}, Credit: 65536, Clock: clock, Version: 1, MaxFrame: MaxFrame}, &HelloOK{}},
		{&Refuse{Code: RefuseEpochBehind, Text: "epoch 6 is behind", RetryAfter: 1500 * time.Millisecond, Address: "tcp://10.0.0.2:5557", HighWater: Mark{7, 42}}, &Refuse{}},
		{&Data{Session: 9, Lane: RT, Epoch: 7, First: 41, Last: 42, Layout: Rows, Codec: S2, RawSize: 300, Body: []byte("records")}, &Data{}},
		{&Ack{Session: 9, Stored: Mark{7, 42}, Durable: Mark{7, 40}, Credit: 65536}, &Ack{}},
		{&Nack{Session: 9, Expected: Mark{7, 43}}, &Nack{}},
		{&Gap{
			Session: 9, Lane: BT, Epoch: 7, From: 43, To: 45, Reason: "memory buffer full",
			Series: []SeriesRange{{"default", "sensor/temperature", "boiler-1", 5, 6, 2}, {"default", "sensor/pressure", "boiler-1", 8, 8, 1}},
		}, &Gap{}},
		{&EpochEnd{Session: 9, Lane: RT, Epoch: 6, Last: 200, Unknown: true, Reason: "power was lost"}, &EpochEnd{}},
		{&Ping{T1: clock}, &Ping{}},
		{&Pong{T1: clock, T2: clock.Add(1), T3: clock.Add(2)}, &Pong{}},
		{&Control{Kind: "interest", Revision: 3, Reply: true, Status: ControlUnsupported, Body: []byte("sensor/#")}, &Control{}},
		{&Bye{Reason: "draining"}, &Bye{}},
	}
}

func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	for i, frames := range goldenFrames() {
		t.Run(frames[0].Type().String(), func(t *testing.T) {
			t.Parallel()
			if got := frames[0].Type(); got != FrameType(i+1) {
				t.Fatalf("type is %d, want %d", got, i+1)
			}
			checkFullySet(t, frames[0])
			full, zero := AppendFrame(nil, frames[0]), AppendFrame(nil, frames[1])
			checkGolden(t, filepath.Join("testdata", "frames", frames[0].Type().String()+".hex"), full, zero)
			checkDecodes(t, full, frames[0])
			checkDecodes(t, zero, frames[1])
			checkDamageRefused(t, full)
			checkDamageRefused(t, zero)
		})
	}
}

// checkFullySet keeps a new field from being left out of the golden frames.
func checkFullySet(t *testing.T, f Frame) {
	t.Helper()
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "bodiless" && v.Field(i).IsZero() {
			t.Errorf("%v: golden frame lacks %s", f.Type(), name)
		}
	}
}

// checkGolden compares with a file that holds one blob of hex a line.
func checkGolden(t *testing.T, path string, blobs ...[]byte) {
	t.Helper()
	var got strings.Builder
	for _, b := range blobs {
		got.WriteString(hex.EncodeToString(b) + "\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s:\ngot\n%swant\n%s", path, got.String(), want)
	}
}

func checkDecodes(t *testing.T, b []byte, want Frame) {
	t.Helper()
	got, err := DecodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.body()) == 0 { // an empty body decodes to an empty slice, or none
		if len(got.body()) != 0 {
			t.Errorf("body is %x", got.body())
		}
		if got.setBody(nil) != nil {
			t.Error("no body is refused")
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// checkDamageRefused cuts b everywhere and flips each of its bits.
func checkDamageRefused(t *testing.T, b []byte) {
	t.Helper()
	for n := range b {
		if _, err := DecodeFrame(b[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := DecodeFrame(append(bytes.Clone(b), 0)); !errors.Is(err, ErrMalformed) {
		t.Fatalf("one byte too many: %v", err)
	}
	damaged := bytes.Clone(b)
	for i := range damaged {
		for bit := range 8 {
			damaged[i] ^= 1 << bit
			_, err := DecodeFrame(damaged)
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
			if byVersion := strings.Contains(err.Error(), "this is version 1"); byVersion != (i == 2) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
			damaged[i] ^= 1 << bit
		}
	}
}

// seal builds a frame of any type from fields and body as they are.
func seal(t FrameType, fields, body []byte) []byte {
	b := []byte{'D', 'S', Version, byte(t), 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(len(fields)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(append(b, fields...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable))
}

func TestDecodeFrameFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		typ    FrameType
		fields []byte
		body   []byte
		want   Frame
		err    string
	}{
		{"unknown field behind", TypeBye, []byte{1, 1, 'x', 9, 2, 'y', 'z'}, nil, &Bye{Reason: "x"}, ""},
		{"unknown field between", TypeNack, []byte{1, 1, 5, 2, 2, 1, 3, 200, 1, 0}, nil, &Nack{Session: 5, Expected: Mark{1, 3}}, ""},
		{"unknown body", TypeBye, []byte{1, 1, 'x'}, []byte("later"), &Bye{Reason: "x"}, ""},
		{"tag twice", TypeBye, []byte{1, 1, 'x', 1, 1, 'y'}, nil, nil, "BYE: malformed: field 1 after field 1"},
		{"tags fall", TypeNack, []byte{2, 2, 1, 3, 1, 1, 5}, nil, nil, "NACK: malformed: field 1 after field 2"},
		{"tag zero", TypeBye, []byte{0, 0}, nil, nil, "BYE: malformed: field 0 after field 0"},
		{"field too long", TypeBye, []byte{1, 2, 'x'}, nil, nil, "BYE: malformed: field value with 1 bytes left"},
		{"field without length", TypeBye, []byte{1}, nil, nil, "BYE: malformed: field length with 0 bytes left"},
		{"empty number", TypeNack, []byte{1, 0}, nil, nil, "NACK: field 1: malformed: session with 0 bytes left"},
		{"number of 11 bytes", TypeNack, append([]byte{1, 11}, bytes.Repeat([]byte{0xff}, 11)...), nil, nil, "NACK: field 1: malformed: session with 11 bytes left"},
		{"half a mark", TypeNack, []byte{2, 1, 1}, nil, nil, "NACK: field 2: malformed: expected with 0 bytes left"},
		{"short spool id", TypeHello, []byte{2, 1, 1}, nil, nil, "HELLO: field 2: malformed: spool id of 16 bytes with 1 bytes left"},
		{"long spool id", TypeHello, append([]byte{2, 17}, make([]byte, 17)...), nil, nil, "HELLO: field 2: malformed: spool id of 16 bytes with 17 bytes left"},
		{"long publisher", TypeHello, append([]byte{1, 0x82, 4}, bytes.Repeat([]byte("x"), 514)...), nil, nil, "HELLO: field 1: malformed: publisher with 514 bytes left"},
		{"long auth", TypeHello, append([]byte{9, 0x81, 0x20}, make([]byte, 4097)...), nil, nil, "HELLO: field 9: malformed: auth with 4097 bytes left"},
		{"long software is cut", TypeHello, append([]byte{10, 0x81, 8}, strings.Repeat("x", 1023)+"°"...), nil, &Hello{Software: strings.Repeat("x", 1023)}, ""},
		{"long reason is cut", TypeGap, append([]byte{6, 0x88, 8}, strings.Repeat("x", 1032)...), nil, &Gap{Reason: strings.Repeat("x", 1024)}, ""},
		{"reason that is no UTF-8", TypeBye, []byte{1, 3, 'x', 0xff, 'y'}, nil, &Bye{Reason: "xy"}, ""},
		{"long kind", TypeControl, append([]byte{1, 0x81, 2}, make([]byte, 257)...), nil, nil, "CONTROL: field 1: malformed: kind with 257 bytes left"},
		{"half a range", TypeHello, []byte{4, 2, 1, 1}, nil, nil, "HELLO: field 4: malformed: last with 0 bytes left"},
		{"gap without names", TypeGap, nil, []byte{1, 0, 0, 0, 1, 1, 1}, nil, "GAP: malformed: topic is empty\nnamespace is empty\ndevice is empty"},
		{"gap of an event", TypeGap, nil, []byte("\x01\x01n\x09$events/x\x01d\x01\x02\x02"), &Gap{Series: []SeriesRange{{"n", "$events/x", "d", 1, 2, 2}}}, ""},
		{"gap with more behind", TypeGap, nil, []byte{0, 0}, nil, "GAP: malformed: the end of the gap with 1 bytes left"},
		{"gap of too many", TypeGap, nil, []byte{0x81, 0x80, 0x04}, nil, "GAP: malformed: series count with 3 bytes left"},
		{"no such type", 13, nil, nil, nil, "malformed: unknown frame type 13"},
		{"type zero", 0, nil, nil, nil, "malformed: unknown frame type 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeFrame(seal(tt.typ, tt.fields, tt.body))
			if tt.err != "" {
				if errText(err) != tt.err || !errors.Is(err, ErrMalformed) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestDecodeFramePassesOverFlags(t *testing.T) {
	t.Parallel()
	b := AppendFrame(nil, &Bye{Reason: "x"})
	b[4], b[5] = 0xff, 0xff
	sum := len(b) - frameTrailer
	binary.BigEndian.PutUint32(b[sum:], crc32.Checksum(b[:sum], crcTable))
	checkDecodes(t, b, &Bye{Reason: "x"})
}

func TestDecodeFrameRefusesTooLarge(t *testing.T) {
	t.Parallel()
	b := seal(TypeControl, nil, make([]byte, MaxFrame))
	if _, err := DecodeFrame(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes: %v", len(b), err)
	}
}

func TestAppendFrameAppends(t *testing.T) {
	t.Parallel()
	f := &Nack{Session: 5, Expected: Mark{1, 3}}
	if got, want := AppendFrame([]byte("before"), f), append([]byte("before"), AppendFrame(nil, f)...); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, frames := range goldenFrames() {
		for _, frame := range frames {
			b := AppendFrame(nil, frame)
			f.Add(b[3], b[frameHeader:len(b)-frameTrailer-len(frame.body())], frame.body())
		}
	}
	// The fuzzer gives what the CRC would keep from it, so that each input
	// reaches the fields.
	f.Fuzz(func(t *testing.T, typ byte, fields, body []byte) {
		frame, err := DecodeFrame(seal(FrameType(typ), fields, body))
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		once := AppendFrame(nil, frame)
		again, err := DecodeFrame(once)
		if err != nil || !bytes.Equal(AppendFrame(nil, again), once) {
			t.Errorf("%+v reads as %+v, %v", frame, again, err)
		}
	})
}

func BenchmarkAppendFrame(b *testing.B) {
	f := goldenFrames()[TypeAck-1][0]
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendFrame(dst[:0], f)
	}
}

func BenchmarkDecodeFrame(b *testing.B) {
	frame := AppendFrame(nil, goldenFrames()[TypeData-1][0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeFrame(frame); err != nil {
			b.Fatal(err)
		}
	}
}
