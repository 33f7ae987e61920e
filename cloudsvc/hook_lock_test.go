package cloudsvc

import (
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
)

// Nobody waits for a run that takes its time: what looks at it does, and others go
// on meanwhile.
func TestBusyRunHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
	defer b.stop()
	hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
	var run *hookRun
	for run == nil {
		var err error
		if run, err = b.runOf(hook.ID); err != nil {
			t.Fatal(err)
		}
	}
	for name, look := range map[string]func(){
		"status":  func() { _, _ = b.Status(hook.ID) },
		"warn":    func() { b.warn(doomedBlocks{}) },
		"windows": func() { b.windows(time.Time{}, true) },
		"rests":   func() { b.windows(time.Time{}.Add(-1), false) }, // before any is due
		"cursors": func() { b.movedFar(hook.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			run.mu.Lock()
			looked := make(chan struct{})
			go func() { look(); close(looked) }()
			for range 50 {
				if _, err := b.Get(hook.ID); err != nil { // as each try does
					t.Error(err)
				}
				b.create(t, nil)
			}
			run.mu.Unlock()
			<-looked
		})
	}
}

// A slowComposer takes a while for each line.
type slowComposer struct{ singles }

func (c *slowComposer) add(*hookLine, time.Time) error {
	time.Sleep(composeTime / 2)
	return nil
}

func (c *slowComposer) takes() bool { return true }

// However many lines there are, others get at the run between them.
func TestComposeTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lane := &hookLane{run: &hookRun{hooks: &Hooks{}}, wake: make(chan struct{}, 1), composer: &slowComposer{}, outbox: &outbox{}}
		m := testMessage("sensor/a")
		line := appendLine(nil, &m, Position{Incarnation: 1, RT: Place{1, 0}})
		for range 10 {
			lane.pending = append(lane.pending, line)
		}
		began := time.Now()
		if err := lane.compose(began); err != nil || len(lane.pending) == 0 || len(lane.wake) != 1 {
			t.Errorf("%d lines are left, %v, want some, and a turn of their own", len(lane.pending), err)
		}
		if took := time.Since(began); took > 2*composeTime {
			t.Errorf("a turn takes %v, want about %v", took, composeTime)
		}
	})
}
