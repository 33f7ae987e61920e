package cloudsvc

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"datastub/cloudsvc/window"
	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// A hookWindow is a composer that reduces lines to windows. Those of one publisher
// are delivered in order, and others beside them. What is stored never passes what
// is not delivered: where that is wanted, no line is taken until all windows are
// done.
type hookWindow struct {
	reducer *window.Reducer
	at      Position // of the line that was reduced last
	closing bool     // it closes windows that were not all taken
	open    int      // letters of windows that are not done
	began   Position // of the cursor, which stays: where there is a record, that tells

	record []byte // as it was when nothing was open; see windowRecord
	passed bool   // it is not any more
	wanted bool   // it is to be made anew when nothing is open
	err    error  // it could not be made

	silence silence
	since   window.Place // who is silent since then is to be idle, where the record is wanted; zero: nobody
	resting atomic.Bool  // the record tells who is idle: it is to be stored before their windows close; read by who saves, too
}

// newHookWindow resumes the windows of a hook, or begins them where the hook is,
// and returns where the stream begins. The record is nil where the hook has merged
// what came last.
func newHookWindow(d *Dispatcher, hook *Hook, open *window.Budget, at Position, record []byte) (*hookWindow, Position, error) {
	w := &hookWindow{record: record, silence: silence{limit: hook.Window.Idle}}
	holds := d.isPast(dataplane.BT, at)
	options := window.Options{Subscription: hook.ID, Topic: hook.Topic, Spec: *hook.Window, Budget: open, State: d.windowState(record)}
	var err error
	w.reducer, err = window.New(options)
	if errors.Is(err, window.ErrOtherSpec) { // the new ones begin with what was open
		options.Start, err = window.StateFrom(options.State)
		options.State = nil
	} else if options.State == nil && holds {
		options.Start = window.Place(at.BT)
	}
	if err == nil && options.State == nil {
		w.reducer, err = window.New(options)
	}
	if err != nil {
		return nil, at, fmt.Errorf("windows of subscription %s: %w", hook.ID, err)
	}
	if holds { // and not only up to where the cursor's incarnation ended, which the record is behind
		at.Incarnation = d.reached().Incarnation
	}
	w.began = at
	if from := w.reducer.From(); from != (window.Place{}) {
		at.BT = Place(from)
	}
	w.at = at
	return w, at, nil
}

// windowState returns the state that a record has, nil where there is none, or it
// is of another log.
func (d *Dispatcher) windowState(record []byte) []byte {
	state, reached, ok := readWindowRecord(record)
	if !ok || !d.isPast(dataplane.BT, reached) {
		return nil
	}
	return state
}

// behindWindows returns where a hook goes on whose windows were taken away: with
// what was in those that were open.
func (d *Dispatcher) behindWindows(at Position, record []byte) (Position, error) {
	state := d.windowState(record)
	if state == nil {
		return at, nil
	}
	from, err := window.StateFrom(state)
	if err != nil {
		return at, err
	}
	at.Incarnation, at.BT = d.reached().Incarnation, Place(from)
	return at, nil
}

// windowsOpen returns the first block that windows are read again from, by their
// record; 0: there is none, up to where the log is.
func (d *Dispatcher) windowsOpen(record []byte, reached Position) uint64 {
	from, err := window.StateFrom(d.windowState(record))
	if err != nil || !reached.BT.after(Place(from)) {
		return 0
	}
	return Place(from).next().Block
}

// isPast tells whether a position is one of this log, which a class has reached.
func (d *Dispatcher) isPast(class dataplane.Class, at Position) bool {
	end, known := d.eras.end(at.Incarnation, d.reached())
	return known && !at.place(class).after(end.place(class))
}

// windowRecord returns what is stored: where the Reducer is, and its state.
func windowRecord(at Position, state []byte) []byte {
	return append(fields.AppendText(nil, at.String()), state...)
}

// readWindowRecord returns false where there is none.
func readWindowRecord(record []byte) (state []byte, at Position, ok bool) {
	f := fields.Reader{Rest: record}
	at, err := ParsePosition(f.Text())
	return f.Rest, at, err == nil
}

// takes implements composer.
func (w *hookWindow) takes() bool { return !w.closing && !w.wanted && !w.resting.Load() }

// add implements composer.
func (w *hookWindow) add(line *hookLine, _ time.Time) error {
	if w.err != nil {
		return w.err
	}
	w.at, w.passed = line.at, true
	return w.reduce(window.Place(line.at.BT), &line.message)
}

func (w *hookWindow) reduce(at window.Place, m *dataplane.Message) error {
	w.closing = true
	loss, lost := m.Loss()
	switch {
	case lost && m.ID.Publisher == logPublisher:
		w.reducer.Cut(at, &loss)
		return nil
	case lost:
		return w.reducer.Lose(at, &loss)
	}
	return w.reducer.Add(at, m)
}

// pass implements composer.
func (w *hookWindow) pass(at Position, live bool, now time.Time) {
	if !w.takes() {
		return
	}
	w.at, w.passed, w.closing = at, true, true
	w.reducer.Pass(window.Place(at.BT))
	if live {
		w.listen(window.Place(at.BT), now)
	}
}

// listen looks for publishers that have been silent for too long.
func (w *hookWindow) listen(at window.Place, now time.Time) {
	since, known := w.silence.pass(at, now)
	if known && w.reducer.Silent(since) {
		w.since, w.wanted = since, true
	}
}

// rest implements composer: what is in windows that are open is read again.
func (w *hookWindow) rest(at Position) Position { return at }

// due implements composer: only lines close windows, and what pass finds out.
func (w *hookWindow) due() time.Time { return time.Time{} }

// next implements composer.
func (w *hookWindow) next(time.Time) (*letter, error) {
	if !w.closing {
		return nil, nil
	}
	d, err := w.reducer.Next()
	if d == nil {
		if w.closing = false; w.wanted {
			w.renew()
		}
		return nil, err
	}
	w.open++
	return &letter{id: d.ID, key: "\x00" + d.Publisher, body: d.Body, at: w.at}, nil
}

// finish implements composer.
func (w *hookWindow) finish(*letter) {
	w.open--
	if w.wanted {
		w.renew()
	}
}

// keep implements composer.
func (w *hookWindow) keep(c *laneCursor) *letter {
	c.Position, c.Reduced = w.began.String(), true
	return nil
}

// renew makes the record anew, or has that wait until nothing is open.
func (w *hookWindow) renew() {
	if w.wanted = w.open > 0 || w.closing; w.wanted || !w.passed {
		return
	}
	if w.since != (window.Place{}) {
		w.reducer.Rest(w.since)
		w.since = window.Place{}
		w.resting.Store(true)
	}
	state, err := w.reducer.State()
	if err != nil {
		w.err = err
		w.resting.Store(false)
		return
	}
	w.record, w.passed = windowRecord(w.at, state), false
}

// stored is told of a record that was stored, and tells whether windows of those
// who are idle close now.
func (w *hookWindow) stored(record []byte) bool {
	if !w.resting.Load() || !bytes.Equal(record, w.record) {
		return false
	}
	w.resting.Store(false)
	w.passed, w.closing = true, true
	w.reducer.Pass(window.Place(w.at.BT))
	return true
}

func (w *hookWindow) status() *WindowStatus {
	s := w.reducer.Status()
	return &WindowStatus{s.Publishers, s.Open, s.Oldest, s.Publisher, s.Late, s.Untimed}
}
