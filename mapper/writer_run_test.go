package mapper

import (
	"testing"
	"time"
)

// Commands go first, and hold up no desire that is due.
func TestWriterTakesTurns(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	due, later := &desire{next: now}, &desire{next: now.Add(time.Second)}
	w := newWriter(func() {}, nil)
	w.desires["due"], w.desires["later"] = due, later
	w.commands = []*command{{}, {}, {}}
	order := func() string {
		switch c, d := w.next(now); {
		case c != nil:
			return "command"
		case d == due:
			return "due"
		case d == later:
			return "later"
		}
		return "none"
	}
	for i, want := range []string{"command", "due", "command", "due", "command", "due"} {
		if got := order(); got != want {
			t.Errorf("order %d: %s, want %s", i, got, want)
		}
	}
	due.over = true
	w.commands = []*command{{}, {}}
	for i, want := range []string{"command", "command", "none"} {
		if got := order(); got != want {
			t.Errorf("with nothing due, order %d: %s, want %s", i, got, want)
		}
	}
}
