package modbus_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestEchoIsNoAnswer asks a unit that is away for anything first, where each request
// comes back: none of it is an answer. When the unit is there, it is done.
func TestEchoIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		t.Run(fmt.Sprint(op), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &oracle{t: t, framing: echoing, play: silence}
				u := o.unit(t, o.driver(), 1)
				if err := u.try(t.Context(), t, op); err == nil || !contains(err, "no answer in 1") {
					t.Errorf("got %v, want no answer", err)
				}
				u.shut(t)
				o.play = obey
				time.Sleep(time.Minute)
				u = o.unit(t, o.driver(), 1)
				if err := u.try(t.Context(), t, op); err != nil {
					t.Error(err)
				}
				u.shut(t)
				time.Sleep(time.Minute) // the peer has said all
			})
		})
	}
}
