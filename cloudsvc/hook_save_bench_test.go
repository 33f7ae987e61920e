package cloudsvc

import (
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"datastub/cloudsvc/webhook"
)

// What it costs to write the bounds of one batch beside hooks that are idle.
func BenchmarkSaveBounds(b *testing.B) {
	for _, idle := range []int{10, 10_000} {
		b.Run(fmt.Sprint("idle=", idle), func(b *testing.B) {
			store := newMemoryHooks()
			log := newMemoryLog()
			h, err := NewHooks(b.Context(), HooksOptions{
				Dispatcher: dispatcherOn(log, Position{Incarnation: 7}, prometheus.NewRegistry()), Store: store, DeadLetters: store,
				Sender: &testReceiver{answer: always(webhook.Done)}, Handshaker: consent(.5),
			})
			if err != nil {
				b.Fatal(err)
			}
			var one Hook
			for n := range idle {
				hook := testHook()
				hook.Topic = fmt.Sprint("other/", n)
				if one, _, err = h.Create(b.Context(), hook, Start{}); err != nil {
					b.Fatal(err)
				}
			}
			var running sync.WaitGroup
			b.Cleanup(running.Wait) // its context has ended then
			h.arrange(b.Context(), &running)
			for _, hook := range h.all() {
				h.moved(hook.ID)
			}
			h.saver.save(b.Context(), true)
			for b.Loop() {
				h.movedFar(one.ID)
				h.saver.saveCursors(b.Context(), true)
			}
		})
	}
}
