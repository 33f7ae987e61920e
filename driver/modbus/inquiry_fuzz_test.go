package modbus

import (
	"testing"
)

// FuzzLearning reads a device of any map: what it has flows after some reads,
// whatever else it refuses, each value right and each request within the
// specification; what it has not has none.
func FuzzLearning(f *testing.F) {
	f.Add(byte(0), byte(0), []byte{57, 1, 130}, []byte{40}, []byte{0, 1, 1, 1, 2, 1, 57, 1, 58, 4, 130, 1, 131, 200})
	f.Add(byte(10), byte(4), []byte{5, 6, 7}, []byte{}, []byte{0, 10, 2, 3, 12, 1, 40, 30, 3, 1, 3, 1})
	f.Add(byte(1), byte(2), []byte{}, []byte{3, 3, 9}, []byte{0, 2, 1, 2, 2, 2, 3, 2, 4, 2, 5, 2})
	f.Fuzz(func(t *testing.T, most, code byte, illegal, walls, points []byte) {
		m := &registerMap{illegal: set(), most: int(most) % 130}
		if code%3 > 0 {
			m.code = exception(2 * (code % 3)) // 2 or 4
		}
		for _, at := range illegal {
			m.illegal[int(at)] = true
		}
		for _, at := range walls {
			m.walls = append(m.walls, int(at))
		}
		spans := fuzzPoints(points)
		l := newLearner(t, m, nil, spans...)
		const reads = 10
		for range reads - 1 {
			l.cycle(t)
		}
		readings, requests := l.read(t)
		for i, r := range readings {
			if has := m.refusal(spans[i]) == nil; has != (r.Err == nil) {
				t.Fatalf("%v: the device has it is %t, after %d reads the reading is %v, %v", spans[i], has, reads, r.Value, r.Err)
			}
		}
		if requests > len(spans)+maxExtra {
			t.Fatalf("%d requests for %d points", requests, len(spans))
		}
	})
}

// fuzzPoints takes 2 bytes a span of at most 50: its table and first address,
// and its count.
func fuzzPoints(data []byte) []span {
	var spans []span
	for ; len(data) >= 2 && len(spans) < 50; data = data[2:] {
		s := h(int(data[0]), 1+int(data[1])%30)
		if data[1] >= 0xC0 {
			s.table = coils
		}
		spans = append(spans, s)
	}
	return spans
}
