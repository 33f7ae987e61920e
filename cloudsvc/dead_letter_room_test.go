package cloudsvc

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/cloudsvc/webhook"
)

func messageIDs(letters []KeptLetter) []string {
	ids := make([]string, len(letters))
	for i := range letters {
		ids[i] = letters[i].MessageID
	}
	return ids
}

// TestDeadLettersMakeRoom has more of them than there is room for: the oldest
// go, and the rest is there.
func TestDeadLettersMakeRoom(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryHooks()
		store.room = roomStep + 2
		b := startHooks(t, newMemoryLog(), store, always(webhook.Refused))
		defer b.stop()
		b.create(t, nil)
		for range roomStep + 3 {
			b.publish(t, packer, "a")
		}
		synctest.Wait()
		wantTexts(t, "dead letters", messageIDs(store.buried()),
			fmt.Sprintf("edge-1/mapper/RT/1/%d", roomStep+1), fmt.Sprintf("edge-1/mapper/RT/1/%d", roomStep+2), fmt.Sprintf("edge-1/mapper/RT/1/%d", roomStep+3))
	})
}

func TestDeadLettersExpire(t *testing.T) {
	t.Parallel()
	h := testHooks(t, dispatcherOn(newMemoryLog(), Position{Incarnation: 1}, prometheus.NewRegistry()))
	box := h.options.DeadLetters
	for i, id := range []string{"a", "b", "c"} {
		if err := box.Bury(t.Context(), &DeadLetter{ID: id, MessageID: id, Last: testTime.Add(time.Duration(i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing left to do
		if err := h.dropExpired(t.Context(), testTime.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	wantTexts(t, "dead letters", messageIDs(box.(*memoryHooks).buried()), "b", "c")
	if err := h.dropExpired(t.Context(), testTime.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, "dead letters", messageIDs(box.(*memoryHooks).buried()))
}
