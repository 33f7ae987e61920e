package cloudsvc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"datastub/cloudsvc/webhook"
)

func testLetter(n int, key string) *letter {
	return &letter{id: fmt.Sprint(n), key: key, body: []byte("{}"), at: Position{RT: Place{Block: uint64(n)}}}
}

func TestWindowPassesByWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWindow(Position{})
	stuck, behind, other := testLetter(1, "a"), testLetter(2, "a"), testLetter(3, "b")
	for _, l := range []*letter{stuck, behind, other} {
		w.add(l)
	}
	wantDue(t, w, testTime, stuck)
	stuck.flying = true
	wantDue(t, w, testTime, other)
	later := testTime.Add(time.Minute)
	w.again(stuck, webhook.Tries{Count: 1, Next: later})
	wantDue(t, w, testTime, other)
	w.finish(other)
	if w.position != (Position{}) {
		t.Errorf("position %v moved over what is not done", w.position)
	}
	if l, next := w.due(testTime); l != nil || !next.Equal(later) {
		t.Errorf("due %v, next %v, want none before %v", l, next, later)
	}
	wantDue(t, w, later, stuck)
	w.finish(stuck)
	if w.position != stuck.at {
		t.Errorf("position %v, want %v", w.position, stuck.at)
	}
	w.finish(behind)
	if w.position != other.at || len(w.letters) != 0 || w.bytes != 0 || len(w.keys) != 0 {
		t.Errorf("position %v with %d letters, want %v with none", w.position, len(w.letters), other.at)
	}
}

func TestWindowHolds(t *testing.T) {
	t.Parallel()
	w := newWindow(Position{})
	w.add(testLetter(1, "a"))
	until := testTime.Add(time.Minute)
	w.hold(until)
	w.hold(testTime) // no earlier than was said before
	if l, next := w.due(testTime); l != nil || !next.Equal(until) {
		t.Errorf("due %v, next %v, want none before %v", l, next, until)
	}
	wantDue(t, w, until, w.letters[0])
}

func TestWindowIsBounded(t *testing.T) {
	t.Parallel()
	w := newWindow(Position{})
	n := 0
	for ; !w.full(); n++ {
		w.add(testLetter(n, "a"))
	}
	if n != maxWindow {
		t.Errorf("full with %d letters, want %d", n, maxWindow)
	}
	w = newWindow(Position{})
	large := testLetter(1, "a")
	large.body = make([]byte, maxWindowBytes)
	w.add(large)
	if !w.full() {
		t.Error("not full with as many bytes as it may hold")
	}
}

// TestWindowKeepsOrder tries letters at random: each is done once, those of a
// key in order, and the position never passes one that is not done.
func TestWindowKeepsOrder(t *testing.T) {
	t.Parallel()
	const letters, keys = 2000, 7
	random := rand.New(rand.NewPCG(1, 2))
	w, now := newWindow(Position{}), testTime
	var flying []*letter
	last := make(map[string]uint64)
	done := make(map[uint64]bool)
	for added := 0; len(done) < letters; now = now.Add(time.Second) {
		for added < letters && !w.full() && random.IntN(3) > 0 {
			added++
			w.add(testLetter(added, fmt.Sprint(random.IntN(keys))))
		}
		if l, _ := w.due(now); l != nil && len(flying) < 4 {
			l.flying = true
			flying = append(flying, l)
		}
		if len(flying) == 0 {
			continue
		}
		n := random.IntN(len(flying))
		l := flying[n]
		flying = slices.Delete(flying, n, n+1)
		if random.IntN(3) == 0 {
			w.again(l, webhook.Tries{Next: now.Add(time.Duration(random.IntN(60)) * time.Second)})
			continue
		}
		seq := l.at.RT.Block
		if done[seq] || last[l.key] > seq {
			t.Fatalf("letter %d of %s is done behind %d", seq, l.key, last[l.key])
		}
		last[l.key], done[seq] = seq, true
		w.finish(l)
		for before := uint64(1); before <= w.position.RT.Block; before++ {
			if !done[before] {
				t.Fatalf("position %d is behind letter %d, which is not done", w.position.RT.Block, before)
			}
		}
	}
	if w.position.RT.Block != letters || len(w.letters) != 0 {
		t.Errorf("ends at %d with %d letters, want %d with none", w.position.RT.Block, len(w.letters), letters)
	}
}

func wantDue(t *testing.T, w *window, now time.Time, want *letter) {
	t.Helper()
	if l, _ := w.due(now); l != want {
		t.Fatalf("due is %+v, want %+v", l, want)
	}
}

func TestWebhookID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"edge-1/mapper/RT/7/42":      "edge-1/mapper/RT/7/42",
		"edge.plant/mapper/RT/7/42":  "edge%2Eplant/mapper/RT/7/42",
		"edge-1/mapper/RT/7/42-49.1": "edge-1/mapper/RT/7/42-49%2E1",
		"100%/müller/RT/7/42":        "100%25/m%C3%BCller/RT/7/42",
	} {
		if got := webhookID(id); got != want {
			t.Errorf("webhookID(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestReadLetter(t *testing.T) {
	t.Parallel()
	at := Position{Incarnation: 7, RT: Place{Block: 3, Index: 4}}
	m := testMessage("sensor/a")
	l, err := readLetter(appendLine(nil, &m, at))
	if err != nil {
		t.Fatal(err)
	}
	if want := m.Namespace + "\x00sensor/a\x00" + m.Device; l.key != want || l.id != m.ID.String() || l.at != at {
		t.Errorf("letter %q %q %v, want %q %q %v", l.key, l.id, l.at, want, m.ID, at)
	}
	for _, line := range []string{"", "{", `{"id":"x","position":"?"}`} {
		if _, err := readLetter([]byte(line)); err == nil {
			t.Errorf("readLetter(%q): no error", line)
		}
	}
}
