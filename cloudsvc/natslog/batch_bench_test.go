package natslog

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/cloudsvc"
	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// countingStore counts what is written of cursors.
type countingStore struct {
	cloudsvc.HookStore
	writes, bytes atomic.Int64
}

func (s *countingStore) SaveCursors(ctx context.Context, partition int, record []byte) error {
	s.writes.Add(1)
	s.bytes.Add(int64(len(record)))
	return s.HookStore.SaveCursors(ctx, partition, record)
}

// takesAll is a receiver that is told how many it has taken.
type takesAll struct{ taken chan struct{} }

func (r takesAll) Send(ctx context.Context, _ *webhook.Request) (webhook.Outcome, error) {
	select {
	case r.taken <- struct{}{}:
	case <-ctx.Done():
	}
	return webhook.Outcome{}, ctx.Err()
}

func (r takesAll) Handshake(context.Context, string, float64) (float64, error) { return 0, nil }

// BenchmarkBatches has subscriptions send a batch of 1,000 messages each, again
// and again: each waits until its bounds are stored.
func BenchmarkBatches(b *testing.B) {
	for _, hooks := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("hooks=%d", hooks), func(b *testing.B) { benchmarkBatches(b, hooks) })
	}
}

func benchmarkBatches(b *testing.B, hooks int) {
	log := openFolder(b, b.TempDir())
	packer, err := dataplane.NewPacker()
	if err != nil {
		b.Fatal(err)
	}
	metrics := cloudsvc.NewMetrics(prometheus.NewRegistry())
	d := cloudsvc.NewDispatcher(cloudsvc.Position{Incarnation: 1}, cloudsvc.NewHistory(log, packer, metrics), metrics)
	store, receiver := &countingStore{HookStore: log}, takesAll{make(chan struct{})}
	h, err := cloudsvc.NewHooks(b.Context(), cloudsvc.HooksOptions{Dispatcher: d, Store: store, DeadLetters: log, Sender: receiver, Handshaker: receiver})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	for range hooks {
		hook := cloudsvc.DefaultHook()
		hook.Topic, hook.Callback = "#", "https://app.example.com/"
		if _, _, err := h.Create(ctx, hook, cloudsvc.Start{}); err != nil {
			b.Fatal(err)
		}
	}
	messages := benchmarkMessages(1000)
	block := uint64(0)
	round := func() {
		block++
		d.Deliver(dataplane.BT, block, messages, nil)
		for range hooks {
			<-receiver.taken
		}
	}
	round() // all have begun
	store.writes.Store(0)
	store.bytes.Store(0)
	for b.Loop() {
		round()
	}
	batches := float64(b.N * hooks)
	b.ReportMetric(batches/b.Elapsed().Seconds(), "batches/s")
	b.ReportMetric(float64(store.writes.Load())/batches, "writes/batch")
	b.ReportMetric(float64(store.bytes.Load())/batches, "stored-B/batch")
}

func benchmarkMessages(n int) []dataplane.Message {
	messages := make([]dataplane.Message, n)
	for i := range messages {
		messages[i] = dataplane.Message{
			ID:    dataplane.ID{Publisher: "edge-1/mapper", Class: dataplane.BT, Epoch: 1, Seq: uint64(i) + 1},
			Topic: "sensor/temperature", Namespace: "default", Device: fmt.Sprint("boiler-", i%50), Property: "temperature",
			Class: dataplane.BT, Value: dataplane.DoubleValue(20.5), Time: time.Unix(1_800_000_000, 0), Node: "edge-1", Seq: uint64(i/50) + 1,
		}
	}
	return messages
}
