package cloudsvc

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"time"
)

const (
	// cursorPartitions is over how many records the cursors are spread: one that
	// moves has but a part of them written again.
	cursorPartitions = 64
	// cursorEvery is how often those that moved are written.
	cursorEvery = time.Second
	// maxCursors is how large one record may be, in bytes: less than NATS takes in
	// one message. Without tries and what is done behind the position, those of
	// 20,000 hooks are far below it.
	maxCursors = 512 << 10
)

// partitionOf returns the partition of a hook's cursor.
func partitionOf(id string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id))
	return int(hash.Sum32() % cursorPartitions)
}

// cursorRecord is one partition: cursors by the ids of their hooks.
type cursorRecord map[string]hookCursor

// loadCursors puts the hooks where they were. A cursor whose hook is gone is
// left out.
func (h *Hooks) loadCursors(ctx context.Context) error {
	records, err := h.options.Store.LoadCursors(ctx)
	if err != nil {
		return fmt.Errorf("load the cursors of the subscriptions: %w", err)
	}
	windows, err := h.options.Store.LoadWindows(ctx)
	if err != nil {
		return fmt.Errorf("load the windows of the subscriptions: %w", err)
	}
	for id, record := range windows {
		if kept, ok := h.hooks[id]; ok {
			kept.window, kept.windowStored = record, record
		} else if err := h.options.Store.DeleteHook(ctx, id); err != nil {
			h.options.Logger.Error(err, "Windows of a subscription that is gone were not deleted, and are later", "subscription", id)
		}
	}
	for _, text := range records {
		var record cursorRecord
		if err := json.Unmarshal(text, &record); err != nil {
			return fmt.Errorf("load the cursors of the subscriptions: %w", err)
		}
		for id, c := range record {
			if kept, ok := h.hooks[id]; ok {
				kept.cursor = c
			}
		}
	}
	return nil
}

// moved has the cursor of a hook written soon.
func (h *Hooks) moved(id string) { h.dirty[partitionOf(id)].Store(true) }

// movedFar has the cursor of a hook written at once, or together with those that
// come while others are written: a letter waits for it.
func (h *Hooks) movedFar(id string) {
	h.moved(id)
	h.waited[partitionOf(id)].Store(true)
	signal(h.urgent)
}

// A cursorPartition is the cursors of a partition, and the letters that are tried
// once they are stored.
type cursorPartition struct {
	record cursorRecord
	bound  []boundLetter
}

// A boundLetter is a letter of a run that waits for its bounds to be stored.
type boundLetter struct {
	run    *hookRun
	letter *letter
}

// cursors returns those of the partitions that are flagged, and takes the flags
// down.
func (h *Hooks) cursors(flags *[cursorPartitions]atomic.Bool) map[int]*cursorPartition {
	wanted := make(map[int]*cursorPartition)
	for p := range flags {
		if flags[p].Swap(false) {
			h.dirty[p].Store(false)
			wanted[p] = &cursorPartition{record: make(cursorRecord)}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, kept := range h.hooks {
		if partition := wanted[partitionOf(id)]; partition != nil {
			partition.add(id, kept)
		}
	}
	return wanted
}

// add adds where a hook is. Hooks.mu is held, which comes before a run's.
func (p *cursorPartition) add(id string, kept *keptHook) {
	if kept.run == nil {
		p.record[id] = kept.cursor
		return
	}
	at, bound := kept.run.cursor()
	p.record[id] = at
	if bound != nil {
		p.bound = append(p.bound, boundLetter{kept.run, bound})
	}
}

// encode returns the record. One that is too large has neither tries, which are
// counted anew after a restart, nor what is done behind the position, which is
// delivered again, nor why tries failed. Nothing else may be left out, as batches wait for it.
func (p *cursorPartition) encode() ([]byte, error) {
	text, err := json.Marshal(p.record)
	if err != nil || len(text) <= maxCursors {
		return text, err
	}
	for id, c := range p.record {
		for _, lane := range []*laneCursor{&c.RT, &c.BT} {
			lane.Tries, lane.Done = nil, nil
		}
		c.Fault, c.FaultAt = "", time.Time{}
		p.record[id] = c
	}
	return json.Marshal(p.record)
}

// A cursorSaver writes the cursors that moved. One goroutine uses it.
type cursorSaver struct {
	hooks  *Hooks
	logged string
}

// save writes what moved; of windows what is due, or all. Cursors come first: they
// are few records, and there may be no time for all windows.
func (s *cursorSaver) save(ctx context.Context, all bool) {
	s.saveCursors(ctx, &s.hooks.dirty)
	now := time.Now()
	for id, record := range s.hooks.windows(now, all) {
		if s.tell(ctx, s.hooks.options.Store.SaveWindows(ctx, id, record)) {
			s.hooks.windowSaved(id, record, now)
		}
	}
}

// saveCursors writes the cursors of the partitions that are flagged, and has what
// waited for them tried.
func (s *cursorSaver) saveCursors(ctx context.Context, flags *[cursorPartitions]atomic.Bool) {
	for p, partition := range s.hooks.cursors(flags) {
		text, err := partition.encode()
		if err == nil {
			err = s.hooks.options.Store.SaveCursors(ctx, p, text)
		}
		if !s.tell(ctx, err) {
			s.hooks.dirty[p].Store(true)
			continue
		}
		for _, b := range partition.bound {
			b.run.stored(b.letter)
		}
	}
}

// tell logs an error when it is new, and tells whether there is none. What was
// not written is when save is called again.
func (s *cursorSaver) tell(ctx context.Context, err error) (saved bool) {
	if err == nil {
		s.logged = ""
		return true
	}
	if ctx.Err() == nil && err.Error() != s.logged {
		s.logged = err.Error()
		s.hooks.options.Logger.Error(err, "Cursors of subscriptions were not saved; a restart delivers more of them again")
	}
	return false
}
