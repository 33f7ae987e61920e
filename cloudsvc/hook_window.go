package cloudsvc

import (
	"bytes"
	"errors"
	"fmt"

	"datastub/cloudsvc/window"
	"datastub/dataplane"
	"datastub/dataplane/fields"
)

// A hookWindow reduces the lines of class BT that a hookRun takes to windows. A
// line that closes some is the last one that is taken until these are done, so
// that what is stored never passes what is not delivered. A nil hookWindow
// reduces nothing.
type hookWindow struct {
	reducer *window.Reducer
	reader  dataplane.MessageReader
	at      Position // of the line that was reduced last
	closing bool     // it closes windows that were not all taken
	open    int      // letters of windows that are not done
	began   Place    // of the cursor, which stays: where there is a record, that tells

	record []byte // as it was when nothing was open; see windowRecord
	passed bool   // it is not any more
	wanted bool   // it is to be made anew when nothing is open
	err    error  // it could not be made
}

// newHookWindow resumes the windows of a hook, or begins them where the hook is,
// and returns where the stream begins.
func newHookWindow(d *Dispatcher, hook *Hook, at Position, record []byte) (*hookWindow, Position, error) {
	w := &hookWindow{began: at.BT, record: record}
	holds := d.isPast(at)
	options := window.Options{Subscription: hook.ID, Spec: *hook.Window}
	if state, reached, ok := readWindowRecord(record); ok && d.isPast(reached) { // else it is of another log
		options.State = state
	}
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
	if from := w.reducer.From(); from != (window.Place{}) {
		at.BT = Place(from)
	}
	if holds { // and not only up to where the cursor's incarnation ended, which the record is behind
		at.Incarnation = d.reached().Incarnation
	}
	w.at = at
	return w, at, nil
}

// isPast tells whether a position is one of this log, which has been reached.
func (d *Dispatcher) isPast(at Position) bool {
	end, known := d.eras.end(at.Incarnation, d.reached())
	return known && !at.ahead(end)
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

// take reduces a line, and returns its position, if it is one of BT.
func (w *hookWindow) take(line []byte) (at Position, reduced bool, err error) {
	if w == nil {
		return at, false, nil
	}
	if w.err != nil {
		return at, false, w.err
	}
	var m dataplane.Message
	var position string
	err = w.reader.Read(line, &m, func(field string, value []byte) {
		if field == "position" {
			position = string(bytes.Trim(value, `"`)) // it has nothing that JSON escapes
		}
	})
	if err != nil || m.Class != dataplane.BT {
		return at, false, nil // what cannot be read is told of by who makes a letter of it
	}
	if at, err = ParsePosition(position); err != nil {
		return at, false, err
	}
	w.at, w.passed = at, true
	return at, true, w.reduce(window.Place(at.BT), &m)
}

func (w *hookWindow) reduce(at window.Place, m *dataplane.Message) error {
	loss, lost := m.Loss()
	switch {
	case lost && m.ID.Publisher == logPublisher:
		w.reducer.Cut(at, &loss)
		return nil
	case lost:
		return w.reducer.Lose(at, &loss)
	}
	w.closing = true
	return w.reducer.Add(at, m)
}

// pass takes note that there is nothing up to a position.
func (w *hookWindow) pass(at Position) {
	if w == nil || w.busy() || w.closing {
		return
	}
	w.at, w.passed = at, true
	w.reducer.Pass(window.Place(at.BT))
}

// next returns a letter with the next window that has closed, or nil.
func (w *hookWindow) next() (*letter, error) {
	if w == nil || !w.closing {
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
	return &letter{id: d.ID, key: "\x00window", body: d.Body, at: w.at, window: true}, nil
}

// busy tells whether windows are on their way.
func (w *hookWindow) busy() bool { return w != nil && w.open > 0 }

// finish takes note that a letter is done.
func (w *hookWindow) finish(l *letter) {
	if !l.window {
		return
	}
	w.open--
	if w.wanted {
		w.renew()
	}
}

// renew makes the record anew, or has that wait until nothing is open.
func (w *hookWindow) renew() {
	if w.wanted = w.open > 0 || w.closing; w.wanted || !w.passed {
		return
	}
	state, err := w.reducer.State()
	if err != nil {
		w.err = err
		return
	}
	w.record, w.passed = windowRecord(w.at, state), false
}

func (w *hookWindow) status() *WindowStatus {
	if w == nil {
		return nil
	}
	s := w.reducer.Status()
	return &WindowStatus{s.Publishers, s.Open, s.Oldest, s.Publisher, s.Late, s.Untimed}
}

// windows returns the record of a run's windows as far as it may be stored.
func (r *hookRun) windows() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.window == nil {
		return nil
	}
	r.window.renew()
	return r.window.record
}
