package cloudsvc

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
)

// A record that is too large keeps where each hook is, and not what was tried.
func TestCursorsFit(t *testing.T) {
	t.Parallel()
	for _, tries := range []int{2, maxOutbox} {
		record := make(cursorRecord)
		want := make(map[string]hookCursor)
		for hook := range maxHooks / cursorPartitions {
			c := cursorAt(Position{Incarnation: 1 << 63, RT: endOf(1 << 40), BT: endOf(1 << 40)}.String())
			c.BT.Batch = &batchMark{Topic: "sensor/#", To: c.BT.Position, Since: testTime}
			c.Fault, c.FaultAt = strings.Repeat("x", maxFault), testTime
			c.RT.Tries = make(map[string]webhook.Tries)
			for n := range tries {
				c.RT.Tries[fmt.Sprint("edge-1/mapper/RT/1234567890/", n)] = webhook.Tries{Count: 1, First: testTime, Next: testTime}
			}
			id := fmt.Sprint("sub_", hook)
			record[id], _ = json.Marshal(c)
			if tries == maxOutbox {
				c.RT.Tries, c.Fault, c.FaultAt = nil, "", time.Time{}
			}
			want[id] = c
		}
		text, err := record.encode()
		var got map[string]hookCursor
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || len(text) > maxCursors || !reflect.DeepEqual(got, want) {
			t.Errorf("%d tries: %d bytes, %v, want %d at most, and each hook where it is", tries, len(text), err, maxCursors)
		}
	}
}

// TestLastErrorSurvives has why a receiver fails told after a restart, and while
// the subscription is paused, until a try goes well.
func TestLastErrorSurvives(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		log, store := newMemoryLog(), newMemoryHooks()
		reason := strings.Repeat("x", maxFault-1) + "é and more"
		fails := func(int, *webhook.Request) webhook.Outcome {
			return webhook.Outcome{Verdict: webhook.Later, RetryAfter: time.Hour, Reason: reason}
		}
		b := startHooks(t, log, store, fails)
		hook := b.create(t, nil)
		b.publish(t, packer, "a")
		synctest.Wait()
		failed := time.Now().UTC()
		b.stop()
		time.Sleep(time.Minute)
		b = startHooks(t, log, store, always(webhook.Done))
		defer b.stop()
		shows := func(want string) {
			t.Helper()
			status, err := b.Status(hook.ID)
			if err != nil || status.LastError != want || !status.LastErrorTime.Equal(failed) {
				t.Errorf("%q at %v, %v, want %q at %v", status.LastError, status.LastErrorTime, err, want, failed)
			}
		}
		synctest.Wait()
		shows(reason[:maxFault-1])
		b.setState(t, hook.ID, HookPaused)
		shows(reason[:maxFault-1])
		b.setState(t, hook.ID, HookActive)
		time.Sleep(2 * time.Hour)
		shows("")
	})
}
