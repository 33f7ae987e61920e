package cloudsvc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
)

// TestFailingReceiverIsLogged has each turn logged once, also that of a
// subscription to events, and nothing of a callback that nobody may see.
func TestFailingReceiverIsLogged(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Retry))
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.Callback = "https://app.example.com/s3cret?token=s3cret" })
		for range 3 {
			b.publish(t, packer, "a", "b")
			time.Sleep(time.Minute)
			b.setState(t, hook.ID, HookPaused) // says nothing anew
			b.setState(t, hook.ID, HookActive)
		}
		b.answerAs(always(webhook.Done))
		b.publish(t, packer, "a", "b")
		time.Sleep(time.Minute)
		b.answerAs(always(webhook.Refused))
		b.publish(t, packer, "a", "b")
		time.Sleep(time.Minute)
		of := []string{`"subscription"="` + hook.ID + `"`, `"topic"="sensor/#"`, `"callback"="https://app.example.com/…"`}
		wantLines(t, b.lines.matching(hook.ID),
			append(of, "fails", `"reason"="`),
			append(of, "dead letter", `"message"="`, `"deadLetter"="dl_`, `"reason"="exhausted"`, `"detail"="`),
			append(of, "takes messages again"),
			append(of, "fails", `"reason"="`),
			append(of, "dead letter", `"reason"="refused"`))
	})
}

// wantLines compares lines with what is in each.
func wantLines(t *testing.T, got []string, want ...[]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, parts := range want {
		for _, part := range parts {
			if !strings.Contains(got[i], part) {
				t.Errorf("line %d: %s, want %s in it", i, got[i], part)
			}
		}
	}
}

func TestHookLogIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines lineLog
		l := newHookLog(lines.logger())
		ctx, cancel := context.WithCancel(t.Context())
		go l.run(ctx)
		for n := range 10 * logBurst {
			l.say("a receiver", "n", fmt.Sprint(n))
		}
		time.Sleep(unloggedEvery)
		synctest.Wait()
		if n := len(lines.matching("a receiver")); n != logBurst {
			t.Errorf("%d lines, want %d", n, logBurst)
		}
		wantLines(t, lines.matching("More receivers"), []string{fmt.Sprintf(`"lines"=%d`, 9*logBurst)})
		l.say("the last")
		cancel()
		synctest.Wait()
		wantLines(t, lines.matching("the last"), []string{"the last"})
	})
}
