package push

import (
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

// on returns a letter of a lane.
func on(property, body string) *letter { return &letter{lane: lane{property: property}, body: body} }

// texts returns what a batch says.
func texts(batch [][]*letter) (all []string) {
	for _, letters := range batch {
		var line []string
		for _, l := range letters {
			line = append(line, l.body)
		}
		all = append(all, strings.Join(line, " "))
	}
	return all
}

func wantTexts(t *testing.T, batch [][]*letter, want ...string) {
	t.Helper()
	if got := texts(batch); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	t.Parallel()
	q := newQueue(new(atomic.Int64))
	for _, l := range []*letter{on("a", "a1"), on("b", "b1"), on("a", "a2"), on("c", "c1"), on("a", "a3")} {
		q.put(l)
	}
	batch := q.take()
	wantTexts(t, batch, "a1 a2 a3", "b1", "c1")
	q.put(on("b", "b2"))
	q.put(on("a", "a4"))
	batch[0][0].fate, batch[2][0].fate = delivered, refused // a2, a3 and b1 are kept
	q.settle(batch)
	batch = q.take()
	wantTexts(t, batch, "b1 b2", "a2 a3 a4")
	for _, letters := range batch {
		for _, l := range letters {
			l.fate = delivered
		}
	}
	q.settle(batch)
	if q.length() != 0 || q.bytes != 0 || q.total.Load() != 0 {
		t.Errorf("%d letters, %d bytes, %d in total are left", q.length(), q.bytes, q.total.Load())
	}
}

// A lane that is never taken has its share of a batch, and no more.
func TestQueueServesLanesInTurn(t *testing.T) {
	t.Parallel()
	q := newQueue(new(atomic.Int64))
	for range 10 * maxBatch {
		q.put(on("stuck", "s"))
	}
	for range maxBatch {
		q.put(on("a", "a"))
		q.put(on("b", "b"))
	}
	taken := map[string]int{}
	for range 4 {
		batch := q.take()
		n := 0
		for _, letters := range batch {
			n += len(letters)
			for _, l := range letters {
				if l.lane.property != "stuck" {
					l.fate = delivered
				}
			}
			if letters[0].lane.property != "stuck" {
				taken[letters[0].lane.property] += len(letters)
			}
		}
		if n > maxBatch {
			t.Errorf("a batch of %d, want %d at the most", n, maxBatch)
		}
		q.settle(batch)
	}
	if taken["a"] != maxBatch || taken["b"] != maxBatch || q.length() != 10*maxBatch {
		t.Errorf("taken %v, left %d", taken, q.length())
	}
}

func TestQueueDropsTheOldest(t *testing.T) {
	t.Parallel()
	total := new(atomic.Int64)
	q := newQueue(total)
	body := strings.Repeat("x", maxBytes/4-letterSize)
	for i, name := range []string{"a", "b", "a", "c"} {
		if dropped := q.put(on(name, body)); dropped != 0 {
			t.Errorf("letter %d: %d dropped", i, dropped)
		}
	}
	if dropped := q.put(on("b", body)); dropped != 1 {
		t.Errorf("one too many: %d dropped", dropped)
	}
	batch := q.take()
	if len(batch) != 3 || len(batch[0]) != 1 || batch[0][0].number != 3 || batch[1][0].number != 2 {
		t.Errorf("what is left: %+v", batch)
	}
	if dropped := q.put(on("d", body)); dropped != 0 {
		t.Errorf("%d dropped of what is taken", dropped)
	}
	q.settle(batch)
	if n := q.put(on("e", "")); n != 2 {
		t.Errorf("%d dropped, want 2: what was put while all was taken, and this", n)
	}
	full := newQueue(total)
	total.Store(maxTotal)
	full.put(on("a", ""))
	if dropped := full.put(on("a", "")); dropped != 1 || full.length() != 1 {
		t.Errorf("%d dropped, %d left, want the newest only", dropped, full.length())
	}
	if n := full.close(); n != 1 || total.Load() != maxTotal || full.put(on("a", "")) != 1 || full.length() != 0 {
		t.Errorf("closed: %d dropped, %d in total", n, total.Load())
	}
}
