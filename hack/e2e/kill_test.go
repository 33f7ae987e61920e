package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"datastub/hack/stack"
)

// TestKills kills a mapper again and again, at any moment, while a program
// publishes at its socket and the link comes and goes: nothing that was accepted
// is missing, nothing comes twice, nothing out of order.
func TestKills(t *testing.T) {
	s := stack.New(t)
	o := newOrdeal(t, s, fmt.Sprintf("{dir: %s, maxBytes: 256Mi, sync: 1s}", filepath.Join(t.TempDir(), "spool")))
	for range *kills {
		o.run(300 * time.Millisecond)
		o.mapper.Kill()
		if o.rng.IntN(5) == 0 {
			o.turn()
		}
		o.mapper.Restart()
	}
	none(t, "the log", o.end())
	none(t, "the subscriber", missing(t, "the subscriber", o.publisher.read(), o.follow.messages()))
}
