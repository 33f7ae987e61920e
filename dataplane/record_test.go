package dataplane

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

// records are a message of each kind of value.
func records() []Message {
	m := Message{
		Topic: "sensor/temperature", Namespace: "default", Device: "boiler-1", Property: "temperature", Unit: "°C",
		Time: time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC), Seq: 1 << 50,
	}
	var all []Message
	for _, v := range []Value{
		IntValue(-1), UintValue(math.MaxUint64), FloatValue(21.5), DoubleValue(math.Inf(-1)), BooleanValue(true),
		StringValue("äß"), BytesValue([]byte{0, 255}), StringValue(""),
	} {
		m.Value = v
		all = append(all, m)
	}
	m.Quality = Bad("above max 100")
	m.Topic = EventTopic + "/device"
	m.Time = time.Unix(0, math.MinInt64).UTC()
	return append(all, m)
}

func TestRecordReadsBack(t *testing.T) {
	t.Parallel()
	for _, want := range records() {
		b := AppendRecord(nil, &want)
		got, err := DecodeRecord(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v: want %+v", got, err, want)
		}
		for n := range b {
			if _, err := DecodeRecord(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%v cut to %d of %d bytes: got %v", want.Value, n, len(b), err)
			}
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, m := range records() {
		f.Add(AppendRecord(nil, &m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeRecord(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%x: %v", b, err)
			}
			return
		}
		again, err := DecodeRecord(AppendRecord(nil, &m))
		if err != nil || again.Value.String() != m.Value.String() || again.Seq != m.Seq || !again.Time.Equal(m.Time) || again.Address() != m.Address() {
			t.Errorf("%x reads as %+v, then as %+v, %v", b, m, again, err)
		}
	})
}
