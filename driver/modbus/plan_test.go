package modbus

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// usualBounds are those of a device that says nothing of them.
var usualBounds = bounds{gap: defaultGap, registers: maxReadRegisters, bits: maxReadBits}

// all are the indexes of so many points.
func all(n int) []int {
	points := make([]int, n)
	for i := range points {
		points[i] = i
	}
	return points
}

func h(first, count int) span { return span{holdingRegisters, first, count} }
func c(first, count int) span { return span{coils, first, count} }

func TestPlan(t *testing.T) {
	t.Parallel()
	small := bounds{gap: 2, registers: 10, bits: 8}
	for _, tt := range []struct {
		name   string
		spans  []span
		bounds bounds
		barred []span
		want   []request
	}{
		{"nothing", nil, usualBounds, nil, nil},
		{"neighbours in any order", []span{h(3, 1), h(1, 2), h(4, 4)}, usualBounds, nil, []request{{h(1, 7), []int{1, 0, 2}}}},
		{"the same twice", []span{h(3, 2), h(3, 2)}, usualBounds, nil, []request{{h(3, 2), []int{0, 1}}}},
		{"one inside another", []span{h(0, 10), h(2, 1), h(10, 1)}, usualBounds, nil, []request{{h(0, 11), []int{0, 1, 2}}}},
		{"two that overlap", []span{h(5, 10), h(0, 10)}, usualBounds, nil, []request{{h(0, 15), []int{1, 0}}}},
		{"tables apart", []span{h(0, 1), c(0, 1)}, usualBounds, nil, []request{{c(0, 1), []int{1}}, {h(0, 1), []int{0}}}},
		{"largest gap", []span{h(0, 1), h(17, 1)}, usualBounds, nil, []request{{h(0, 18), []int{0, 1}}}},
		{"gap too large", []span{h(0, 1), h(18, 1)}, usualBounds, nil, []request{{h(0, 1), []int{0}}, {h(18, 1), []int{1}}}},
		{"largest gap of bits", []span{c(0, 1), c(257, 1)}, usualBounds, nil, []request{{c(0, 258), []int{0, 1}}}},
		{"gap of bits too large", []span{c(0, 1), c(258, 1)}, usualBounds, nil, []request{{c(0, 1), []int{0}}, {c(258, 1), []int{1}}}},
		{"125 registers", []span{h(0, 60), h(60, 65)}, usualBounds, nil, []request{{h(0, 125), []int{0, 1}}}},
		{"126 registers", []span{h(0, 60), h(60, 66)}, usualBounds, nil, []request{{h(0, 60), []int{0}}, {h(60, 66), []int{1}}}},
		{"2000 bits", []span{c(0, 1000), c(1000, 1000), c(2000, 1)}, usualBounds, nil, []request{{c(0, 2000), []int{0, 1}}, {c(2000, 1), []int{2}}}},
		{"last address", []span{h(65535, 1), h(65530, 1)}, usualBounds, nil, []request{{h(65530, 6), []int{1, 0}}}},
		{"bounds of the device", []span{h(0, 5), h(5, 5), h(10, 1), h(13, 1)}, small, nil, []request{{h(0, 10), []int{0, 1}}, {h(10, 4), []int{2, 3}}}},
		{"no gap at all", []span{h(0, 1), h(1, 1), h(3, 1)}, bounds{0, 125, 2000}, nil, []request{{h(0, 2), []int{0, 1}}, {h(3, 1), []int{2}}}},
		// The first request could take the second point along, over a gap.
		{"parted at the widest gap", []span{h(0, 1), h(3, 4), h(7, 4)}, small, nil, []request{{h(0, 1), []int{0}}, {h(3, 8), []int{1, 2}}}},
		{"larger than the bounds alone", []span{h(0, 20), h(5, 1), h(20, 1)}, small, nil, []request{{h(0, 20), []int{0, 1}}, {h(20, 1), []int{2}}}},
		{"barred gap", []span{h(0, 1), h(4, 1), h(5, 1)}, usualBounds, []span{h(2, 1)}, []request{{h(0, 1), []int{0}}, {h(4, 2), []int{1, 2}}}},
		{"barred seam", []span{h(0, 5), h(5, 5)}, usualBounds, []span{h(4, 2)}, []request{{h(0, 5), []int{0}}, {h(5, 5), []int{1}}}},
		{"barred of another table", []span{h(0, 1), h(4, 1)}, usualBounds, []span{c(2, 1)}, []request{{h(0, 5), []int{0, 1}}}},
		{"barred within a point", []span{h(0, 5), h(5, 1)}, usualBounds, []span{h(2, 2)}, []request{{h(0, 5), []int{0}}, {h(5, 1), []int{1}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := plan(tt.spans, all(len(tt.spans)), tt.bounds, tt.barred); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// FuzzPlan makes spans, bounds and barred spans of any bytes, and holds the plan
// to what it promises.
func FuzzPlan(f *testing.F) {
	f.Add(byte(16), byte(124), uint16(1999), []byte{2, 0, 0, 0, 1, 2, 0, 5, 0, 9})
	f.Add(byte(0), byte(9), uint16(7), []byte{0, 0xFF, 0xFF, 0, 1, 1, 0, 5, 7, 0xCF, 3, 0, 0, 0, 0x7D, 3, 0, 0, 0, 0})
	f.Add(byte(124), byte(60), uint16(60), []byte{2, 0, 0, 0, 1, 0x82, 0, 2, 0, 0, 2, 0, 4, 0, 3, 2, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, gap, registers byte, bits uint16, data []byte) {
		b := bounds{
			gap:       int(gap) % maxReadRegisters,
			registers: 1 + int(registers)%maxReadRegisters,
			bits:      1 + int(bits)%maxReadBits,
		}
		spans, barred := fuzzSpans(data)
		requests := plan(spans, all(len(spans)), b, barred)
		checkPlan(t, spans, b, barred, requests)
		checkCheapest(t, spans, b, barred, requests)
		for _, r := range requests {
			checkSplit(t, spans, r)
		}
	})
}

// fuzzSpans takes 5 bytes a span: table and whether it is barred, first (2),
// count (2).
func fuzzSpans(data []byte) (spans, barred []span) {
	for ; len(data) >= 5 && len(spans) < 256; data = data[5:] {
		s := span{table: table(data[0] & 3), first: int(binary.BigEndian.Uint16(data[1:]))}
		s.count = 1 + int(binary.BigEndian.Uint16(data[3:]))%s.table.maxRead()
		s.count = min(s.count, addresses-s.first)
		if data[0]&0x80 != 0 {
			barred = append(barred, s)
		} else {
			spans = append(spans, s)
		}
	}
	return spans, barred
}

func checkPlan(t *testing.T, spans []span, b bounds, barred []span, requests []request) {
	t.Helper()
	covered := make([]int, len(spans))
	for _, r := range requests {
		if r.first < 0 || r.end() > addresses || r.count < 1 || r.count > r.table.maxRead() || len(r.points) == 0 {
			t.Fatalf("request %v is beyond the specification", r)
		}
		single := false // reads no more than one of its points
		for _, i := range r.points {
			covered[i]++
			single = single || spans[i] == r.span
			if !r.covers(spans[i]) {
				t.Fatalf("request %v does not cover %v", r, spans[i])
			}
		}
		if !single && r.count > b.most(r.table) {
			t.Fatalf("request %v is beyond the bounds %v", r, b)
		}
		for _, s := range barred {
			if !single && r.covers(s) {
				t.Fatalf("request %v covers %v", r, s)
			}
		}
		checkGaps(t, spans, b, r)
	}
	for i, n := range covered {
		if n != 1 {
			t.Fatalf("%v is read %d times", spans[i], n)
		}
	}
}

func checkGaps(t *testing.T, spans []span, b bounds, r request) {
	t.Helper()
	end := r.first
	for _, i := range r.points {
		if gap := spans[i].first - end; gap > b.maxGap(r.table) {
			t.Fatalf("request %v reads %d addresses for nobody", r, gap)
		}
		end = max(end, spans[i].end())
	}
	if end != r.end() {
		t.Fatalf("request %v goes beyond its last point, which ends at %d", r, end)
	}
}

func TestExtract(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		whole, part span
		data, want  []byte
	}{
		{span{holdingRegisters, 10, 3}, span{holdingRegisters, 11, 1}, []byte{1, 2, 3, 4, 5, 6}, []byte{3, 4}},
		{span{coils, 0, 16}, span{coils, 0, 16}, []byte{0xCD, 0x6B}, []byte{0xCD, 0x6B}},
		{span{coils, 4, 16}, span{coils, 7, 9}, []byte{0b1010_1000, 0b0000_1010}, []byte{0b0101_0101, 0b1}},
		{span{coils, 0, 8}, span{coils, 7, 1}, []byte{0x7F}, []byte{0}},
	} {
		t.Run(fmt.Sprint(tt.part), func(t *testing.T) {
			if got := tt.whole.extract(tt.data, tt.part); !slices.Equal(got, tt.want) {
				t.Errorf("got %08b, want %08b", got, tt.want)
			}
		})
	}
}
