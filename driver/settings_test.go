package driver

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReaderString(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"text is trimmed", " a b ", "a b"},
		{"boolean", true, "true"},
		{"int", 7, "7"},
		{"uint64", uint64(math.MaxUint64), "18446744073709551615"},
		{"float32 as written", float32(0.1), "0.1"},
		{"float32 without exponent", float32(1e8), "100000000"},
		{"float64", 2.0, "2"},
		{"null is absent", nil, "def"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Settings{"Key": tt.value}.Reader()
			if got := r.String("key", "def"); got != tt.want || r.Err() != nil {
				t.Errorf("got %q, %v, want %q", got, r.Err(), tt.want)
			}
		})
	}
}

func TestReaderInt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  int64
		ok    bool
	}{
		{"2", 2, true},
		{float32(2), 2, true},
		{2.0, 2, true},
		{"2.0", 2, true},
		{"1e2", 100, true},
		{"0x10", 16, true},
		{"010", 10, true},
		{2.5, 5, false},
		{"", 5, false},
		{"two", 5, false},
		{true, 5, false},
		{101, 5, false},
		{-1, 5, false},
		{math.NaN(), 5, false},
		{[]any{1}, 5, false},
	} {
		r := Settings{"n": tt.value}.Reader()
		if got := r.Int("n", 5, 0, 100); got != tt.want || (r.Err() == nil) != tt.ok {
			t.Errorf("Int(%v) = %d, %v, want %d, ok %t", tt.value, got, r.Err(), tt.want, tt.ok)
		}
	}
}

func TestReaderFloat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  float64
		ok    bool
	}{
		{"0.1", 0.1, true},
		{float32(0.1), 0.1, true}, // KubeEdge's numbers are float32: what was written is meant
		{3, 3, true},
		{"NaN", 1, false},
		{"Inf", 1, false},
		{"", 1, false},
	} {
		r := Settings{"f": tt.value}.Reader()
		if got := r.Float("f", 1); got != tt.want || (r.Err() == nil) != tt.ok {
			t.Errorf("Float(%v) = %v, %v, want %v, ok %t", tt.value, got, r.Err(), tt.want, tt.ok)
		}
	}
}

func TestReaderBool(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value    any
		want, ok bool
	}{
		{true, true, true}, {"True", true, true}, {"1", true, true}, {0, false, true}, {"no", true, false},
	} {
		r := Settings{"b": tt.value}.Reader()
		if got := r.Bool("b", true); got != tt.want || (r.Err() == nil) != tt.ok {
			t.Errorf("Bool(%v) = %t, %v, want %t, ok %t", tt.value, got, r.Err(), tt.want, tt.ok)
		}
	}
}

func TestReaderDuration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  time.Duration
		ok    bool
	}{
		{"1.5s", 1500 * time.Millisecond, true},
		{500, 500 * time.Millisecond, true},
		{"250", 250 * time.Millisecond, true},
		{"2h", time.Second, false},
		{"-1s", time.Second, false},
		{"NaN", time.Second, false},
		{1e300, time.Second, false},
		{"soon", time.Second, false},
	} {
		r := Settings{"d": tt.value}.Reader()
		if got := r.Duration("d", time.Second, 0, time.Hour); got != tt.want || (r.Err() == nil) != tt.ok {
			t.Errorf("Duration(%v) = %v, %v, want %v, ok %t", tt.value, got, r.Err(), tt.want, tt.ok)
		}
	}
}

func TestReaderEnum(t *testing.T) {
	t.Parallel()
	r := Settings{"Mode": "tcp", "other": "udp"}.Reader()
	if got := r.Enum("mode", "RTU", "TCP", "RTU"); got != "TCP" {
		t.Errorf("got %q, want TCP", got)
	}
	if got := r.Enum("other", "RTU", "TCP", "RTU"); got != "RTU" || r.Err() == nil {
		t.Errorf("got %q, %v, want RTU and an error", got, r.Err())
	}
}

func TestReaderReportsAllTogether(t *testing.T) {
	t.Parallel()
	r := Settings{"port": "x", "Port": 1, "slaveID": 300}.Reader()
	r.Int("port", 502, 1, 65535)
	r.Int("slaveID", 1, 0, 255)
	r.Refuse("ip", nil, "an address")
	err := r.Err()
	for _, want := range []string{"port", "slaveID: 300 is not a whole number from 0 to 255", "ip is missing: want an address"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if s := (*SettingError)(nil); !errors.As(err, &s) {
		t.Errorf("%v holds no *SettingError", err)
	}
}

func TestReaderUnread(t *testing.T) {
	t.Parallel()
	r := Settings{"b": 1, "Topic": 1, "A": 1}.Reader()
	r.Has("TOPIC")
	if got, want := r.Unread(), []string{"A", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTypeHolds(t *testing.T) {
	t.Parallel()
	types := []Type{Int, Float, Double, Boolean, String, Bytes}
	for _, tt := range []struct {
		value any
		want  Type
	}{
		{int64(1), Int}, {uint64(1), Int}, {float32(1), Float}, {1.0, Double},
		{true, Boolean}, {"", String}, {[]byte{}, Bytes}, {1, ""}, {nil, ""},
	} {
		for _, typ := range types {
			if got := typ.Holds(tt.value); got != (typ == tt.want) {
				t.Errorf("%s.Holds(%T) = %t", typ, tt.value, got)
			}
		}
	}
}
