package mapper

import (
	"fmt"
	"math"
	"testing"
	"time"

	"datastub/driver"
)

// A register is a point at an address.
type register int

func (r register) String() string { return fmt.Sprint("register ", int(r)) }

// A shelfPlanner has ten registers a request.
type shelfPlanner struct{}

func (shelfPlanner) Bus() string { return "bus" }

func (shelfPlanner) Plan(points []driver.Point, answer time.Duration) []driver.Request {
	var requests []driver.Request
	places := map[int]int{} // of requests, by shelf
	for k, p := range points {
		n := int(p.(register)) / 10
		at, ok := places[n]
		if !ok {
			at = len(requests)
			places[n] = at
			requests = append(requests, driver.Request{Text: fmt.Sprint("shelf ", n), Time: answer})
		}
		requests[at].Points = append(requests[at].Points, k)
	}
	return requests
}

// TestAgenda adds up a device's moments: what is due at once shares requests,
// what is not due is not asked for.
func TestAgenda(t *testing.T) {
	t.Parallel()
	type tag struct {
		at    register
		cycle time.Duration
	}
	const ms, s = time.Millisecond, time.Second
	for _, tt := range []struct {
		name      string
		tags      []tag
		perMinute float64
		reads     string // cycle: request [properties]
	}{
		{"nothing", nil, 0, "[]"},
		{"one", []tag{{0, s}}, 60, "[1s: shelf 0 [p0]]"},
		{"never read", []tag{{0, s}, {1, 0}}, 60, "[1s: shelf 0 [p0]]"},
		{"neighbours share", []tag{{0, s}, {1, s}, {12, s}}, 120, "[1s: shelf 0 [p0 p1] 1s: shelf 1 [p2]]"},
		{"slower ones ride along", []tag{{0, 5 * s}, {1, s}, {2, 10 * s}}, 60, "[1s: shelf 0 [p1] 5s: shelf 0 [p0 p1] 10s: shelf 0 [p0 p1 p2]]"},
		{"slower ones elsewhere", []tag{{0, s}, {10, 5 * s}}, 72, "[1s: shelf 0 [p0] 5s: shelf 0 [p0] 5s: shelf 1 [p1]]"},
		{"cycles that meet seldom", []tag{{0, 300 * ms}, {1, 500 * ms}}, 200 + 120 - 40, "[300ms: shelf 0 [p0] 500ms: shelf 0 [p1]]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := agenda{planner: shelfPlanner{}, answer: 10 * ms}
			for k, tag := range tt.tags {
				a.add(fmt.Sprint("p", k), tag.at, tag.cycle)
			}
			load := a.load()
			if got := 60 * load.Requests; math.Abs(got-tt.perMinute) > 1e-6 {
				t.Errorf("%v requests a minute, want %v", got, tt.perMinute)
			}
			if want := load.Requests * 0.010; math.Abs(load.Use-want) > 1e-9 {
				t.Errorf("use is %v, want %v", load.Use, want)
			}
			var reads []string
			for _, read := range a.reads() {
				for _, r := range read.Requests {
					reads = append(reads, fmt.Sprint(read.Cycle, ": ", r.Text, " ", r.Properties))
				}
			}
			if got := fmt.Sprint(reads); got != tt.reads {
				t.Errorf("reads are\n%s, want\n%s", got, tt.reads)
			}
		})
	}
}

// TestAgendaEnds adds up cycles that are all due at once after years only.
func TestAgendaEnds(t *testing.T) {
	t.Parallel()
	a := agenda{planner: shelfPlanner{}, answer: time.Millisecond}
	want := 0.0
	for k, cycle := range []time.Duration{997, 1009, 1013, 1019, 1021} {
		cycle *= time.Millisecond
		a.add(fmt.Sprint("p", k), register(10*k), cycle)
		want += 1 / cycle.Seconds()
	}
	if got := a.load().Requests; math.Abs(got-want) > want/1000 {
		t.Errorf("%v requests a second, want %v", got, want)
	}
}
