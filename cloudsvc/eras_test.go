package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

func TestErasEnd(t *testing.T) {
	t.Parallel()
	era := func(incarnation, rt, bt uint64) Position { return Position{incarnation, endOf(rt), endOf(bt)} }
	all := eras{era(1, 0, 0), era(2, 50, 9), era(3, 40, 20), era(4, 45, 30)}
	now := era(4, 60, 31)
	for _, test := range []struct {
		incarnation uint64
		want        Position
		known       bool
	}{
		{1, era(4, 40, 9), true}, // the log went back behind where the next one began
		{2, era(4, 40, 20), true},
		{3, era(4, 45, 30), true},
		{4, now, true},
		{5, Position{}, false},
	} {
		if got, known := all.end(test.incarnation, now); got != test.want || known != test.known {
			t.Errorf("%d: got %+v, %v, want %+v, %v", test.incarnation, got, known, test.want, test.known)
		}
	}
}

func TestErasAreBounded(t *testing.T) {
	t.Parallel()
	var all eras
	for n := range uint64(maxEras + 5) {
		all = all.with(Position{Incarnation: n + 1})
	}
	if len(all) != maxEras || all[0].Incarnation != 6 {
		t.Errorf("got %d from %d on, want %d from 6 on", len(all), all[0].Incarnation, maxEras)
	}
}

// TestResumeOnBackup puts a cloudsvc's log back from a backup and goes on: who
// has a position of what is gone is told so, and gets all that came instead,
// though there are as many blocks again.
func TestResumeOnBackup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	log, backup := newMemoryLog(), newMemoryLog()
	one := startCloud(ctx, t, log, nil)
	publishOne := func(c *cloud, topic string) {
		t.Helper()
		m := dataplane.Message{Topic: topic, Namespace: "default", Device: "d", Class: dataplane.RT, Value: dataplane.IntValue(1), Time: testTime}
		if _, err := c.Publish(ctx, "anonymous", []dataplane.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	filter, _ := dataplane.ParseFilter("#")
	s, err := one.Dispatcher().SubscribeFrom(ctx, filter, Start{Earliest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publishOne(one, "kept")
	kept := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 1}).position
	for class, blocks := range log.blocks {
		backup.blocks[class], backup.times[class] = slices.Clone(blocks), slices.Clone(log.times[class])
	}
	backup.snapshot, backup.eras = log.snapshot, log.eras
	publishOne(one, "lost")
	publishOne(one, "lost")
	lost := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 2}).position
	if err := one.end(); err != nil {
		t.Fatal(err)
	}

	two := startCloud(ctx, t, backup, nil)
	defer func() { _ = two.end() }()
	for range 4 {
		publishOne(two, "other")
	}
	for _, test := range []struct {
		after Position
		gaps  int
	}{{kept, 0}, {lost, 1}} {
		s, err := two.Dispatcher().SubscribeFrom(ctx, filter, Start{After: test.after})
		if err != nil {
			t.Fatal(err)
		}
		h := follow(ctx, t, s, map[dataplane.Class]int{dataplane.RT: 4})
		s.Close()
		if len(h.gaps) != test.gaps || len(h.ids[dataplane.RT]) != 4 {
			t.Errorf("got %d lines and the gaps %+v, want 4 and %d", len(h.ids[dataplane.RT]), h.gaps, test.gaps)
		}
	}
}

// testEras are those of some starts.
func testEras(starts int) (e eras) {
	for n := range uint64(starts) {
		e = e.with(Position{Incarnation: 1<<63 + n, RT: endOf(n << n), BT: endOf(0)})
	}
	return e
}

func TestErasRecord(t *testing.T) {
	t.Parallel()
	for _, starts := range []int{0, 1, 9, maxEras} {
		want := testEras(starts)
		if got, err := parseEras(want.record()); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d starts: got %v, %v", starts, got, err)
		}
	}
	raw := testEras(3).record()
	for n := range raw {
		if e, err := parseEras(raw[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: got %v, %v; want ErrCorrupt", n, e, err)
		}
		flipped := slices.Clone(raw)
		flipped[n] ^= 0x10
		if e, err := parseEras(flipped); n != 3 && !errors.Is(err, ErrCorrupt) { // which is not used
			t.Errorf("byte %d flipped: got %v, %v; want ErrCorrupt", n, e, err)
		}
	}
}

func TestErasAnd(t *testing.T) {
	t.Parallel()
	all := testEras(5)
	for _, test := range []struct{ one, other, want eras }{
		{nil, all, all},
		{all, nil, all},
		{all, all[:2], all},
		{all[:3], all[2:], all},
	} {
		if got := test.one.and(test.other); !slices.Equal(got, test.want) {
			t.Errorf("%v and %v: got %v, want %v", test.one, test.other, got, test.want)
		}
	}
}

func FuzzParseEras(f *testing.F) {
	f.Add(testEras(2).record()[sealedHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseEras(seal(append(appendHeader(nil, erasKind, erasVersion), body...)))
		if err != nil {
			return
		}
		if again, err := parseEras(e.record()); err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("got %+v, %v; want %+v", again, err, e)
		}
	})
}

// withEras returns the snapshot of marks as it was when it had the eras.
func withEras(m *marks, e eras) []byte {
	var behind []byte
	for _, class := range dataplane.Classes {
		behind = m.trails[class].appendTo(behind)
	}
	behind = m.requests.appendTo(behind)
	body := m.snapshot()[sealedHeader:]
	body = append(e.appendTo(slices.Clone(body[:len(body)-len(behind)])), behind...)
	return seal(append(appendHeader(nil, marksKind, erasInMarks), body...))
}

// TestPositionsOutliveMarks begins a cloudsvc anew whose marks are spoiled, or of
// an earlier version: streams and durable subscriptions go on where they were,
// and only where nobody knows who wrote to the log they have it all again.
func TestPositionsOutliveMarks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(t *testing.T, l *memoryLog)
		again bool // all of it
	}{
		"kept":        {spoil: func(*testing.T, *memoryLog) {}},
		"no snapshot": {spoil: func(_ *testing.T, l *memoryLog) { l.snapshot = nil }},
		"a spoiled snapshot": {spoil: func(_ *testing.T, l *memoryLog) {
			l.snapshot = slices.Clone(l.snapshot)
			l.snapshot[len(l.snapshot)/2] ^= 1
		}},
		"a snapshot of another version": {spoil: func(_ *testing.T, l *memoryLog) {
			l.snapshot = slices.Clone(l.snapshot)
			l.snapshot[2] = erasInMarks - 1
		}},
		"eras in the snapshot": {spoil: func(t *testing.T, l *memoryLog) {
			m, _, err := parseMarks(l.snapshot)
			began, err2 := parseEras(l.eras)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			l.snapshot, l.eras = withEras(m, began), nil
		}},
		"no eras": {spoil: func(_ *testing.T, l *memoryLog) { l.eras = nil }, again: true},
		"spoiled eras": {spoil: func(_ *testing.T, l *memoryLog) {
			l.eras = slices.Clone(l.eras)
			l.eras[len(l.eras)-1] ^= 1
		}, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { resumeOverRestart(t, test.spoil, test.again) })
		})
	}
}

func resumeOverRestart(t *testing.T, spoil func(*testing.T, *memoryLog), again bool) {
	log, store, receiver := newMemoryLog(), newMemoryHooks(), new(idReceiver)
	one := beginDelivery(t, log, store, receiver)
	hook := testHook()
	if _, _, err := one.hooks.Create(t.Context(), hook, Start{}); err != nil {
		t.Fatal(err)
	}
	filter, _ := dataplane.ParseFilter("#")
	s, err := one.cloud.Dispatcher().SubscribeFrom(t.Context(), filter, Start{Earliest: true})
	if err != nil {
		t.Fatal(err)
	}
	one.publish(t)
	at := follow(t.Context(), t, s, map[dataplane.Class]int{dataplane.RT: 1, dataplane.BT: 1}).position
	s.Close()
	one.end(t)
	before := receiver.take()

	spoil(t, log)
	two := beginDelivery(t, log, store, receiver)
	defer two.end(t)
	if s, err = two.cloud.Dispatcher().SubscribeFrom(t.Context(), filter, Start{After: at}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	two.publish(t)
	lines, gaps := 1, 0
	if again {
		lines, gaps = 2, len(dataplane.Classes)
	}
	h := follow(t.Context(), t, s, map[dataplane.Class]int{dataplane.RT: lines, dataplane.BT: lines})
	if len(h.ids[dataplane.RT]) != lines || len(h.ids[dataplane.BT]) != lines || len(h.gaps) != gaps {
		t.Errorf("the stream got %v and the gaps %+v, want %d lines of a class and %d", h.ids, h.gaps, lines, gaps)
	}
	after := receiver.take()
	twice := slices.ContainsFunc(after, func(id string) bool { return slices.Contains(before, id) })
	if len(before) != 2 || !again && len(after) != 2 || twice != again {
		t.Errorf("the receiver had %q, and then %q", before, after)
	}
}

// A delivery is a cloud and the durable subscriptions on it.
type delivery struct {
	cloud *cloud
	hooks *Hooks
	stop  context.CancelFunc
	done  chan error
}

func beginDelivery(t *testing.T, log *memoryLog, store *memoryHooks, sender WebhookSender) *delivery {
	t.Helper()
	d := &delivery{cloud: startCloud(quiet(t.Context()), t, log, nil), done: make(chan error, 1)}
	var err error
	d.hooks, err = NewHooks(t.Context(), HooksOptions{
		Dispatcher: d.cloud.Dispatcher(), Store: store, DeadLetters: store, Sender: sender, Handshaker: consent(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	d.stop = stop
	go func() { d.done <- d.hooks.Run(ctx) }()
	return d
}

// publish has a message of each class stored, and delivered.
func (d *delivery) publish(t *testing.T) {
	t.Helper()
	var messages []dataplane.Message
	for _, class := range dataplane.Classes {
		messages = append(messages, dataplane.Message{
			Topic: "sensor/a", Namespace: "default", Device: "d", Class: class, Value: dataplane.IntValue(1), Time: time.Now(),
		})
	}
	if _, err := d.cloud.Publish(t.Context(), "anonymous", messages); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Minute) // batches wait for more
	synctest.Wait()
}

func (d *delivery) end(t *testing.T) {
	t.Helper()
	d.stop()
	if err := errors.Join(<-d.done, d.cloud.end()); err != nil {
		t.Error(err)
	}
}

// idReceiver takes all, and notes the ids.
type idReceiver struct {
	mu  sync.Mutex
	ids []string
}

func (r *idReceiver) Send(_ context.Context, q *webhook.Request) (webhook.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, fmt.Sprintf("%s %s", q.ID, q.ContentType))
	return webhook.Outcome{Verdict: webhook.Done}, nil
}

// take returns the ids, and forgets them.
func (r *idReceiver) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := r.ids
	r.ids = nil
	return ids
}
