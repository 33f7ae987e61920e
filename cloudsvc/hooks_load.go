package cloudsvc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// load reads the durable subscriptions, and puts them where they were. A record
// that cannot be read harms nobody but whose it is: that one is disabled, and says
// why.
func (h *Hooks) load(ctx context.Context) error {
	records, err := h.options.Store.LoadHooks(ctx)
	if err != nil {
		return fmt.Errorf("load the subscriptions: %w", err)
	}
	for id, record := range records {
		hook, err := loadHook(id, record)
		if err != nil {
			h.options.Logger.Error(err, "A subscription cannot be read, and is disabled", "subscription", id)
		}
		h.hooks[id] = &keptHook{hook: hook, cursor: cursorAt(hook.Began)}
		h.mark(id)
	}
	if err := h.loadWindows(ctx); err != nil {
		return fmt.Errorf("load the windows of the subscriptions: %w", err)
	}
	if err := h.loadCursors(ctx); err != nil {
		return fmt.Errorf("load the cursors of the subscriptions: %w", err)
	}
	return nil
}

// loadHook reads the record of a hook. With an error it returns one that is
// disabled for it.
func loadHook(id string, record []byte) (Hook, error) {
	hook := DefaultHook()
	err := json.Unmarshal(record, &hook)
	if err == nil {
		err = hook.validate()
	}
	if err == nil && (hook.ID != id || len(hook.Keys) == 0) {
		err = errors.New("it has another id, or no key")
	}
	if err != nil {
		err = fmt.Errorf("the stored record of %d bytes cannot be read: %w", len(record), err)
		hook = DefaultHook()
		hook.ID, hook.State, hook.Why = id, HookDisabled, err.Error()
	}
	return hook, err
}

// loadWindows loads those of the hooks that there are, and deletes others.
func (h *Hooks) loadWindows(ctx context.Context) error {
	windows, err := h.options.Store.LoadWindows(ctx)
	if err != nil {
		return err
	}
	for id, record := range windows {
		if kept, ok := h.hooks[id]; ok {
			kept.window, kept.windowStored = record, record
		} else if err := h.options.Store.DeleteHook(ctx, id); err != nil {
			h.options.Logger.Error(err, "Windows of a subscription that is gone were not deleted, and are later", "subscription", id)
		}
	}
	return nil
}

// loadCursors loads those of the hooks that there are. Where a whole partition
// cannot be read, nobody knows where its hooks were: they have cursors without a
// position, with which they are disabled when they begin.
func (h *Hooks) loadCursors(ctx context.Context) error {
	records, err := h.options.Store.LoadCursors(ctx)
	if err != nil {
		return err
	}
	for n := range cursorPartitions {
		text, ok := records[n]
		if !ok {
			continue
		}
		var record cursorRecord
		err := json.Unmarshal(text, &record)
		if err == nil && record == nil {
			err = errors.New("null in place of cursors")
		}
		if err != nil {
			h.options.Logger.Error(err, "Cursors cannot be read, and their subscriptions are disabled", "partition", n)
			h.loseCursors(n)
			continue
		}
		for id, text := range record {
			kept, ok := h.hooks[id]
			if !ok {
				delete(record, id)
				continue
			}
			kept.cursor = hookCursor{}
			if err := json.Unmarshal(text, &kept.cursor); err != nil {
				h.options.Logger.Error(err, "A cursor cannot be read, and its subscription is disabled", "subscription", id)
				kept.cursor = hookCursor{}
			}
		}
		h.saver.partitions[n].record = record
	}
	return nil
}

// loseCursors takes the positions of the hooks of a partition.
func (h *Hooks) loseCursors(partition int) {
	for id, kept := range h.hooks {
		if partitionOf(id) == partition {
			kept.cursor = hookCursor{}
			h.moved(id)
		}
	}
}
