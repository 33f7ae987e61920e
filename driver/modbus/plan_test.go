package modbus

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	h := func(first, count int) span { return span{holdingRegisters, first, count} }
	c := func(first, count int) span { return span{coils, first, count} }
	for _, tt := range []struct {
		name  string
		spans []span
		cuts  []span
		want  []request
	}{
		{"nothing", nil, nil, nil},
		{"neighbours in any order", []span{h(3, 1), h(1, 2), h(4, 4)}, nil, []request{{h(1, 7), []int{1, 0, 2}}}},
		{"the same twice", []span{h(3, 2), h(3, 2)}, nil, []request{{h(3, 2), []int{0, 1}}}},
		{"one inside another", []span{h(0, 10), h(2, 1), h(10, 1)}, nil, []request{{h(0, 11), []int{0, 1, 2}}}},
		{"tables apart", []span{h(0, 1), c(0, 1)}, nil, []request{{c(0, 1), []int{1}}, {h(0, 1), []int{0}}}},
		{"largest gap", []span{h(0, 1), h(17, 1)}, nil, []request{{h(0, 18), []int{0, 1}}}},
		{"gap too large", []span{h(0, 1), h(18, 1)}, nil, []request{{h(0, 1), []int{0}}, {h(18, 1), []int{1}}}},
		{"125 registers", []span{h(0, 60), h(60, 65)}, nil, []request{{h(0, 125), []int{0, 1}}}},
		{"126 registers", []span{h(0, 60), h(60, 66)}, nil, []request{{h(0, 60), []int{0}}, {h(60, 66), []int{1}}}},
		{"2000 bits", []span{c(0, 1000), c(1000, 1000), c(2000, 1)}, nil, []request{{c(0, 2000), []int{0, 1}}, {c(2000, 1), []int{2}}}},
		{"last address", []span{h(65535, 1), h(65530, 1)}, nil, []request{{h(65530, 6), []int{1, 0}}}},
		{"cut", []span{h(0, 1), h(1, 1), h(2, 1)}, []span{h(1, 1)}, []request{{h(0, 1), []int{0}}, {h(1, 2), []int{1, 2}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cuts := map[span]bool{}
			for _, s := range tt.cuts {
				cuts[s] = true
			}
			if got := plan(tt.spans, cuts); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	h := func(first, count int) span { return span{holdingRegisters, first, count} }
	spans := []span{h(0, 1), h(1, 1), h(2, 1), h(8, 1)}
	whole := join([]int{0, 1, 2, 3}, spans)
	left, right := whole.split(spans)
	if want := (request{h(0, 3), []int{0, 1, 2}}); !reflect.DeepEqual(left, want) {
		t.Errorf("left of the gap is %v, want %v", left, want)
	}
	if want := (request{h(8, 1), []int{3}}); !reflect.DeepEqual(right, want) {
		t.Errorf("right of the gap is %v, want %v", right, want)
	}
	left, right = left.split(spans)
	if len(left.points) != 1 || len(right.points) != 2 {
		t.Errorf("three without a gap are split into %v and %v", left, right)
	}
}

// FuzzPlan makes spans of any bytes and holds the plan to what it promises.
func FuzzPlan(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 1, 2, 0, 5, 0, 9})
	f.Add([]byte{0, 0xFF, 0xFF, 0, 1, 1, 0, 5, 7, 0xCF, 3, 0, 0, 0, 0x7D, 3, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		spans, cuts := fuzzSpans(data)
		requests := plan(spans, cuts)
		checkPlan(t, spans, requests)
		for _, r := range requests {
			if len(r.points) < 2 {
				continue
			}
			left, right := r.split(spans)
			if got := slices.Concat(left.points, right.points); len(left.points) == 0 || len(right.points) == 0 || !slices.Equal(got, r.points) {
				t.Fatalf("%v is split into %v and %v", r, left, right)
			}
		}
	})
}

// fuzzSpans takes 5 bytes a span: table and cut, first (2), count (2).
func fuzzSpans(data []byte) ([]span, map[span]bool) {
	var spans []span
	cuts := map[span]bool{}
	for ; len(data) >= 5; data = data[5:] {
		s := span{table: table(data[0] & 3), first: int(binary.BigEndian.Uint16(data[1:]))}
		s.count = 1 + int(binary.BigEndian.Uint16(data[3:]))%s.table.maxRead()
		s.count = min(s.count, addresses-s.first)
		spans = append(spans, s)
		if data[0]&0x80 != 0 {
			cuts[s] = true
		}
	}
	return spans, cuts
}

func checkPlan(t *testing.T, spans []span, requests []request) {
	t.Helper()
	covered := make([]int, len(spans))
	for _, r := range requests {
		if r.first < 0 || r.end() > addresses || r.count < 1 || r.count > r.table.maxRead() || len(r.points) == 0 {
			t.Fatalf("request %v is beyond a limit", r)
		}
		for _, i := range r.points {
			covered[i]++
			if s := spans[i]; s.table != r.table || s.first < r.first || s.end() > r.end() {
				t.Fatalf("request %v does not cover %v", r, s)
			}
		}
		checkGaps(t, spans, r)
	}
	for i, n := range covered {
		if n != 1 {
			t.Fatalf("%v is read %d times", spans[i], n)
		}
	}
}

func checkGaps(t *testing.T, spans []span, r request) {
	t.Helper()
	end := r.first
	for _, i := range r.points {
		if gap := spans[i].first - end; gap > r.table.maxGap() {
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
