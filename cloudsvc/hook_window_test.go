package cloudsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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

// windowSpec is what the tests reduce to.
func windowSpec(slide time.Duration) *window.Spec {
	return &window.Spec{
		Size: time.Minute, Slide: slide, By: window.Topic | window.Device, Lateness: 5 * time.Second, Idle: 10 * time.Minute,
		Functions: window.Count | window.Min | window.Avg | window.Last,
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

// sendBT publishes one BT message at a time behind testTime.
func (b *hooksBench) sendBT(t *testing.T, packer *dataplane.Packer, publisher string, behind time.Duration) {
	t.Helper()
	b.sendBTOf(t, packer, "sensor/a", publisher, behind)
}

// sendBTOf is sendBT to a topic.
func (b *hooksBench) sendBTOf(t *testing.T, packer *dataplane.Packer, topic, publisher string, behind time.Duration) {
	t.Helper()
	m := testMessage(topic)
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
