package cloudsvc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datastub/cloudsvc/webhook"
)

// A record that cannot be read harms nobody but whose it is, which says so and
// delivers nothing; all can be listed, and deleted.
func TestGarbageHarmsItsOwn(t *testing.T) {
	t.Parallel()
	packer := newTestPacker(t)
	for name, spoil := range map[string]func(store *memoryHooks, id string){
		"subs":          func(store *memoryHooks, id string) { store.hooks[id] = []byte("\x00garbage") },
		"subs, cut off": func(store *memoryHooks, id string) { store.hooks[id] = store.hooks[id][:40] },
		"subs, empty":   func(store *memoryHooks, id string) { store.hooks[id] = []byte("{}") },
		"cursors":       func(store *memoryHooks, id string) { store.cursors[partitionOf(id)] = []byte("\x00garbage") },
		"cursors, null": func(store *memoryHooks, id string) { store.cursors[partitionOf(id)] = []byte("null") },
		"cursors, of one": func(store *memoryHooks, id string) {
			store.cursors[partitionOf(id)] = []byte(`{"` + id + `":{"rt":7}}`)
		},
		"windows": func(store *memoryHooks, id string) { store.windows[id] = []byte("\xff\xff\xffgarbage") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, store := newMemoryLog(), newMemoryHooks()
				b := startHooks(t, log, store, always(webhook.Done))
				bad := b.create(t, func(h *Hook) { h.Window = windowSpec(time.Minute) })
				good := b.create(t, nil)
				for partitionOf(good.ID) == partitionOf(bad.ID) { // it would lose its cursor, too
					if err := b.Delete(t.Context(), good.ID); err != nil {
						t.Fatal(err)
					}
					good = b.create(t, nil)
				}
				time.Sleep(time.Minute)
				b.stop()
				spoil(store, bad.ID)
				for range 2 { // it stays so
					b = startHooks(t, log, store, always(webhook.Done))
					time.Sleep(time.Minute)
					hook, err := b.Get(bad.ID)
					if err != nil || hook.State != HookDisabled || hook.Why == "" || hook.publicKey() != "" {
						t.Errorf("state %s, %q, %v, want it disabled", hook.State, hook.Why, err)
					}
					status, err := b.Status(bad.ID)
					if err != nil || status.LastError == "" {
						t.Errorf("status %+v, %v, want an error in it", status, err)
					}
					if hook, err := b.Get(good.ID); err != nil || hook.State != HookActive || len(b.List()) < 2 {
						t.Errorf("the other one is %s, %q, %v, want it active", hook.State, hook.Why, err)
					}
					b.stop()
				}
				b = startHooks(t, log, store, always(webhook.Done))
				defer b.stop()
				b.publish(t, packer, "a")
				time.Sleep(time.Minute)
				if _, took := b.receiver.all(); len(took) != len(b.List())-1 {
					t.Errorf("took %s, want it once for each of the %d that are well", strings.Join(took, ", "), len(b.List())-1)
				}
				if err := b.Delete(t.Context(), bad.ID); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
