package load

import (
	"strings"
	"testing"
	"time"

	"datastub/dataplane"
)

func message(seq uint64) dataplane.Message {
	return dataplane.Message{
		ID:    dataplane.ID{Publisher: "edge-1/load", Class: dataplane.BT, Epoch: 7, Seq: seq},
		Topic: "hall-07/boiler/sensor-01", Namespace: "default", Device: `a"time":"b,"seq":`, Property: "temperature",
		Class: dataplane.BT, Value: dataplane.StringValue(`","time":"","seq":1,`), Unit: "°C",
		Time: time.Date(2026, 8, 1, 12, 0, 0, 123456789, time.UTC), Node: "edge-1", Seq: 1000 + seq,
	}
}

// TestParserReadsWhatDataplaneWrites, with names and values that look like
// keys, and from one id to the next.
func TestParserReadsWhatDataplaneWrites(t *testing.T) {
	t.Parallel()
	p := NewParser()
	for seq := range uint64(120) {
		m := message(seq)
		m.Device = strings.Trim(m.Device, `"`)
		if seq == 50 {
			m.ID.Epoch++
		}
		if seq%10 == 9 {
			m.ID.Through, m.ID.Line = seq+3, 1
		}
		got, err := p.Message(m.AppendJSON(nil), began)
		want := Arrival{ID: m.ID, Seq: m.Seq, Time: m.Time, At: began, Series: got.Series}
		if err != nil || got != want || got.Series == "" {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestParserRefuses(t *testing.T) {
	t.Parallel()
	one := message(41)
	good := string(one.AppendJSON(nil))
	tests := map[string]struct{ line, want string }{
		"nothing":            {"", `"" is no message`},
		"the end":            {`{"type":"urn:datastub:problem:stream-ended","reason":"too slow"}`, "is no message"},
		"no time":            {strings.Replace(good, `,"time":`, `,"tame":`, 1), "is no message"},
		"no such time":       {strings.Replace(good, "2026-08", "2026-18", 1), "time of message edge-1/load/BT/7/41"},
		"no id":              {strings.Replace(good, "/41", "", 1), `id "edge-1/load/BT/7" is not`},
		"no sequence":        {strings.Replace(good, "/41", "/", 1), `id "edge-1/load/BT/7/": its sequence is no number`},
		"a leading zero":     {strings.Replace(good, "/41", "/041", 1), `id "edge-1/load/BT/7/041": its sequence is no number`},
		"a number too large": {strings.Replace(good, `"seq":1`, `"seq":99999999999999999999`, 1), "sequence of message edge-1/load/BT/7/41"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewParser()
			if _, err := p.Message([]byte(good), began); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Message([]byte(tt.line), began); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %s", tt.line, err, tt.want)
			}
		})
	}
}

// FuzzParserMessage never panics, and what it reads of an id is what
// dataplane.ParseID reads, whatever was read before.
func FuzzParserMessage(f *testing.F) {
	one := message(41)
	good := one.AppendJSON(nil)
	f.Add(good)
	f.Add([]byte(`{"id":"a/b/RT/1/+1","device":"d","time":"2026-08-01T12:00:00Z","seq":1,`))
	f.Fuzz(func(t *testing.T, line []byte) {
		p := NewParser()
		for range 2 {
			a, err := p.Message(line, began)
			if err != nil {
				return
			}
			if again, err := dataplane.ParseID(a.ID.String()); err != nil || again != a.ID {
				t.Errorf("%q reads as %v, which reads as %v, %v", line, a.ID, again, err)
			}
		}
	})
}

func BenchmarkParserMessage(b *testing.B) {
	one := message(41)
	line := one.AppendJSON(nil)
	p := NewParser()
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Message(line, began); err != nil {
			b.Fatal(err)
		}
	}
}
