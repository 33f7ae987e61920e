package modbus

import (
	"context"
	"slices"
	"sync"
)

// urgency orders those that wait for a turn: the lowest goes first.
type urgency int

// A write goes before reads: somebody waits for it, while reads come again.
const (
	urgent urgency = iota
	usual
	urgencies
)

// A turn is had by one call at a time. The next to have it is the most urgent,
// and of equals the one that has waited longest. The zero value is free.
type turn struct {
	mu      sync.Mutex
	taken   bool
	waiting [urgencies][]chan struct{} // closed when the turn is theirs
}

// take waits for the turn. The error is the context's; the turn is not had then.
func (t *turn) take(ctx context.Context, u urgency) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting[u] = append(t.waiting[u], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting[u], mine); i >= 0 {
		t.waiting[u] = slices.Delete(t.waiting[u], i, i+1)
	} else {
		t.pass() // it came at the same moment
	}
	return ctx.Err()
}

// give ends the turn that take got.
func (t *turn) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass()
}

// pass hands the turn to the next, or nobody. It is called with mu held.
func (t *turn) pass() {
	for u, line := range t.waiting {
		if len(line) > 0 {
			t.waiting[u] = line[1:]
			close(line[0])
			return
		}
	}
	t.taken = false
}
