package cloudsvc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"datastub/dataplane"
)

const (
	// watchEvery is how often it is looked who is behind.
	watchEvery = 10 * time.Second
	// riskShare is how much of what the log's limits allow a block may have used
	// up until subscriptions that have not had it are warned.
	riskShare = 0.8
)

// A Retention knows what the limits of a log are about to take. It is called by
// many at once.
type Retention interface {
	// Doomed returns the last block of a class, on each shelf, that has used up so
	// much of what the limits of age and size allow, a share of 1. Shelves where
	// none has are left out.
	Doomed(ctx context.Context, class dataplane.Class, share float64) (byShelf map[uint32]uint64, err error)
	// Stored returns when a block of a class was stored, or the first one behind
	// it that there is; the zero time where there is none.
	Stored(ctx context.Context, class dataplane.Class, seq uint64) (time.Time, error)
}

// watch warns of subscriptions that are too far behind, until the context ends.
func (h *Hooks) watch(ctx context.Context) {
	if h.options.Retention == nil {
		return
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	logged := ""
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		doomed, err := h.doomed(ctx)
		switch {
		case err == nil:
			logged = ""
			h.warn(doomed)
		case ctx.Err() == nil && err.Error() != logged:
			logged = err.Error()
			h.options.Logger.Error(err, "It is not known which subscriptions are too far behind")
		}
	}
}

// doomedBlocks are the last ones that limits are about to take, by shelf, in the
// order of dataplane.Classes.
type doomedBlocks [len(dataplane.Classes)]map[uint32]uint64

func (h *Hooks) doomed(ctx context.Context) (blocks doomedBlocks, err error) {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	for i, class := range dataplane.Classes {
		if blocks[i], err = h.options.Retention.Doomed(ctx, class, riskShare); err != nil {
			return blocks, fmt.Errorf("find what the log is about to let go of: %w", err)
		}
	}
	return blocks, nil
}

// warn finds the hooks that are not done with blocks that are doomed, on shelves
// that have something for them, and tells of each once, until it has caught up.
func (h *Hooks) warn(doomed doomedBlocks) {
	d := h.options.Dispatcher
	reached := d.reached()
	warned := 0
	for _, hook := range h.all() {
		kept, err := h.kept(hook.ID)
		if err != nil {
			continue // it has just gone
		}
		if h.warnOne(&kept, doomed, reached); kept.risk != (classBlocks{}) {
			warned++
		}
	}
	d.metrics.warned.Set(float64(warned))
}

// warnOne renews what a hook is about to lose, and tells of what is new of it.
func (h *Hooks) warnOne(kept *keptHook, doomed doomedBlocks, reached Position) {
	d := h.options.Dispatcher
	b, err := h.backlog(kept, reached)
	if err != nil {
		return // Status tells
	}
	filter, err := dataplane.ParseFilter(kept.hook.Topic)
	if err != nil {
		return // it does not run
	}
	was := kept.risk
	for i, class := range dataplane.Classes {
		kept.risk[i] = 0
		oldest := b.oldest[i]
		if open := d.windowsOpen(kept.window, reached); class == dataplane.BT && open > 0 && (oldest == 0 || open < oldest) {
			oldest = open
		}
		if oldest > 0 {
			kept.risk[i] = d.atRisk(class, filter, oldest, doomed[i])
		}
		if was[i] == 0 && kept.risk[i] > 0 {
			h.events.tell(kept.hook.ID, hookEvent{Event: eventBehind, Class: class.String(), Blocks: kept.risk[i], Reason: kept.warning()})
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if now, ok := h.hooks[kept.hook.ID]; ok {
		now.risk = kept.risk
	}
}

// warning tells what a hook is about to lose, "" if nothing.
func (k *keptHook) warning() string {
	var parts []string
	for i, class := range dataplane.Classes {
		if n := k.risk[i]; n > 0 {
			parts = append(parts, fmt.Sprintf("up to %d %v blocks", n, class))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s of the log behind the position have used up %.0f%% of its limits of age or size, which delete what was not delivered, too",
		strings.Join(parts, " and "), 100*riskShare)
}

// storedTimes are when blocks were stored, by class and sequence, as far as the
// log was asked.
type storedTimes [len(dataplane.Classes)]map[uint64]time.Time

// age adds to a status how long its oldest message waits, and asks the log for
// that what is not known yet.
func (h *Hooks) age(ctx context.Context, s *HookStatus, known *storedTimes) error {
	if h.options.Retention == nil {
		return nil
	}
	for i, block := range s.oldest {
		if block == 0 {
			continue
		}
		stored, is := known[i][block]
		if !is {
			var err error
			if stored, err = h.options.Retention.Stored(ctx, dataplane.Classes[i], block); err != nil {
				return fmt.Errorf("find how far a subscription is behind: %w", err)
			}
			if known[i] == nil {
				known[i] = make(map[uint64]time.Time)
			}
			known[i][block] = stored
		}
		if !stored.IsZero() {
			s.LagSeconds = max(s.LagSeconds, time.Since(stored).Seconds())
		}
	}
	return nil
}
