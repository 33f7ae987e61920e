package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grid-x/modbus"

	"datastub/driver"
)

// A registerMap answers as a device does that has some addresses only. Each
// register has its address as its value, each bit its address's lowest one.
type registerMap struct {
	illegal map[int]bool // addresses
	walls   []int        // addresses that no request may reach across
	most    int          // registers or bits an answer; 0: as the specification
	code    exception    // of refusals; 0: 2 for addresses and 3 for counts
	now     time.Time
	asked   []span
}

func (m *registerMap) ask(_ context.Context, s span) ([]byte, time.Time, error) {
	m.asked = append(m.asked, s)
	if s.first < 0 || s.end() > addresses || s.count < 1 || s.count > s.table.maxRead() {
		panic(fmt.Sprintf("%v is beyond the specification", s))
	}
	if err := m.refusal(s); err != nil {
		return nil, m.now, fmt.Errorf("read %v: %w", s, err)
	}
	return image(s), m.now, nil
}

func (m *registerMap) refusal(s span) error {
	address, count := exception(modbus.ExceptionCodeIllegalDataAddress), exception(modbus.ExceptionCodeIllegalDataValue)
	if m.code != 0 {
		address, count = m.code, m.code
	}
	if m.most > 0 && s.count > m.most {
		return count
	}
	for _, wall := range m.walls {
		if s.first < wall && wall < s.end() {
			return address
		}
	}
	for at := s.first; at < s.end(); at++ {
		if m.illegal[at] {
			return address
		}
	}
	return nil
}

// image is what the addresses of a span hold.
func image(s span) []byte {
	var data []byte
	if !s.table.bits() {
		for at := s.first; at < s.end(); at++ {
			data = binary.BigEndian.AppendUint16(data, uint16(at))
		}
		return data
	}
	data = make([]byte, (s.count+7)/8)
	for k := range s.count {
		data[k/8] |= byte((s.first+k)&1) << (k % 8)
	}
	return data
}

// A learner is a device that reads a register map.
type learner struct {
	*registerMap
	device *device
	points []driver.Point
}

// newLearner returns a device with a point for each span.
func newLearner(t testing.TB, m *registerMap, settings driver.Settings, spans ...span) *learner {
	t.Helper()
	m.now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if settings == nil {
		settings = driver.Settings{"ip": "127.0.0.1"}
	}
	opened, err := New(Options{Now: func() time.Time { return m.now }}).Open("plc", settings)
	if err != nil {
		t.Fatal(err)
	}
	l := &learner{m, opened.(*device), nil}
	for _, s := range spans {
		p, err := l.device.Point(driver.PointConfig{Name: s.String(), Type: driver.Bytes, Settings: driver.Settings{
			"register": tables[s.table].word, "offset": s.first, "limit": s.count}})
		if err != nil {
			t.Fatal(err)
		}
		l.points = append(l.points, p)
	}
	return l
}

// read reads all points once and returns how many requests it took. Each value
// must be right.
func (l *learner) read(t testing.TB) (readings []driver.Reading, requests int) {
	t.Helper()
	before := len(l.asked)
	q := l.device.inquire(l.points)
	q.ask = l.ask
	if err := q.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, r := range q.readings {
		want := string(image(q.spans[i]))
		if got, ok := r.Value.([]byte); r.Err == nil && (!ok || string(got) != want) {
			t.Fatalf("%v has the value % x, want % x", q.points[i], r.Value, want)
		}
		if r.Time.IsZero() {
			t.Fatalf("%v has no time", q.points[i])
		}
	}
	return q.readings, len(l.asked) - before
}

// cycle reads all points once, a second after the last time, and returns how
// many have no value.
func (l *learner) cycle(t testing.TB) (without, requests int) {
	t.Helper()
	l.now = l.now.Add(time.Second)
	readings, requests := l.read(t)
	for _, r := range readings {
		if r.Err != nil {
			without++
		}
	}
	return without, requests
}

// each returns a span of one holding register for each of so many addresses from 0 on.
func each(count, stride int) []span {
	var spans []span
	for k := range count {
		spans = append(spans, h(k*stride, 1))
	}
	return spans
}

func set(addresses ...int) map[int]bool {
	m := map[int]bool{}
	for _, at := range addresses {
		m[at] = true
	}
	return m
}

// TestLearning reads a device three times. Whatever it refuses, what it has
// flows from the first read on, and the later ones ask for nothing in vain.
func TestLearning(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		device     registerMap
		settings   driver.Settings
		spans      []span
		without    int // points that have no value, in each read
		first      int // requests of the first read, at most
		then       int // requests of the third
		thirdSpans []span
	}{
		{name: "all is there", spans: each(200, 1), first: 2, then: 2},
		{name: "two addresses of 200", device: registerMap{illegal: set(57, 130)}, spans: each(200, 1), without: 2, first: 30, then: 3},
		{name: "two neighbours of 200", device: registerMap{illegal: set(57, 58)}, spans: each(200, 1), without: 2, first: 20, then: 3},
		{name: "exception 4 for addresses", device: registerMap{illegal: set(57, 130), code: 4}, spans: each(200, 1), without: 2, first: 30, then: 3},
		{name: "the first and the last", device: registerMap{illegal: set(0, 124)}, spans: each(125, 1), without: 2, first: 30, then: 1},
		{name: "one within a point of several", device: registerMap{illegal: set(11)}, spans: []span{h(0, 10), h(10, 4), h(14, 2)}, without: 1, first: 5, then: 2},
		{name: "one point", device: registerMap{illegal: set(3)}, spans: []span{h(3, 1)}, without: 1, first: 1, then: 1},
		{name: "one point twice", device: registerMap{illegal: set(3)}, spans: []span{h(3, 1), h(3, 1), h(4, 1)}, without: 2, first: 3, then: 1},
		{name: "an address in a gap", device: registerMap{illegal: set(5)}, spans: []span{h(0, 4), h(8, 4)}, first: 4, then: 2,
			thirdSpans: []span{h(0, 4), h(8, 4)}},
		{name: "an address in a gap of many points", device: registerMap{illegal: set(43)}, spans: each(20, 5), first: 20, then: 2,
			thirdSpans: []span{h(0, 41), h(45, 51)}},
		{name: "blocks that are read apart", device: registerMap{walls: []int{40}}, spans: each(100, 1), first: 20, then: 2,
			thirdSpans: []span{h(0, 40), h(40, 60)}},
		{name: "one inside another", device: registerMap{illegal: set(5)}, spans: []span{h(0, 10), h(2, 1), h(12, 1)}, without: 1, first: 6, then: 2},
		{name: "coils", device: registerMap{illegal: set(300)}, spans: []span{c(0, 100), c(290, 20), c(400, 3)}, without: 1, first: 5, then: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLearner(t, &tt.device, tt.settings, tt.spans...)
			without, requests := l.cycle(t)
			if without != tt.without || requests > tt.first {
				t.Errorf("first read: %d points without a value after %d requests, want %d after at most %d", without, requests, tt.without, tt.first)
			}
			if without, _ := l.cycle(t); without != tt.without {
				t.Errorf("second read: %d points without a value, want %d", without, tt.without)
			}
			l.asked = nil
			without, requests = l.cycle(t)
			if without != tt.without || requests != tt.then {
				t.Errorf("third read: %d points without a value after %d requests %v, want %d after %d", without, requests, l.asked, tt.without, tt.then)
			}
			if tt.thirdSpans != nil && fmt.Sprint(l.asked) != fmt.Sprint(tt.thirdSpans) {
				t.Errorf("third read: %v, want %v", l.asked, tt.thirdSpans)
			}
		})
	}
}

// TestLearningTheMost reads devices whose answers hold less than the
// specification allows: all values flow from the first read on, and soon each
// request asks for as many as there may be.
func TestLearningTheMost(t *testing.T) {
	t.Parallel()
	for _, code := range []exception{0, 2, 4} {
		for _, most := range []int{1, 2, 10, 32, 60, 100, 124} {
			t.Run(fmt.Sprintf("%d registers, exception %d", most, code), func(t *testing.T) {
				t.Parallel()
				l := newLearner(t, &registerMap{most: most, code: code}, nil, each(250, 1)...)
				var without, requests int
				for range 10 {
					without, requests = l.cycle(t)
				}
				// Of the smallest, some requests are left to be understood.
				if want, slack := (250+most-1)/most, 8/most; without != 0 || requests > want+slack {
					t.Errorf("%d points without a value after %d requests, want none after %d", without, requests, want)
				}
			})
		}
	}
}

// TestRetest lets time pass: what is refused is asked again after a minute, two,
// four and at last each hour; when the device has it, it flows again, and so
// does all else that was refused.
func TestRetest(t *testing.T) {
	t.Parallel()
	l := newLearner(t, &registerMap{illegal: set(7, 9)}, nil, each(20, 1)...)
	var asked []int // seconds at which 7 was asked for alone
	for second := range 5 * 3600 {
		l.asked = l.asked[:0]
		if without, requests := l.cycle(t); without != 2 || second > 0 && requests > 4 {
			t.Fatalf("after %d s %d points are without a value, and %d requests were made: %v", second, without, requests, l.asked)
		}
		for _, s := range l.asked {
			if s == h(7, 1) && second > 0 {
				asked = append(asked, second)
			}
		}
	}
	if fmt.Sprint(asked[:4]) != "[60 180 420 900]" || asked[len(asked)-1]-asked[len(asked)-2] < 3600 {
		t.Errorf("asked again after %v seconds", asked)
	}
	l.illegal = nil
	for range 3600 {
		if without, _ := l.cycle(t); without == 0 {
			return
		}
	}
	t.Error("an hour after the device has all addresses, not all flow")
}

// TestRefusalTells reads what a device has not: the reading says what it said,
// and when it is asked again.
func TestRefusalTells(t *testing.T) {
	t.Parallel()
	l := newLearner(t, &registerMap{illegal: set(7)}, nil, h(6, 1), h(7, 1))
	for range 60 {
		l.now = l.now.Add(time.Second)
		readings, _ := l.read(t)
		const want = "read holding register 7: illegal data address (exception 2); next try at "
		if readings[0].Err != nil || readings[1].Err == nil || !strings.HasPrefix(readings[1].Err.Error(), want) {
			t.Errorf("got %v and %v, want %s", readings[0].Err, readings[1].Err, want)
		}
	}
}

// TestReconnected retests one thing at a time after a reconnect, and forgets
// nothing else meanwhile.
func TestReconnected(t *testing.T) {
	t.Parallel()
	l := newLearner(t, &registerMap{illegal: set(7, 9, 43)}, nil, append(each(20, 1), h(40, 2), h(45, 2))...)
	for range 3 {
		l.cycle(t)
	}
	l.device.unit.line.Load().connections.Add(1)
	extra := 0
	for range 100 {
		l.asked = nil
		without, requests := l.cycle(t)
		if without != 2 || requests > 8 {
			t.Fatalf("%d points are without a value, and %d requests were made: %v", without, requests, l.asked)
		}
		extra += requests - 5 // 0-6, 8, 10-19 with 40-41 apart, 45-46
	}
	if extra < 3 || extra > 100*5/retestShare {
		t.Errorf("%d requests more than needed in 100 reads of 5, want some, and no more than one in %d", extra, retestShare)
	}
}

// TestLearningIsBounded reads a device that refuses nearly everything: no read
// makes more than so many requests beyond those that it planned, and in the end
// all is known.
func TestLearningIsBounded(t *testing.T) {
	t.Parallel()
	illegal := set()
	for at := range 400 {
		if at%3 != 0 {
			illegal[at] = true
		}
	}
	l := newLearner(t, &registerMap{illegal: illegal}, nil, each(400, 1)...)
	last := 4 // requests planned at first
	var without int
	for n := range 40 {
		var requests int
		if without, requests = l.cycle(t); requests > last+2*maxExtra {
			t.Fatalf("read %d makes %d requests after one of %d", n, requests, last)
		}
		last = requests
	}
	if without != len(illegal) {
		t.Errorf("in the end %d points are without a value, want %d", without, len(illegal))
	}
}

// TestPassing has a device refuse for a moment what it has: nothing is held
// against it for long.
func TestPassing(t *testing.T) {
	t.Parallel()
	l := newLearner(t, &registerMap{}, nil, each(100, 1)...)
	l.cycle(t)
	q := l.device.inquire(l.points)
	asked := 0
	q.ask = func(ctx context.Context, s span) ([]byte, time.Time, error) {
		if asked++; asked == 1 {
			return nil, l.now, exception(modbus.ExceptionCodeServerDeviceFailure)
		}
		return l.ask(ctx, s)
	}
	if err := q.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if without, requests := l.cycle(t); without != 0 || requests != 1 {
		t.Errorf("afterwards %d points are without a value and %d requests are made, want none and 1", without, requests)
	}
}

// TestMaxRegisters holds points to what the device's settings say.
func TestMaxRegisters(t *testing.T) {
	t.Parallel()
	l := newLearner(t, &registerMap{}, driver.Settings{"ip": "127.0.0.1", "maxRegisters": 4, "maxCoils": "8", "maxGap": 0}, h(0, 4), h(4, 1), h(6, 1), c(0, 8))
	if _, requests := l.read(t); requests != 4 {
		t.Errorf("%d requests, want 4: %v", requests, l.asked)
	}
	for _, s := range []span{h(0, 5), c(0, 9)} {
		_, err := l.device.Point(driver.PointConfig{Name: "p", Type: driver.Bytes, Settings: driver.Settings{
			"register": tables[s.table].word, "offset": s.first, "limit": s.count}})
		if err == nil || !strings.HasPrefix(err.Error(), "limit: ") {
			t.Errorf("%v: got %v, want limit refused", s, err)
		}
	}
}
