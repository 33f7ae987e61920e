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
	h.mu.Lock()
	defer h.mu.Unlock()
	records := make(map[string][]byte)
	for id, kept := range h.hooks {
		if kept.hook.Window == nil || !all && now.Before(kept.windowDue) && (kept.run == nil || !kept.run.rests()) {
			continue
		}
		if kept.run != nil {
			kept.window = kept.run.windows()
		}
		if !bytes.Equal(kept.window, kept.windowStored) {
			records[id] = kept.window
		}
	}
	return records
}

// windowSaved takes note of what is stored.
func (h *Hooks) windowSaved(id string, record []byte, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if kept, ok := h.hooks[id]; ok {
		kept.windowStored = record
		kept.windowDue = now.Add(cursorEvery * time.Duration(len(record)/windowPace))
		if kept.run != nil {
			kept.run.windowsStored(record)
		}
	}
}
