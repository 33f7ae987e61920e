package cloudsvc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

func testLetter(n int, key string) *letter {
	return &letter{id: fmt.Sprint(n), key: key, body: []byte("{}"), at: Position{RT: Place{Block: uint64(n)}}}
}

func TestOutboxPassesByWhatWaits(t *testing.T) {
	t.Parallel()
	o := newOutbox(Position{}, dataplane.RT)
	stuck, behind, other := testLetter(1, "a"), testLetter(2, "a"), testLetter(3, "b")
	for _, l := range []*letter{stuck, behind, other} {
		o.add(l)
	}
	wantDue(t, o, testTime, stuck)
	stuck.flying = true
	wantDue(t, o, testTime, other)
	later := testTime.Add(time.Minute)
	o.again(stuck, webhook.Tries{Count: 1, Next: later})
	wantDue(t, o, testTime, other)
	o.finish(other)
	if o.position != (Position{}) {
		t.Errorf("position %v moved over what is not done", o.position)
	}
	if l, next := o.due(testTime, time.Time{}); l != nil || !next.Equal(later) {
		t.Errorf("due %v, next %v, want none before %v", l, next, later)
	}
	wantDue(t, o, later, stuck)
	o.finish(stuck)
	if o.position != stuck.at {
		t.Errorf("position %v, want %v", o.position, stuck.at)
	}
	o.finish(behind)
	if o.position != other.at || len(o.letters) != 0 || o.bytes != 0 || len(o.keys) != 0 {
		t.Errorf("position %v with %d letters, want %v with none", o.position, len(o.letters), other.at)
	}
}

func TestOutboxHolds(t *testing.T) {
	t.Parallel()
	o := newOutbox(Position{}, dataplane.RT)
	if l, next := o.due(testTime, testTime.Add(time.Minute)); l != nil || !next.IsZero() {
		t.Errorf("due %v, next %v, want none at all", l, next)
	}
	o.add(testLetter(1, "a"))
	until := testTime.Add(time.Minute)
	if l, next := o.due(testTime, until); l != nil || !next.Equal(until) {
		t.Errorf("due %v, next %v, want none before %v", l, next, until)
	}
	wantDue(t, o, until, o.letters[0])
	o.letters[0].bound = true
	wantDue(t, o, until, nil)
}

func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	o := newOutbox(Position{}, dataplane.RT)
	n := 0
	for ; !o.full(); n++ {
		o.add(testLetter(n, "a"))
	}
	if n != maxOutbox {
		t.Errorf("full with %d letters, want %d", n, maxOutbox)
	}
	o = newOutbox(Position{}, dataplane.RT)
	large := testLetter(1, "a")
	large.body = make([]byte, maxOutboxBytes)
	o.add(large)
	if !o.full() {
		t.Error("not full with as many bytes as it may hold")
	}
}

// TestOutboxKeepsOrder tries letters at random: each is done once, those of a
// key in order, and the position never passes one that is not done.
func TestOutboxKeepsOrder(t *testing.T) {
	t.Parallel()
	const letters, keys = 2000, 7
	random := rand.New(rand.NewPCG(1, 2))
	o, now := newOutbox(Position{}, dataplane.RT), testTime
	var flying []*letter
	last := make(map[string]uint64)
	done := make(map[uint64]bool)
	for added := 0; len(done) < letters; now = now.Add(time.Second) {
		for added < letters && !o.full() && random.IntN(3) > 0 {
			added++
			o.add(testLetter(added, fmt.Sprint(random.IntN(keys))))
		}
		if l, _ := o.due(now, time.Time{}); l != nil && len(flying) < 4 {
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
			o.again(l, webhook.Tries{Next: now.Add(time.Duration(random.IntN(60)) * time.Second)})
			continue
		}
		seq := l.at.RT.Block
		if done[seq] || last[l.key] > seq {
			t.Fatalf("letter %d of %s is done behind %d", seq, l.key, last[l.key])
		}
		last[l.key], done[seq] = seq, true
		o.finish(l)
		for before := uint64(1); before <= o.position.RT.Block; before++ {
			if !done[before] {
				t.Fatalf("position %d is behind letter %d, which is not done", o.position.RT.Block, before)
			}
		}
	}
	if o.position.RT.Block != letters || len(o.letters) != 0 {
		t.Errorf("ends at %d with %d letters, want %d with none", o.position.RT.Block, len(o.letters), letters)
	}
}

func wantDue(t *testing.T, o *outbox, now time.Time, want *letter) {
	t.Helper()
	if l, _ := o.due(now, time.Time{}); l != want {
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

func TestNewLetter(t *testing.T) {
	t.Parallel()
	at := Position{Incarnation: 7, RT: Place{Block: 3, Index: 4}}
	m := testMessage("sensor/a")
	line, err := readHookLine(&dataplane.MessageReader{}, appendLine(nil, &m, at))
	if err != nil {
		t.Fatal(err)
	}
	l := newLetter(line)
	if want := m.Namespace + "\x00sensor/a\x00" + m.Device; l.key != want || l.id != m.ID.String() || l.at != at {
		t.Errorf("letter %q %q %v, want %q %q %v", l.key, l.id, l.at, want, m.ID, at)
	}
	for _, line := range []string{"", "{", `{"id":"x","position":"?"}`} {
		if _, err := readHookLine(&dataplane.MessageReader{}, []byte(line)); err == nil {
			t.Errorf("readHookLine(%q): no error", line)
		}
	}
}
