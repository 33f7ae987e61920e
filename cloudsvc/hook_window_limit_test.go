package cloudsvc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/window"
	"datastub/dataplane"
)

// What would take too much memory ends the subscription, which says how it goes
// on, gives back what it had, and harms no other.
func TestWindowsAreTooMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		defer b.stop()
		b.open = window.NewBudget(1 << 20)
		other := b.create(t, func(h *Hook) { h.Topic, h.Window = "other", windowSpec(time.Minute) })
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		b.sendBTOf(t, packer, "other", "edge-1/mapper", 0)
		const devices = 1000
		batch := &dataplane.Batch{Publisher: "edge-1/mapper", Class: dataplane.BT, Epoch: 1, First: b.next}
		for i := range devices {
			m := testMessage("sensor/a")
			m.Class, m.Device, m.Value = dataplane.BT, fmt.Sprint("d", i), dataplane.StringValue(strings.Repeat("x", 1000))
			batch.Messages = append(batch.Messages, m)
		}
		b.publishBatch(t, packer, batch)
		b.next += devices
		time.Sleep(time.Minute)
		h, err := b.Get(hook.ID)
		if err != nil || h.State != HookDisabled || !strings.Contains(h.Why, "of all subscriptions together take more than 1 MiB; want a narrower topic") {
			t.Fatalf("state %s, why %q, %v", h.State, h.Why, err)
		}
		if h, err = b.Get(other.ID); err != nil || h.State != HookActive {
			t.Errorf("the other one: state %s, why %q, %v", h.State, h.Why, err)
		}
		_, err = b.Change(t.Context(), hook.ID, func(h *Hook) error {
			h.State, h.Window = HookActive, windowSpec(time.Minute)
			h.Window.By = window.Topic
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		b.sendBTOf(t, packer, "other", "edge-1/mapper", time.Hour)
		b.sendBT(t, packer, "edge-1/mapper", time.Hour)
		time.Sleep(time.Minute)
		got := receiver.counts(t)
		if slices.Sort(got); !slices.Equal(got, []int{1, devices}) {
			t.Errorf("counts %v, want all of them once", got)
		}
	})
}
