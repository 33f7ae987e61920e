package cloudsvc

import (
	"bytes"
	"time"
)

// windowPace is how many bytes of one record are written a second, in the mean:
// one that is large is written seldom, as what a restart delivers again has the
// same ids.
const windowPace = 16 << 10

// windows returns the records of windows that are to be stored, by the ids of
// their hooks: those that are due or waited for, or all.
func (h *Hooks) windows(now time.Time, all bool) map[string][]byte {
	records := make(map[string][]byte)
	for _, kept := range h.windowsDue(now, all) {
		record := kept.window
		if kept.run != nil {
			record = kept.run.windows()
		}
		if !bytes.Equal(record, kept.windowStored) {
			records[kept.hook.ID] = record
		}
	}
	return records
}

func (h *Hooks) windowsDue(now time.Time, all bool) (due []keptHook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, kept := range h.hooks {
		if kept.hook.Window != nil && (all || !now.Before(kept.windowDue) || kept.run != nil && kept.run.rests()) {
			due = append(due, *kept)
		}
	}
	return due
}

// windowSaved takes note of what is stored, and has windows closed that waited for
// it.
func (h *Hooks) windowSaved(id string, record []byte, now time.Time) {
	if run := h.noteWindow(id, record, now); run != nil {
		run.windowsStored(record)
	}
}

// noteWindow takes note of what is stored, and returns the run, or nil.
func (h *Hooks) noteWindow(id string, record []byte, now time.Time) *hookRun {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, ok := h.hooks[id]
	if !ok {
		return nil
	}
	kept.windowStored = record
	kept.windowDue = now.Add(cursorEvery * time.Duration(len(record)/windowPace))
	if kept.run != nil { // else it is as the run left it
		kept.window = record
	}
	return kept.run
}
