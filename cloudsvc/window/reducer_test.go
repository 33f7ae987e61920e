package window

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

// seeds is how many histories are reduced: few enough for every build. A change
// of what is kept or counted is worth some thousand.
var seeds = flag.Uint64("seeds", 60, "histories that TestAsPlainlyComputed goes through")

// TestAsPlainlyComputed reduces histories of messages that are late, cut off, and
// of clocks that are wrong and are set, and holds every delivery to windows that
// are computed of the whole log at once: without a restart, and with many, in
// which what was delivered and what was stored are not the same.
func TestAsPlainlyComputed(t *testing.T) {
	t.Parallel()
	closed := 0
	for seed := range *seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		spec := randomSpec(random)
		log := history(random, 50+random.IntN(300))
		got := reduce(t, random, spec, log, 0)
		want := plainWindows(log, spec)
		if bodies := join(t, got); len(bodies) != len(want) {
			t.Errorf("%d windows, want %d", len(bodies), len(want))
		} else {
			for i := range bodies {
				want[i].check(t, log, spec, &bodies[i])
			}
		}
		again := reduce(t, random, spec, log, 0.2)
		compareDeliveries(t, again, got)
		if t.Failed() {
			t.Fatalf("seed %d, %+v", seed, spec)
		}
		closed += len(want)
	}
	if closed < int(*seeds) {
		t.Errorf("only %d windows closed in %d histories", closed, *seeds)
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

// reduce takes in a log, and returns what is delivered, each thing once. At each
// step it may crash: what was delivered since the last state that was stored is
// then delivered again.
func reduce(t *testing.T, random *rand.Rand, spec Spec, log []line, crash float64) (made []Delivery) {
	t.Helper()
	var state []byte
	had := map[string][]byte{}
	deliver := func(d *Delivery) {
		if before, ok := had[d.ID]; !ok {
			made = append(made, *d)
			had[d.ID] = d.Body
		} else if crash == 0 || !bytes.Equal(before, d.Body) {
			t.Fatalf("%s again:\n%s\n%s", d.ID, before, d.Body)
		}
	}
	for lives := 0; ; lives++ {
		if lives == 50 {
			crash = 0.001
		}
		r, err := New(Options{Subscription: "sub_1", Spec: spec, State: state})
		if err != nil {
			t.Fatal(err)
		}
		if live(t, random, r, log, crash, deliver, &state) {
			return made
		}
	}
}

// live takes in what is behind where a Reducer is, up to a crash, or the end.
func live(t *testing.T, random *rand.Rand, r *Reducer, log []line, crash float64, deliver func(*Delivery), state *[]byte) bool {
	t.Helper()
	from := r.From()
	for i := range log {
		l := &log[i]
		if l.at.Compare(from) <= 0 {
			continue
		}
		take(t, r, l)
		for {
			if crash > 0 && random.Float64() < crash/4 {
				return false
			}
			d, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if d == nil {
				break
			}
			deliver(d)
		}
		if crash > 0 && random.Float64() < 0.3 {
			stored, err := r.State()
			if err != nil {
				t.Fatal(err)
			}
			*state = bytes.Clone(stored)
		}
	}
	return true
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

func compareDeliveries(t *testing.T, got, want []Delivery) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d deliveries with restarts, want %d", len(got), len(want))
		return
	}
	for i := range got {
		if got[i].ID != want[i].ID || !bytes.Equal(got[i].Body, want[i].Body) {
			t.Errorf("delivery %d with restarts:\n%s\nwant\n%s", i, got[i].Body, want[i].Body)
			return
		}
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
