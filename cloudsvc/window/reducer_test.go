package window

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// seeds is how many histories are reduced: few enough for every build. A change
// of what is kept or counted is worth some thousand.
var seeds = flag.Uint64("seeds", 25, "histories that TestAsPlainlyComputed goes through")

// TestAsPlainlyComputed reduces histories of messages that are late, cut off, and
// of clocks that are wrong and are set, and holds every delivery to windows that
// are computed of the whole log at once: without a restart, and with many, in
// which what was delivered and what was stored are not the same. Who is found idle
// is nothing that the log tells: it is part of the history.
func TestAsPlainlyComputed(t *testing.T) {
	t.Parallel()
	closed, rests := 0, 0
	for seed := range *seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		spec := randomSpec(random)
		log := history(random, 50+random.IntN(300))
		for _, crash := range []float64{0, 0.2} {
			got, idle := reduce(t, random, spec, log, crash)
			want := plainWindows(log, spec, idle)
			closed += len(want)
			bodies := join(t, got)
			slices.SortStableFunc(bodies, func(a, b body) int { return strings.Compare(a.Publisher, b.Publisher) })
			if len(bodies) != len(want) {
				t.Errorf("%d windows, want %d", len(bodies), len(want))
				break
			}
			for i := range bodies {
				want[i].check(t, log, spec, &bodies[i])
			}
			rests += len(idle)
		}
		if t.Failed() {
			t.Fatalf("seed %d, %+v", seed, spec)
		}
	}
	if closed < int(*seeds) || rests < int(*seeds) {
		t.Errorf("only %d windows closed, and %d times somebody was idle, in %d histories", closed, rests, *seeds)
	}
}

func randomSpec(random *rand.Rand) Spec {
	slide := time.Duration(1+random.IntN(20)) * time.Second
	return Spec{
		Slide: slide, Size: slide * time.Duration(pick(random, 1, 1, 1, 2, 5, 30)),
		By: Dimensions(random.IntN(32)), Functions: Functions(1 + random.IntN(127)),
		Lateness: time.Duration(random.IntN(4)) * 3 * time.Second,
	}
}

// A play is a log that is reduced over several lives.
type play struct {
	t      *testing.T
	random *rand.Rand
	log    []line
	crash  float64

	state []byte
	idle  silenced // as it was stored
	had   map[string][]byte
	made  []Delivery
}

// reduce takes in a log, and returns what is delivered, each thing once, and who
// was found idle. At each step it may crash: what was delivered since the last
// state that was stored is then delivered again.
func reduce(t *testing.T, random *rand.Rand, spec Spec, log []line, crash float64) ([]Delivery, silenced) {
	t.Helper()
	p := &play{t: t, random: random, log: log, crash: crash, idle: make(silenced), had: make(map[string][]byte)}
	for lives := 0; ; lives++ {
		if lives == 50 {
			p.crash = 0.001
		}
		r, err := New(Options{Subscription: "sub_1", Spec: spec, State: p.state})
		if err != nil {
			t.Fatal(err)
		}
		if p.live(r) {
			return p.made, p.idle
		}
	}
}

// live takes in what is behind where a Reducer is, up to a crash, or the end.
func (p *play) live(r *Reducer) bool {
	p.t.Helper()
	from := r.From()
	for i := range p.log {
		l := &p.log[i]
		if l.at.Compare(from) <= 0 {
			continue
		}
		take(p.t, r, l)
		if !p.drain(r) {
			return false
		}
		if p.crash > 0 && p.random.Float64() < 0.3 {
			p.store(r)
		}
		if i > 20 && p.random.IntN(8) == 0 && !p.rest(r, i) {
			return false
		}
	}
	return true
}

// drain takes what is to be delivered, unless there is a crash.
func (p *play) drain(r *Reducer) bool {
	p.t.Helper()
	for p.crash == 0 || p.random.Float64() >= p.crash/4 {
		d, err := r.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		if d == nil {
			return true
		}
		if before, ok := p.had[d.ID]; !ok {
			p.made = append(p.made, *d)
			p.had[d.ID] = d.Body
		} else if p.crash == 0 || !bytes.Equal(before, d.Body) {
			p.t.Fatalf("%s again:\n%s\n%s", d.ID, before, d.Body)
		}
	}
	return false
}

func (p *play) store(r *Reducer) {
	p.t.Helper()
	stored, err := r.State()
	if err != nil {
		p.t.Fatal(err)
	}
	p.state = bytes.Clone(stored)
}

// rest finds out who is idle behind a line.
func (p *play) rest(r *Reducer, at int) bool {
	p.t.Helper()
	if since := p.log[at-20].at; r.at.Compare(r.until) >= 0 && r.Silent(since) {
		var idle []string
		for publisher, s := range r.sources {
			if s.isSilent(since) {
				idle = append(idle, publisher)
			}
		}
		r.Rest(since)
		if p.crash > 0 && p.random.IntN(4) == 0 {
			return false
		}
		p.store(r)
		p.idle[at+1] = idle
		r.Pass(r.at)
	}
	return p.drain(r)
}

func take(t *testing.T, r *Reducer, l *line) {
	t.Helper()
	var err error
	if l.loss != nil {
		err = r.Lose(l.at, l.loss)
	} else {
		err = r.Add(l.at, &l.m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// join puts the parts of windows together.
func join(t testing.TB, made []Delivery) (bodies []body) {
	t.Helper()
	for _, d := range made {
		var b body
		if err := json.Unmarshal(d.Body, &b); err != nil {
			t.Fatal(err)
		}
		if b.ID != d.ID {
			t.Errorf("the body of %s has the id %s", d.ID, b.ID)
		}
		if b.Part == 1 {
			bodies = append(bodies, b)
			continue
		}
		whole := &bodies[len(bodies)-1]
		whole.Rows = append(whole.Rows, b.Rows...)
		whole.Covers = append(whole.Covers, b.Covers...)
		whole.Missing = append(whole.Missing, b.Missing...)
	}
	return bodies
}
