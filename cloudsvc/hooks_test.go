package cloudsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// memoryHooks is a HookStore and a DeadLetterBox in memory.
type memoryHooks struct {
	mu      sync.Mutex
	hooks   map[string][]byte
	cursors map[int][]byte
	windows map[string][]byte
	memoryLetters
	saves int // records of cursors written
	fails int // how many calls still fail
}

func newMemoryHooks() *memoryHooks {
	return &memoryHooks{hooks: make(map[string][]byte), cursors: make(map[int][]byte), windows: make(map[string][]byte)}
}

var errMemoryHooks = errors.New("the disk is full")

// do runs a call, or fails it.
func (m *memoryHooks) do(call func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails > 0 {
		m.fails--
		return errMemoryHooks
	}
	call()
	return nil
}

func (m *memoryHooks) LoadHooks(context.Context) (all map[string][]byte, err error) {
	err = m.do(func() { all = maps.Clone(m.hooks) })
	return all, err
}

func (m *memoryHooks) SaveHook(_ context.Context, id string, record []byte) error {
	return m.do(func() { m.hooks[id] = bytes.Clone(record) })
}

func (m *memoryHooks) DeleteHook(_ context.Context, id string) error {
	return m.do(func() { delete(m.hooks, id); delete(m.windows, id) })
}

func (m *memoryHooks) LoadCursors(context.Context) (all map[int][]byte, err error) {
	err = m.do(func() { all = maps.Clone(m.cursors) })
	return all, err
}

func (m *memoryHooks) SaveCursors(_ context.Context, p int, record []byte) error {
	return m.do(func() { m.cursors[p] = bytes.Clone(record); m.saves++ })
}

func (m *memoryHooks) LoadWindows(context.Context) (all map[string][]byte, err error) {
	err = m.do(func() { all = maps.Clone(m.windows) })
	return all, err
}

func (m *memoryHooks) SaveWindows(_ context.Context, id string, record []byte) error {
	return m.do(func() { m.windows[id] = bytes.Clone(record) })
}

// testReceiver answers each try as it is told, and notes what it takes.
type testReceiver struct {
	answer func(n int, r *webhook.Request) webhook.Outcome // n counts all tries, from 1

	mu    sync.Mutex
	tries []string // id and time since it began
	took  []string // values, in order
	began time.Time
}

func (r *testReceiver) Send(ctx context.Context, q *webhook.Request) (webhook.Outcome, error) {
	if ctx.Err() != nil {
		return webhook.Outcome{}, ctx.Err()
	}
	var m struct {
		Value  json.Number
		Device string
	}
	if err := json.Unmarshal(q.Body, &m); err != nil {
		return webhook.Outcome{Verdict: webhook.Refused, Reason: err.Error()}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text := m.Device + " " + m.Value.String()
	r.tries = append(r.tries, fmt.Sprintf("%s at %v", text, time.Since(r.began).Round(time.Second)))
	o := r.answer(len(r.tries), q)
	if o.Verdict == webhook.Done {
		r.took = append(r.took, text)
	}
	return o, nil
}

func (r *testReceiver) all() (tries, took []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tries), slices.Clone(r.took)
}

// hooksBench is hooks that run on a log in memory, under the bubble's clock.
type hooksBench struct {
	*Hooks
	store     *memoryHooks
	receiver  *testReceiver
	told      *testEvents
	lines     *lineLog
	retention *testRetention
	log       *memoryLog
	next      uint64
	stop      func()
}

// startHooks runs hooks, of which a testReceiver takes what they send.
func startHooks(t *testing.T, log *memoryLog, store *memoryHooks, answer func(int, *webhook.Request) webhook.Outcome) *hooksBench {
	t.Helper()
	receiver := &testReceiver{answer: answer, began: time.Now()}
	b := startHooksTo(t, log, store, receiver)
	b.receiver = receiver
	return b
}

// startHooksTo runs hooks. Steady jitter makes waits what the schedule says.
func startHooksTo(t *testing.T, log *memoryLog, store *memoryHooks, sender WebhookSender) *hooksBench {
	t.Helper()
	reached := Position{Incarnation: 7 + uint64(len(log.starts))}
	for _, class := range dataplane.Classes {
		if _, last, _ := log.Ends(t.Context(), class); last > 0 {
			reached.advance(class, endOf(last))
		}
	}
	log.starts = log.starts.with(reached)
	d := dispatcherOn(log, reached, prometheus.NewRegistry())
	d.eras = log.starts
	b := &hooksBench{store: store, told: new(testEvents), lines: new(lineLog), retention: new(testRetention), log: log, next: 1}
	var err error
	b.Hooks, err = NewHooks(t.Context(), HooksOptions{
		Dispatcher: d, Store: store, DeadLetters: store, Sender: sender, Handshaker: consent(.5), Events: b.told, Retention: b.retention,
		Schedule: webhook.Schedule{time.Second, 10 * time.Second}, Random: func() float64 { return .5 }, Logger: b.lines.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

// consent is of receivers that allow so many requests a second.
type consent float64

func (c consent) Handshake(context.Context, string, float64) (float64, error) { return float64(c), nil }

// testHook is what a caller gives of one.
func testHook() Hook {
	hook := DefaultHook()
	hook.Topic, hook.Callback = "sensor/#", "https://app.example.com/hook"
	return hook
}

func (b *hooksBench) create(t *testing.T, change func(*Hook)) Hook {
	t.Helper()
	hook := testHook()
	if change != nil {
		change(&hook)
	}
	made, _, err := b.Create(t.Context(), hook, Start{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// publish stores and routes one message a device, with values from some one on.
func (b *hooksBench) publish(t *testing.T, packer *dataplane.Packer, devices ...string) {
	t.Helper()
	b.publishOf(t, packer, dataplane.RT, devices...)
}

// publishOf is publish of a class.
func (b *hooksBench) publishOf(t *testing.T, packer *dataplane.Packer, class dataplane.Class, devices ...string) {
	t.Helper()
	batch := &dataplane.Batch{Publisher: "edge-1/mapper", Class: class, Epoch: 1, First: b.next}
	for i, device := range devices {
		m := testMessage("sensor/a")
		m.Class, m.Device, m.Value = class, device, dataplane.IntValue(int64(b.next)+int64(i))
		batch.Messages = append(batch.Messages, m)
	}
	b.next = batch.Last() + 1
	b.publishBatch(t, packer, batch)
}

// publishBatch stores and routes messages.
func (b *hooksBench) publishBatch(t *testing.T, packer *dataplane.Packer, batch *dataplane.Batch) {
	t.Helper()
	data, err := packer.Pack(batch)
	if err != nil {
		t.Fatal(err)
	}
	block := &Block{
		Class:  batch.Class, // no topics: it may hold all
		Ranges: []Range{{Publisher: batch.Publisher, Epoch: batch.Epoch, First: batch.First, Last: batch.Last()}},
		Frames: [][]byte{dataplane.AppendFrame(nil, data)},
	}
	seq, err := b.log.Append(t.Context(), batch.Class, 0, block.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := newPastBlock(seq, time.Now(), b.log.all(batch.Class)[seq-1]).unpack(packer)
	if err != nil {
		t.Fatal(err)
	}
	b.options.Dispatcher.Deliver(batch.Class, seq, stored.messages, stored.gaps)
}

// A hook that was changed meanwhile is not disabled for what it was; one that
// cannot be begun is, and says why.
func TestHookIsDisabled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooks(t, log, store, always(webhook.Done))
		defer func() { b.stop() }()
		want := func(id string, state HookState, why string) {
			t.Helper()
			if hook, err := b.Get(id); err != nil || hook.State != state || !strings.Contains(hook.Why, why) {
				t.Errorf("state %s, %q, %v, want %s, %q", hook.State, hook.Why, err, state, why)
			}
		}
		hook := b.create(t, nil)
		_, err := b.Change(t.Context(), hook.ID, func(h *Hook) error { h.Callback += "/new"; return nil })
		if err != nil {
			t.Fatal(err)
		}
		b.broken(t.Context(), &hookRun{hook: hook}, &goneError{"answered 410 Gone"})
		want(hook.ID, HookActive, "")
		time.Sleep(time.Minute)
		b.stop()
		store.cursors[partitionOf(hook.ID)] = []byte(`{"` + hook.ID + `":{"rt":{"position":"x"},"bt":{"position":"x"}}}`)
		b = startHooks(t, log, store, always(webhook.Done))
		time.Sleep(time.Minute)
		want(hook.ID, HookDisabled, "RT cursor of subscription "+hook.ID)
	})
}

func always(v webhook.Verdict) func(int, *webhook.Request) webhook.Outcome {
	return func(int, *webhook.Request) webhook.Outcome {
		return webhook.Outcome{Verdict: v, Reason: "as the test wants"}
	}
}

func wantTexts(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHookDelivers(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		b.create(t, nil)
		b.create(t, func(h *Hook) { h.Topic = "other" })
		b.publish(t, packer, "a", "b", "a")
		b.publish(t, packer, "b")
		synctest.Wait()
		_, took := b.receiver.all()
		wantTexts(t, "took", took, "a 1", "b 2", "a 3", "b 4")
	})
}

func TestHookRetriesByTheSchedule(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), func(_ int, r *webhook.Request) webhook.Outcome {
			if bytes.Contains(r.Body, []byte(`"device":"bad"`)) {
				return webhook.Outcome{Verdict: webhook.Retry, Status: 500, Reason: "answered 500", Head: []byte("oh no")}
			}
			return webhook.Outcome{Verdict: webhook.Done}
		})
		defer b.stop()
		hook := b.create(t, nil)
		b.publish(t, packer, "bad", "good", "bad", "good")
		time.Sleep(time.Minute)
		tries, took := b.receiver.all()
		wantTexts(t, "tries", tries, "bad 1 at 0s", "good 2 at 0s", "good 4 at 0s", "bad 1 at 1s", "bad 1 at 11s",
			"bad 3 at 11s", "bad 3 at 12s", "bad 3 at 22s")
		wantTexts(t, "took", took, "good 2", "good 4")
		letters := b.store.buried()
		if len(letters) != 2 {
			t.Fatalf("%d dead letters, want 2", len(letters))
		}
		d := letters[0]
		if d.Subscription != hook.ID || d.MessageID != "edge-1/mapper/RT/1/1" || d.Reason != DeadExhausted || d.Tries != 3 || d.Status != 500 || d.Head != "oh no" || d.Last.Sub(d.First) != 11*time.Second {
			t.Errorf("dead letter %+v", d)
		}
	})
}

func TestHookObeysTheReceiver(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), func(n int, _ *webhook.Request) webhook.Outcome {
			if n == 1 {
				return webhook.Outcome{Verdict: webhook.Later, RetryAfter: 100 * time.Second, Reason: "answered 429"}
			}
			return webhook.Outcome{Verdict: webhook.Done}
		})
		defer b.stop()
		b.create(t, nil)
		b.publish(t, packer, "a", "b")
		time.Sleep(5 * time.Minute)
		tries, _ := b.receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 0s", "a 1 at 1m50s", "b 2 at 1m50s") // a tenth of jitter, never sooner
	})
}

func TestHookIsDisabledByItsReceiver(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Gone))
		defer b.stop()
		hook := b.create(t, nil)
		b.publish(t, packer, "a", "b")
		time.Sleep(time.Minute)
		got, err := b.Get(hook.ID)
		if err != nil || got.State != HookDisabled || got.Why == "" {
			t.Errorf("%+v, %v, want it disabled", got, err)
		}
		b.receiver.mu.Lock()
		b.receiver.answer = always(webhook.Done)
		b.receiver.mu.Unlock()
		resume(t, b, hook.ID)
		synctest.Wait()
		_, took := b.receiver.all()
		wantTexts(t, "took", took, "a 1", "b 2")
	})
}

func resume(t *testing.T, b *hooksBench, id string) {
	t.Helper()
	if _, err := b.Change(t.Context(), id, func(h *Hook) error { h.State, h.Why = HookActive, ""; return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestHookPauses(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		hook := b.create(t, nil)
		if _, err := b.Change(t.Context(), hook.ID, func(h *Hook) error { h.State = HookPaused; return nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.publish(t, packer, "a", "b")
		time.Sleep(time.Minute)
		_, took := b.receiver.all()
		wantTexts(t, "took while paused", took)
		resume(t, b, hook.ID)
		synctest.Wait()
		_, took = b.receiver.all()
		wantTexts(t, "took", took, "a 1", "b 2")
	})
}

func TestHookKeepsToItsRate(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		b.create(t, func(h *Hook) { h.MaxRate, h.MaxInFlight = .5, 8 })
		b.publish(t, packer, "a", "b", "c")
		time.Sleep(time.Minute)
		tries, _ := b.receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 0s", "b 2 at 2s", "c 3 at 4s")
	})
}

func TestHookRateThatReceiverAllows(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		b.create(t, func(h *Hook) { h.Handshake, h.MaxRate, h.MaxInFlight = HandshakeCloudEvents, 10, 8 })
		b.publish(t, packer, "a", "b", "c")
		time.Sleep(time.Minute)
		tries, _ := b.receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 0s", "b 2 at 2s", "c 3 at 4s")
	})
}

func TestHookGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooks(t, log, store, always(webhook.Retry))
		b.create(t, nil)
		b.publish(t, packer, "a")
		time.Sleep(5 * time.Second) // tried twice
		b.stop()
		next := b.next
		b = startHooks(t, log, store, always(webhook.Retry))
		b.next = next
		time.Sleep(time.Minute)
		tries, _ := b.receiver.all()
		wantTexts(t, "tries", tries, "a 1 at 6s") // the third and last, when it was due
		if n := len(store.buried()); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
		b.stop()
		b = startHooks(t, log, store, always(webhook.Done))
		b.next = next
		b.publish(t, packer, "b")
		synctest.Wait()
		_, took := b.receiver.all()
		wantTexts(t, "took", took, "b 2")
		b.stop()
	})
}

func TestHooksAreStoredBeforeTheyCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), newMemoryHooks(), always(webhook.Done))
		defer b.stop()
		synctest.Wait()
		b.store.mu.Lock()
		b.store.fails = 1
		b.store.mu.Unlock()
		if _, _, err := b.Create(t.Context(), testHook(), Start{}); !errors.Is(err, errMemoryHooks) {
			t.Errorf("Create: %v, want %v", err, errMemoryHooks)
		}
		if n := len(b.List()); n != 0 {
			t.Errorf("%d subscriptions, want none", n)
		}
		hook := b.create(t, nil)
		if err := b.Delete(t.Context(), hook.ID); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if err := b.Delete(t.Context(), hook.ID); !errors.Is(err, ErrNoSuchHook) {
			t.Errorf("Delete again: %v, want %v", err, ErrNoSuchHook)
		}
		if n := len(b.store.hooks); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

// TestHooksAddUp has a receiver that answers at random, while hooks are
// stopped and started: what was delivered and what is dead add up to what was
// published, each device's first tries in order.
func TestHooksAddUp(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	synctest.Test(t, func(t *testing.T) {
		const rounds, perRound = 10, 50
		random := rand.New(rand.NewPCG(1, 2))
		chance := rand.New(rand.NewPCG(3, 4)) // the receiver's, which asks one at a time
		answer := func(int, *webhook.Request) webhook.Outcome {
			v := []webhook.Verdict{webhook.Done, webhook.Done, webhook.Retry, webhook.Later, webhook.Refused}[chance.IntN(5)]
			return webhook.Outcome{Verdict: v, RetryAfter: time.Second, Reason: "chance"}
		}
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooks(t, log, store, answer)
		b.create(t, func(h *Hook) { h.MaxInFlight = 4 })
		took := make(map[string]bool)
		var next uint64
		for round := range rounds {
			if round > 0 {
				b = startHooks(t, log, store, answer)
				b.next = next
			}
			for range perRound {
				b.publish(t, packer, fmt.Sprint("device-", random.IntN(5)))
			}
			time.Sleep(time.Duration(random.IntN(20)) * time.Second)
			if round == rounds-1 {
				time.Sleep(time.Hour)
			}
			next = b.next
			b.stop()
			_, texts := b.receiver.all()
			wantOrder(t, texts)
			for _, text := range texts {
				took[text] = true
			}
		}
		for _, d := range store.buried() {
			var m struct {
				Value  json.Number
				Device string
			}
			if err := json.Unmarshal(d.Message, &m); err != nil {
				t.Fatal(err)
			}
			took[m.Device+" "+m.Value.String()] = true
		}
		if len(took) != rounds*perRound {
			t.Errorf("%d messages are delivered or dead, want %d", len(took), rounds*perRound)
		}
	})
}

// wantOrder checks that the values of each device rise within one run.
func wantOrder(t *testing.T, took []string) {
	t.Helper()
	last := make(map[string]int)
	for _, text := range took {
		var device string
		var value int
		if _, err := fmt.Sscan(text, &device, &value); err != nil {
			t.Fatal(err)
		}
		if value <= last[device] {
			t.Errorf("%s behind %d", text, last[device])
		}
		last[device] = value
	}
}

func TestHookRotatesItsKey(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	for _, signature := range []webhook.Signature{webhook.V1, webhook.V1a} {
		synctest.Test(t, func(t *testing.T) {
			var signed []string // the signatures of each try
			b := startHooks(t, newMemoryLog(), newMemoryHooks(), func(_ int, r *webhook.Request) webhook.Outcome {
				text := ""
				for _, key := range r.Keys {
					text += string(key.Signature()) + " "
				}
				signed = append(signed, text)
				return webhook.Outcome{Verdict: webhook.Done}
			})
			defer b.stop()
			hook := b.create(t, func(h *Hook) { h.Signature = signature })
			b.publish(t, packer, "a")
			synctest.Wait()
			key, err := b.Rotate(t.Context(), hook.ID)
			rotated, _ := b.Get(hook.ID)
			if err != nil || !slices.Equal(rotated.Keys, []string{key.Reveal(), hook.Keys[0]}) {
				t.Errorf("Rotate: keys %v, %v, want the new one, then the old one", len(rotated.Keys), err)
			}
			b.publish(t, packer, "a")
			synctest.Wait()
			time.Sleep(oldKeyTime + time.Minute)
			b.publish(t, packer, "a")
			synctest.Wait()
			one := string(signature) + " "
			if want := []string{one, one + one, one}; !slices.Equal(signed, want) {
				t.Errorf("%q signed, want %q", signed, want)
			}
		})
	}
}

func TestHookOfBeforeSignatures(t *testing.T) {
	t.Parallel()
	store := newMemoryHooks()
	store.hooks["sub_1"] = []byte(`{"id":"sub_1","topic":"a","callback":"https://app.example.com/","maxInFlight":2,"state":"paused","keys":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}`)
	synctest.Test(t, func(t *testing.T) {
		b := startHooks(t, newMemoryLog(), store, always(webhook.Done))
		defer b.stop()
		if key, err := b.Rotate(t.Context(), "sub_1"); err != nil || key.Signature() != webhook.V1 {
			t.Errorf("%v, %v, want another secret", key, err)
		}
	})
}
