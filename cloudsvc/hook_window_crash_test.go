package cloudsvc

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/window"
	"datastub/dataplane"
)

// TestWindowsOverCrashes kills cloudsvc while it delivers windows, at any time,
// and holds what was delivered to what the whole log is reduced to at once.
func TestWindowsOverCrashes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
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
	if err != nil || status.Window == nil || status.Window.Publishers != 2 || status.Window.Open > 0 || status.LagBT > 0 {
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

// reduceLog returns what a log is reduced to without a stop, by publisher, when all
// of them have fallen silent at its end.
func reduceLog(t *testing.T, packer *dataplane.Packer, log *memoryLog, subscription string, spec *window.Spec) map[string][]string {
	t.Helper()
	bodies := make(map[string][]string)
	r, err := window.New(window.Options{Subscription: subscription, Topic: testHook().Topic, Spec: *spec})
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
	end := window.Place{Block: uint64(len(log.all(dataplane.BT))) + 1} // nothing came for an hour
	r.Pass(end)
	r.Rest(end)
	r.Pass(end)
	for d, err := r.Next(); d != nil; d, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
		bodies[d.Publisher] = append(bodies[d.Publisher], string(d.Body))
	}
	return bodies
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
		_, at, err := newHookWindow(d, hook, window.NewBudget(windowBytes), cursor, windowRecord(tt.record, state))
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
