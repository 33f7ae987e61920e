package cloudsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/cloudsvc/window"
	"datastub/dataplane"
)

// windowReceiver takes what comes, now and then at the second try.
type windowReceiver struct {
	random *rand.Rand

	mu     sync.Mutex
	ids    []string // in the order in which they came first
	bodies map[string][]byte
	failed map[string]bool // once
	wrong  []string
}

func newWindowReceiver(seed uint64) *windowReceiver {
	return &windowReceiver{random: rand.New(rand.NewPCG(seed, 0)), bodies: make(map[string][]byte), failed: make(map[string]bool)}
}

func (r *windowReceiver) Send(ctx context.Context, q *webhook.Request) (webhook.Outcome, error) {
	if ctx.Err() != nil {
		return webhook.Outcome{}, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.random.IntN(4) == 0 && !r.failed[q.ID] {
		r.failed[q.ID] = true
		return webhook.Outcome{Verdict: webhook.Retry, Reason: "answered 500"}, nil
	}
	switch before, ok := r.bodies[q.ID]; {
	case !ok:
		r.ids = append(r.ids, q.ID)
		r.bodies[q.ID] = bytes.Clone(q.Body)
	case strings.HasPrefix(q.ID, "win_") && !bytes.Equal(before, q.Body): // a message's position may be another
		r.wrong = append(r.wrong, fmt.Sprintf("%s:\n%s\n%s", q.ID, before, q.Body))
	}
	if r.random.IntN(20) == 0 && !r.failed[q.ID] { // it has it, and the answer is lost
		r.failed[q.ID] = true
		return webhook.Outcome{Verdict: webhook.Retry, Reason: "no answer"}, nil
	}
	return webhook.Outcome{Verdict: webhook.Done}, nil
}

// clone returns what a crash leaves.
func (m *memoryHooks) clone() *memoryHooks {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memoryHooks{hooks: maps.Clone(m.hooks), cursors: maps.Clone(m.cursors), windows: maps.Clone(m.windows)}
}

// failNext has the next calls fail.
func (m *memoryHooks) failNext(calls int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = calls
}

// windowSpec is what the tests reduce to.
func windowSpec(slide time.Duration) *window.Spec {
	return &window.Spec{
		Size: time.Minute, Slide: slide, By: window.Topic | window.Device, Lateness: 5 * time.Second,
		Functions: window.Count | window.Min | window.Avg | window.Last,
	}
}

// TestWindowsOverCrashes kills cloudsvc while it delivers windows, at any time,
// and holds what was delivered to what the whole log is reduced to at once.
func TestWindowsOverCrashes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { windowsOverCrashes(t, rand.New(rand.NewPCG(seed, 0))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func windowsOverCrashes(t *testing.T, random *rand.Rand) {
	packer := newTestPacker(t) // in the bubble: its channels are
	log, store := newMemoryLog(), newMemoryHooks()
	receiver := newWindowReceiver(random.Uint64())
	spec := windowSpec([]time.Duration{time.Minute, 20 * time.Second}[random.IntN(2)])
	b := startHooksTo(t, log, store, receiver)
	hook := b.create(t, func(h *Hook) { h.Window, h.MaxInFlight = spec, 1+random.IntN(3) })
	clocks, seqs, alarms := [2]time.Duration{0, -50 * time.Hour}, map[string]uint64{}, uint64(0)
	for range 150 {
		node := random.IntN(2)
		batch := &dataplane.Batch{Publisher: fmt.Sprintf("edge-%d/mapper", node), Class: dataplane.BT, Epoch: 1, First: seqs[fmt.Sprint(node)] + 1}
		for range 1 + random.IntN(5) {
			clocks[node] += time.Duration(random.IntN(8000)) * time.Millisecond
			m := testMessage("sensor/a")
			m.Class, m.Device, m.Value = dataplane.BT, fmt.Sprint("d", random.IntN(3)), dataplane.DoubleValue(random.NormFloat64())
			m.Time = testTime.Add(clocks[node] - time.Duration(random.IntN(9000))*time.Millisecond)
			seqs[m.Device+batch.Publisher]++
			m.Seq = seqs[m.Device+batch.Publisher]
			batch.Messages = append(batch.Messages, m)
		}
		seqs[fmt.Sprint(node)] = batch.Last()
		b.publishBatch(t, packer, batch)
		if random.IntN(10) == 0 {
			b.next = alarms + 1
			b.publish(t, packer, "alarm")
			alarms++
		}
		if random.IntN(5) == 0 {
			store.failNext(random.IntN(4))
		}
		time.Sleep(time.Duration(random.IntN(700)) * time.Millisecond)
		if random.IntN(15) == 0 {
			store = store.clone()
			b.stop()
			b = startHooksTo(t, log, store, receiver)
		}
	}
	time.Sleep(time.Hour)
	status, err := b.Status(hook.ID)
	if err != nil || status.Window == nil || status.Window.Publishers != 2 || status.LagBT > 0 {
		t.Errorf("status %+v, %v", status, err)
	}
	b.stop()
	want := reduceLog(t, packer, log, hook.ID, spec)
	got := make(map[string][]string)
	rt := uint64(0)
	for _, id := range receiver.ids {
		if strings.HasPrefix(id, "win_") {
			publisher := publisherOf(t, receiver.bodies[id])
			got[publisher] = append(got[publisher], string(receiver.bodies[id]))
		} else {
			rt++
		}
	}
	if !reflect.DeepEqual(got, want) || rt != alarms || len(want) != 2 {
		t.Errorf("%d alarms, other windows %v: want %d", rt, !reflect.DeepEqual(got, want), alarms)
	}
	if len(receiver.wrong) > 0 || len(store.letters) > 0 {
		t.Errorf("%d letters are dead; delivered twice and not the same: %s", len(store.letters), strings.Join(receiver.wrong, "\n"))
	}
}

// publisherOf returns whose window it is.
func publisherOf(t *testing.T, body []byte) string {
	t.Helper()
	var sent struct{ Publisher string }
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	return sent.Publisher
}

// reduceLog returns what a log is reduced to without a stop, by publisher.
func reduceLog(t *testing.T, packer *dataplane.Packer, log *memoryLog, subscription string, spec *window.Spec) map[string][]string {
	t.Helper()
	bodies := make(map[string][]string)
	r, err := window.New(window.Options{Subscription: subscription, Spec: *spec})
	if err != nil {
		t.Fatal(err)
	}
	for i, raw := range log.all(dataplane.BT) {
		stored, err := newPastBlock(uint64(i)+1, time.Now(), raw).unpack(packer)
		if err != nil {
			t.Fatal(err)
		}
		for n := range stored.messages {
			if err := r.Add(window.Place{Block: stored.seq, Index: uint32(n)}, &stored.messages[n]); err != nil {
				t.Fatal(err)
			}
			for d, err := r.Next(); d != nil; d, err = r.Next() {
				if err != nil {
					t.Fatal(err)
				}
				bodies[d.Publisher] = append(bodies[d.Publisher], string(d.Body))
			}
		}
	}
	return bodies
}

// sendBT publishes one BT message at a time behind testTime.
func (b *hooksBench) sendBT(t *testing.T, packer *dataplane.Packer, publisher string, behind time.Duration) {
	t.Helper()
	m := testMessage("sensor/a")
	m.Class, m.Time, m.Seq = dataplane.BT, testTime.Add(behind), b.next
	b.publishBatch(t, packer, &dataplane.Batch{Publisher: publisher, Class: dataplane.BT, Epoch: 1, First: b.next, Messages: []dataplane.Message{m}})
	b.next++
}

// counts returns the count of each row that was delivered, and of each batch.
func (r *windowReceiver) counts(t *testing.T) (counts []int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.ids {
		var body struct {
			Rows     []struct{ Count int }
			Messages []json.RawMessage
		}
		if err := json.Unmarshal(r.bodies[id], &body); err != nil {
			t.Fatalf("%.200s: %v", r.bodies[id], err)
		}
		if body.Messages != nil {
			counts = append(counts, len(body.Messages))
		}
		for _, row := range body.Rows {
			counts = append(counts, row.Count)
		}
	}
	return counts
}

// Windows resume where their record is, whenever the cursor was stored, and begin
// anew in another log.
func TestWindowsResume(t *testing.T) {
	t.Parallel()
	hook := &Hook{ID: "sub_1", Window: windowSpec(time.Minute)}
	r, err := window.New(window.Options{Subscription: hook.ID, Spec: *hook.Window, Start: window.Place{Block: 4, Index: 2}})
	if err != nil {
		t.Fatal(err)
	}
	m := testMessage("sensor/a")
	if err := r.Add(window.Place{Block: 5}, &m); err != nil { // its window stays open
		t.Fatal(err)
	}
	state, err := r.State()
	if err != nil {
		t.Fatal(err)
	}
	d := newTestDispatcher()
	d.position = Position{Incarnation: 9, RT: endOf(1), BT: endOf(6)}
	d.eras = eras{{Incarnation: 7, BT: endOf(0)}, {Incarnation: 8, BT: endOf(3)}, {Incarnation: 9, BT: endOf(5)}}
	cursor := Position{Incarnation: 7, BT: endOf(2)}
	for _, tt := range []struct {
		name   string
		record Position
		want   Position
	}{
		{"stored later than the cursor", Position{Incarnation: 8, BT: Place{Block: 5}}, Position{Incarnation: 9, BT: Place{Block: 4, Index: 2}}},
		{"of what the log has lost", Position{Incarnation: 8, BT: Place{Block: 6}}, Position{Incarnation: 9, BT: endOf(2)}},
		{"of another log", Position{Incarnation: 5, BT: Place{Block: 5}}, Position{Incarnation: 9, BT: endOf(2)}},
	} {
		_, at, err := newHookWindow(d, hook, cursor, windowRecord(tt.record, state))
		if err != nil || at != tt.want {
			t.Errorf("%s: begins at %+v, %v, want %+v", tt.name, at, err, tt.want)
		}
	}
}

// Windows of a hook that is gone go when they are loaded, if the disk lets them.
func TestWindowsOfNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryHooks()
		b := startHooksTo(t, newMemoryLog(), store, newWindowReceiver(1))
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		b.sendBT(t, newTestPacker(t), "edge-1/mapper", 0)
		time.Sleep(time.Minute)
		b.stop()
		store.windows["sub_gone"] = []byte("some")
		startHooksTo(t, b.log, store, newWindowReceiver(1)).stop()
		if len(store.windows) != 1 || store.windows[hook.ID] == nil {
			t.Errorf("windows %q, want those of %s", store.windows, hook.ID)
		}
	})
}

// A window that is changed begins with what was open.
func TestWindowChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		defer b.stop()
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		for _, behind := range []time.Duration{0, time.Second, 61 * time.Second, 80 * time.Second, 90 * time.Second} {
			b.sendBT(t, packer, "edge-1/mapper", behind)
		}
		time.Sleep(time.Minute)
		_, err := b.Change(t.Context(), hook.ID, func(h *Hook) error {
			h.Window = windowSpec(time.Minute)
			h.Window.Size, h.Window.Slide = time.Hour, time.Hour
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // else the old one may be closing
		b.sendBT(t, packer, "edge-1/mapper", 2*time.Hour)
		time.Sleep(time.Minute)
		if got := receiver.counts(t); !slices.Equal(got, []int{2, 3}) {
			t.Errorf("counts %v, want 2 of the first minute, and 3 of the rest of the hour", got)
		}
	})
}

// What was delivered as windows is not delivered again as batches, nor is what was
// delivered as batches reduced: either goes on where the other was, with what was
// in windows that were open.
func TestWindowsComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		packer := newTestPacker(t)
		receiver := newWindowReceiver(1)
		log, store := newMemoryLog(), newMemoryHooks()
		b := startHooksTo(t, log, store, receiver)
		hook := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
		restart := func() {
			store = store.clone()
			b.stop()
			next := b.next
			b = startHooksTo(t, log, store, receiver)
			b.next = next
		}
		minute := 0
		for _, step := range []struct {
			windows bool
			send    int    // messages, a minute after another
			want    string // batches and windows that came, by the messages in each
		}{
			{true, 4, "win_1 win_1"}, // 2 are open
			{false, 1, "bat_3"},
			{false, 1, "bat_1"},
			{true, 3, "win_1"}, // 2 are open
			{true, 1, "win_1"},
			{false, 2, "bat_4"},
			{true, 3, "win_1"},
		} {
			for _, restarts := range []bool{false, true} {
				if restarts {
					time.Sleep(2 * cursorEvery)
					restart()
					time.Sleep(time.Minute)
					if got := receiver.news(t); got != "" {
						t.Errorf("minute %d: %s after a restart, want nothing twice", minute, got)
					}
					continue
				}
				_, err := b.Change(t.Context(), hook.ID, func(h *Hook) error {
					h.Window = nil
					if step.windows {
						h.Window = windowSpec(time.Minute)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second) // else windows may close still
				for range step.send {
					b.sendBT(t, packer, "edge-1/mapper", time.Duration(minute)*time.Minute)
					minute++
				}
				time.Sleep(time.Minute)
				if got := receiver.news(t); got != step.want {
					t.Errorf("minute %d: %s, want %s", minute, got, step.want)
				}
			}
		}
		b.stop()
	})
}

// news returns of what kind is what came since the last call, and the messages in
// each.
func (r *windowReceiver) news(t *testing.T) string {
	t.Helper()
	counts := r.counts(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for i, id := range r.ids {
		texts = append(texts, id[:4]+fmt.Sprint(counts[i]))
	}
	r.ids = nil
	return strings.Join(texts, " ")
}

// The windows of several publishers are sent at a time, each one's in order.
func TestWindowsAreSentTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const publishers, windows = 20, 3
		packer := newTestPacker(t)
		receiver := &slowReceiver{answer: 10 * time.Second}
		b := startHooksTo(t, newMemoryLog(), newMemoryHooks(), receiver)
		b.create(t, func(h *Hook) { h.Window, h.MaxInFlight = windowSpec(time.Minute), publishers })
		for minute := range windows + 2 {
			for n := range publishers {
				b.sendBT(t, packer, fmt.Sprintf("edge-%d/mapper", n), time.Duration(minute)*time.Minute)
			}
		}
		time.Sleep(5 * windows * receiver.answer)
		b.stop()
		if len(receiver.took) != publishers*windows || receiver.most < publishers/2 {
			t.Errorf("%d windows, %d at a time at most: want %d, and those of %d publishers together", len(receiver.took), receiver.most, publishers*windows, publishers)
		}
		last := make(map[string]string)
		for _, body := range receiver.took {
			var sent struct{ Window struct{ Start string } }
			publisher := publisherOf(t, body)
			if err := json.Unmarshal(body, &sent); err != nil || sent.Window.Start <= last[publisher] {
				t.Errorf("window %s of %s behind that of %s, %v", sent.Window.Start, publisher, last[publisher], err)
			}
			last[publisher] = sent.Window.Start
		}
	})
}

// slowReceiver takes all, and its time.
type slowReceiver struct {
	answer time.Duration

	mu           sync.Mutex
	flying, most int
	took         [][]byte
}

func (r *slowReceiver) Send(ctx context.Context, q *webhook.Request) (webhook.Outcome, error) {
	r.mu.Lock()
	r.flying++
	r.most = max(r.most, r.flying)
	r.mu.Unlock()
	select {
	case <-time.After(r.answer):
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying--
	if ctx.Err() == nil {
		r.took = append(r.took, bytes.Clone(q.Body))
	}
	return webhook.Outcome{Verdict: webhook.Done}, ctx.Err()
}

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
