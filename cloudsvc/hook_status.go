package cloudsvc

import (
	"time"

	"datastub/dataplane"
)

// HookStatus is where a Hook is, and how it goes.
type HookStatus struct {
	Position      string        `json:"position"`    // all up to which is done
	LagRT         uint64        `json:"lagBlocksRT"` // blocks of the log behind it
	LagBT         uint64        `json:"lagBlocksBT"` //
	Waiting       int           `json:"waiting"`     // messages that were taken and are not done
	Delivered     uint64        `json:"delivered"`   // since the run began: with cloudsvc, or the last change
	Dead          uint64        `json:"dead"`        // likewise
	LastError     string        `json:"lastError"`   // "" once a try went well
	LastErrorTime time.Time     `json:"lastErrorTime,omitzero"`
	NextTry       time.Time     `json:"nextTry,omitzero"` // when all that was taken waits for another try
	Window        *WindowStatus `json:"window,omitempty"` // of a hook that has windows, while it runs
}

// Status returns that of a Hook, or ErrNoSuchHook.
func (h *Hooks) Status(id string) (HookStatus, error) {
	reached := h.options.Dispatcher.reached()
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, ok := h.hooks[id]
	if !ok {
		return HookStatus{}, ErrNoSuchHook
	}
	s := HookStatus{Position: kept.cursor.Position}
	if _, reached, ok := readWindowRecord(kept.window); ok {
		s.Position = reached.String()
	}
	if kept.run != nil {
		s = kept.run.status()
	}
	at, err := ParsePosition(s.Position)
	if err != nil {
		return HookStatus{}, err
	}
	s.LagRT, s.LagBT = lag(at, reached, dataplane.RT), lag(at, reached, dataplane.BT)
	return s, nil
}

// lag returns how many blocks of a class are between two positions.
func lag(at, reached Position, class dataplane.Class) uint64 {
	had, last := at.place(class).Block, reached.place(class).Block
	if at.Incarnation != reached.Incarnation {
		had = 0 // of another log: nothing of this one
	}
	return last - min(had, last)
}

// status returns that of a run, but for the lag.
func (r *hookRun) status() HookStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := HookStatus{
		Position: r.outbox.position.String(), Delivered: r.last.delivered, Dead: r.last.buried,
		LastError: r.last.fault, LastErrorTime: r.last.faultAt.UTC(), NextTry: r.last.next.UTC(),
	}
	for _, l := range r.outbox.letters {
		if !l.done {
			s.Waiting++
		}
	}
	s.Window = r.window.status()
	return s
}

// WindowStatus is what windows of a Hook are open, and what is not told yet.
type WindowStatus struct {
	Publishers      int       `json:"publishers"`                // that were seen
	Open            int       `json:"open"`                      // of them have windows that are open
	Oldest          time.Time `json:"oldest,omitzero"`           // the start of the oldest of these
	OldestPublisher string    `json:"oldestPublisher,omitempty"` // whose it is
	Late            uint64    `json:"late"`                      // messages that came when all their windows were closed
	Untimed         uint64    `json:"untimed"`                   // messages in no window, as their time is too far ahead
}
