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

// What would take too much memory ends the subscription, and says how it goes on.
func TestWindowsAreTooMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		batch := &dataplane.Batch{Publisher: "edge-1/mapper", Class: dataplane.BT, Epoch: 1, First: 1}
		const devices = 25_000
		for i := range devices {
			m := testMessage("sensor/a")
			m.Class, m.Device, m.Value = dataplane.BT, fmt.Sprint("d", i), dataplane.StringValue(strings.Repeat("x", 1000))
			batch.Messages = append(batch.Messages, m)
		}
		for part := range slices.Chunk(batch.Messages, 500) {
			b.publishBatch(t, packer, &dataplane.Batch{Publisher: batch.Publisher, Class: dataplane.BT, Epoch: 1, First: b.next, Messages: part})
			b.next += uint64(len(part))
		}
		time.Sleep(time.Minute)
		h, err := b.Get(hook.ID)
		if err != nil || h.State != HookDisabled || !strings.Contains(h.Why, "want a narrower topic") {
			t.Fatalf("state %s, why %q, %v", h.State, h.Why, err)
		}
		_, err = b.Change(t.Context(), hook.ID, func(h *Hook) error {
			h.State, h.Window = HookActive, windowSpec(time.Minute)
			h.Window.By = window.Topic
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		b.sendBT(t, packer, "edge-1/mapper", time.Hour)
		time.Sleep(time.Minute)
		if got := receiver.counts(t); !slices.Equal(got, []int{devices}) {
			t.Errorf("counts %v, want all of them once", got)
		}
	})
}
