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
	Waiting       int           `json:"waiting"`     // letters that are not done
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
	if kept.run != nil {
		return kept.run.status(reached), nil
	}
	rt, err := ParsePosition(kept.cursor.RT.Position)
	if err != nil {
		return HookStatus{}, err
	}
	bt, err := ParsePosition(kept.cursor.BT.Position)
	if err != nil {
		return HookStatus{}, err
	}
	if _, at, ok := readWindowRecord(kept.window); ok {
		bt = at
	}
	return statusAt(rt, bt, reached), nil
}

// statusAt returns that of a hook that is at a position of each class.
func statusAt(rt, bt, reached Position) HookStatus {
	at := Position{Incarnation: rt.Incarnation, RT: rt.RT, BT: bt.BT}
	if rt.Incarnation == reached.Incarnation {
		at.Incarnation = bt.Incarnation // the older one: it holds for less
	}
	return HookStatus{Position: at.String(), LagRT: lag(rt, reached, dataplane.RT), LagBT: lag(bt, reached, dataplane.BT)}
}

// lag returns how many blocks of a class are between two positions.
func lag(at, reached Position, class dataplane.Class) uint64 {
	had, last := at.place(class).Block, reached.place(class).Block
	if at.Incarnation != reached.Incarnation {
		had = 0 // of another log: nothing of this one
	}
	return last - min(had, last)
}

// status returns that of a run.
func (r *hookRun) status(reached Position) HookStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := statusAt(r.lanes[0].outbox.position, r.lanes[1].outbox.position, reached)
	s.Delivered, s.Dead = r.last.delivered, r.last.buried
	s.LastError, s.LastErrorTime = r.last.fault, r.last.faultAt.UTC()
	if _, due, next := r.due(time.Now()); due == nil {
		s.NextTry = next.UTC()
	}
	for _, lane := range r.lanes {
		for _, l := range lane.outbox.letters {
			if !l.done {
				s.Waiting++
			}
		}
	}
	if w, ok := r.lanes[1].composer.(*hookWindow); ok {
		s.Window = w.status()
	}
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
