package cloudsvc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// testEvents notes what is told.
type testEvents struct {
	mu     sync.Mutex
	fails  int // how many calls still fail
	events []dataplane.Message
}

func (e *testEvents) PublishEvents(_ context.Context, events []dataplane.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fails > 0 {
		e.fails--
		return ErrBusy
	}
	e.events = append(e.events, events...)
	return nil
}

// values returns what was told of a device.
func (e *testEvents) values(t *testing.T, device string) (values []hookEvent) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.events {
		var event hookEvent
		if err := json.Unmarshal([]byte(m.Value.String()), &event); err != nil || m.Topic != HookTopic || m.Namespace != defaultNamespace {
			t.Errorf("event %+v: %v", m, err)
		}
		if m.Device == device {
			values = append(values, event)
		}
	}
	return values
}

func (e *testEvents) names(t *testing.T, device string) (names []string) {
	t.Helper()
	for _, event := range e.values(t, device) {
		names = append(names, event.Event)
	}
	return names
}

func (b *hooksBench) setState(t *testing.T, id string, state HookState) {
	t.Helper()
	if _, err := b.Change(t.Context(), id, func(h *Hook) error { h.State = state; return nil }); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestEventsOfASubscription(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		b.told.fails = 2 // the log takes nothing for a moment
		hook := b.create(t, nil)
		b.publish(t, packer, "a")
		time.Sleep(10 * time.Second)
		b.setState(t, hook.ID, HookPaused)
		b.setState(t, hook.ID, HookPaused)
		b.setState(t, hook.ID, HookActive)
		b.answerAs(always(webhook.Retry))
		b.publish(t, packer, "a", "b")
		time.Sleep(time.Minute) // both are dead
		b.setState(t, hook.ID, HookPaused)
		b.setState(t, hook.ID, HookActive)
		b.publish(t, packer, "a")
		time.Sleep(2 * time.Second)
		b.answerAs(always(webhook.Done))
		time.Sleep(time.Minute)
		b.answerAs(always(webhook.Gone))
		b.publish(t, packer, "a")
		synctest.Wait()
		if err := b.Delete(t.Context(), hook.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantTexts(t, "events", b.told.names(t, hook.ID), eventCreated, eventPaused, eventResumed, eventFailing, eventDeadLetter, eventDeadLetter,
			eventPaused, eventResumed, eventRecovered, eventFailing, eventDisabled, eventDeleted)
		got := b.told.values(t, hook.ID)[4]
		letter := b.store.buried()[0]
		if want := (hookEvent{Event: eventDeadLetter, Reason: "exhausted", Detail: letter.Detail, DeadLetter: letter.ID, Message: letter.MessageID, Tries: 3}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// TestEventsMakeNoEvents has what becomes of an event make none: else two
// subscriptions to events would keep each other busy.
func TestEventsMakeNoEvents(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Refused))
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.Topic = HookTopic })
		m := eventMessage(hook.ID, &hookEvent{Event: eventFailing}, time.Now())
		b.publishBatch(t, packer, &dataplane.Batch{Publisher: eventPublisher, Class: dataplane.RT, Epoch: 1, First: 1, Messages: []dataplane.Message{m}})
		synctest.Wait()
		if n := len(b.store.buried()); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
		wantTexts(t, "events", b.told.names(t, hook.ID), eventCreated)
	})
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := new(testEvents)
		e := newHookEvents(told, klog.Logger{})
		ctx, cancel := context.WithCancel(t.Context())
		go e.run(ctx)
		for n := range 10 * eventBurst {
			e.tell(fmt.Sprint(n), hookEvent{Event: eventFailing})
		}
		time.Sleep(10 * time.Second)
		e.tell("late", hookEvent{Event: eventFailing})
		cancel()
		synctest.Wait()
		more := told.values(t, moreDevice)
		if want := []hookEvent{{Event: eventMore, Count: 9 * eventBurst}}; !slices.Equal(more, want) {
			t.Errorf("%+v, want %+v", more, want)
		}
		if n := len(told.events); n != eventBurst+2 {
			t.Errorf("%d events, want %d", n, eventBurst+2)
		}
	})
}

// TestLossIsTold has the log let go of what a subscription has not had.
func TestLossIsTold(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		hook := b.create(t, nil)
		b.setState(t, hook.ID, HookPaused)
		b.publish(t, packer, "a")
		b.publish(t, packer, "a")
		b.log.mu.Lock()
		b.log.gone[dataplane.RT] = 1
		b.log.mu.Unlock()
		b.options.Dispatcher.recent = [len(b.options.Dispatcher.recent)]ring{}
		b.setState(t, hook.ID, HookActive)
		var lost []hookEvent
		for _, event := range b.told.values(t, hook.ID) {
			if event.Event == eventLost {
				lost = append(lost, event)
			}
		}
		if len(lost) != 1 || lost[0].Class != "RT" || !strings.Contains(lost[0].Reason, "blocks 1 to 1") {
			t.Errorf("%+v, want block 1", lost)
		}
		if letters := b.store.buried(); len(letters) != 1 || !strings.Contains(string(letters[0].Message), dataplane.GapTopic) {
			t.Errorf("%+v, want the gap, which this receiver refuses", letters)
		}
		_, took := b.receiver.all()
		wantTexts(t, "took", took, "a 2")
	})
}
