package cloudsvc

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"datastub/dataplane"
)

// A publisher of more series than are kept begins them anew, and higher.
func TestNumberingForgetsSeries(t *testing.T) {
	t.Parallel()
	n, err := newNumbering("http/me", 1000, nil, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]uint64)
	for round := range 3 {
		for k := range 501 {
			m := []dataplane.Message{httpMessage(dataplane.RT, fmt.Sprintf("topic/%d", k*(round+1)))}
			n.commit(n.number(m))
			if m[0].Seq <= series[m[0].Topic] {
				t.Fatalf("%s: %d came behind %d", m[0].Topic, m[0].Seq, series[m[0].Topic])
			}
			series[m[0].Topic] = m[0].Seq
		}
	}
	if len(n.series) > 1000 {
		t.Errorf("%d series are kept, want 1000 at most", len(n.series))
	}
}

// A numbering that is forgotten at any moment loses and repeats nothing: ids
// and sequences rise.
func TestNumberingForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rounds = 300
		log := newMemoryLog()
		c := startCloud(quiet(t.Context()), t, log, nil)
		room := semaphore.NewWeighted(1 << 30)
		accepted := make(chan struct{})
		go func() {
			defer close(accepted)
			var last uint64
			for round := range rounds {
				m := []dataplane.Message{httpMessage(dataplane.RT, "a"), httpMessage(dataplane.BT, "a")}
				if !room.TryAcquire(weigh(m)) {
					t.Error("no room")
				}
				_, waits, err := c.accept("zmq/p", maxProducerSeries, room, nil, m)
				if err != nil {
					t.Error(err)
					return
				}
				if m[0].Seq <= last {
					t.Errorf("sequence %d came behind %d", m[0].Seq, last)
				}
				last = m[1].Seq
				for _, stored := range waits[:round%3] { // none, one or both
					<-stored
				}
			}
		}()
		for forgetting := true; forgetting; {
			c.forgetNumberings(func(string) bool { return false })
			select {
			case <-accepted:
				forgetting = false
			default:
			}
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
		if got := log.checkOnce(t); got != 2*rounds {
			t.Errorf("stored: got %d messages, want %d", got, 2*rounds)
		}
	})
}
