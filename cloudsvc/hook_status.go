package cloudsvc

import (
	"cmp"
	"time"

	"datastub/dataplane"
)

// HookStatus is where a Hook is, and how it goes.
type HookStatus struct {
	Position      string        `json:"position"`          // all up to which is done; "" where that cannot be read
	LagRT         uint64        `json:"lagBlocksRT"`       // blocks of the log behind it
	LagBT         uint64        `json:"lagBlocksBT"`       //
	LagSeconds    float64       `json:"lagSeconds"`        // since the oldest message that is not done was stored; see Hooks.age
	Warning       string        `json:"warning,omitempty"` // what the log is about to let go of
	Waiting       int           `json:"waiting"`           // letters that are not done
	Delivered     uint64        `json:"delivered"`         // since the run began: with cloudsvc, or the last change
	Dead          uint64        `json:"dead"`              // likewise
	LastError     string        `json:"lastError"`         // "" once a try went well; or why it does not run
	LastErrorTime time.Time     `json:"lastErrorTime,omitzero"`
	NextTry       time.Time     `json:"nextTry,omitzero"` // when all that was taken waits for another try
	Window        *WindowStatus `json:"window,omitempty"` // of a hook that has windows, while it runs

	oldest classBlocks // not done, or not looked at; 0: there is none
}

// classBlocks are blocks of the log, in the order of dataplane.Classes.
type classBlocks [len(dataplane.Classes)]uint64

// Status returns that of a Hook, or ErrNoSuchHook.
func (h *Hooks) Status(id string) (HookStatus, error) {
	reached := h.options.Dispatcher.reached()
	kept, err := h.kept(id)
	if err != nil {
		return HookStatus{}, err
	}
	b, err := h.backlog(&kept, reached)
	if err != nil { // it does not run
		return HookStatus{LastError: err.Error()}, nil
	}
	s := HookStatus{Position: b.at.String(), LagRT: b.blocks[0], LagBT: b.blocks[1], Warning: kept.warning(), oldest: b.oldest}
	if kept.run != nil {
		kept.run.status(&s)
	} else {
		s.LastError, s.LastErrorTime = cmp.Or(kept.cursor.Fault, kept.hook.Why), kept.cursor.FaultAt.UTC()
	}
	return s, nil
}

// A backlog is what a hook may not be done with.
type backlog struct {
	at     Position
	oldest classBlocks // the first one; 0: there is none
	blocks classBlocks // whole ones
}

// backlog returns that of a hook, of what was routed.
func (h *Hooks) backlog(kept *keptHook, reached Position) (b backlog, err error) {
	rt, bt, err := kept.positions()
	if err != nil {
		return b, err
	}
	b.at = Position{Incarnation: rt.Incarnation, RT: rt.RT, BT: bt.BT}
	if rt.Incarnation == reached.Incarnation {
		b.at.Incarnation = bt.Incarnation // the older one: it holds for less
	}
	for i, at := range [...]Position{rt, bt} {
		class := dataplane.Classes[i]
		had, last := at.place(class), reached.place(class)
		if !h.options.Dispatcher.isPast(class, at) {
			had = Place{} // of another log: nothing of this one
		}
		if last.after(had) {
			b.oldest[i], b.blocks[i] = had.next().Block, last.Block-had.Block
		}
	}
	return b, nil
}

// positions returns where a hook is in each class.
func (k *keptHook) positions() (rt, bt Position, err error) {
	if k.run != nil {
		rt, bt = k.run.positions()
		return rt, bt, nil
	}
	if rt, err = ParsePosition(k.cursor.RT.Position); err != nil {
		return rt, bt, err
	}
	if _, at, ok := readWindowRecord(k.window); ok && k.cursor.BT.Reduced {
		return rt, at, nil
	}
	bt, err = ParsePosition(k.cursor.BT.Position)
	return rt, bt, err
}

func (r *hookRun) positions() (rt, bt Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lanes[0].reached(), r.lanes[1].reached()
}

// status adds how a run goes.
func (r *hookRun) status(s *HookStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
