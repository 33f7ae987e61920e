package modbus

import (
	"reflect"
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		spans       []span
		left, right span
	}{
		{"at the gap", []span{h(0, 1), h(1, 1), h(2, 1), h(8, 1)}, h(0, 3), h(8, 1)},
		{"in the middle", []span{h(0, 1), h(1, 1), h(2, 1), h(3, 1)}, h(0, 2), h(2, 2)},
		{"equal ones stay together", []span{h(0, 1), h(1, 1), h(1, 1), h(1, 1)}, h(0, 1), h(1, 1)},
		{"one inside another", []span{h(0, 10), h(2, 1)}, h(0, 10), h(2, 1)},
		{"two that overlap", []span{h(0, 10), h(5, 10)}, h(0, 10), h(5, 10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			left, right, ok := join(all(len(tt.spans)), tt.spans).split(tt.spans)
			if !ok || left.span != tt.left || right.span != tt.right {
				t.Errorf("got %v and %v, %t, want %v and %v", left, right, ok, tt.left, tt.right)
			}
		})
	}
	same := []span{h(3, 2), h(3, 2)}
	if left, right, ok := join(all(2), same).split(same); ok {
		t.Errorf("one span is split into %v and %v", left, right)
	}
}

// checkSplit splits a request down to its spans.
func checkSplit(t *testing.T, spans []span, r request) {
	t.Helper()
	left, right, ok := r.split(spans)
	if !ok {
		for _, i := range r.points {
			if spans[i] != r.span {
				t.Fatalf("%v cannot be split, but has a point at %v", r, spans[i])
			}
		}
		return
	}
	if got := slices.Concat(left.points, right.points); len(left.points) == 0 || len(right.points) == 0 || !slices.Equal(got, r.points) {
		t.Fatalf("%v is split into %v and %v", r, left, right)
	}
	if s := seam(left.span, right.span); !r.covers(left.cover(right.span)) || left.covers(s) || right.covers(s) && right.first > left.first {
		t.Fatalf("%v and %v have the seam %v", left, right, s)
	}
	checkSplit(t, spans, left)
	checkSplit(t, spans, right)
}

func TestSeam(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ left, right, want span }{
		{h(0, 5), h(5, 5), h(4, 2)},
		{h(0, 5), h(8, 5), h(4, 5)},
		{h(0, 10), h(5, 10), h(4, 7)},
	} {
		if got := seam(tt.left, tt.right); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v and %v: got %v, want %v", tt.left, tt.right, got, tt.want)
		}
	}
}
