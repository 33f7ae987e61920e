package cloudsvc

import (
	"context"
	"encoding/json"
	"time"
)

const (
	// cursorEvery is how often those that moved are written.
	cursorEvery = time.Second
	// maxCursors is how large one record may be, in bytes: less than NATS takes in
	// one message. Without tries and what is done behind the position, those of
	// 20,000 hooks are far below it.
	maxCursors = 512 << 10
)

// A cursorRecord is one partition: cursors as JSON, by the ids of their hooks.
type cursorRecord map[string]json.RawMessage

// encode returns the record as JSON. One that is too large loses the tries, which
// are counted anew after a restart, what is done behind the position, which is
// delivered again, and why tries failed. Nothing else may be left out, as batches
// wait for it.
func (r cursorRecord) encode() ([]byte, error) {
	if r.size() > maxCursors {
		if err := r.shorten(); err != nil {
			return nil, err
		}
	}
	text := append(make([]byte, 0, r.size()), '{')
	for id, cursor := range r {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(text, '"'), id...) // which has nothing that JSON escapes
		text = append(append(text, `":`...), cursor...)
	}
	return append(text, '}'), nil
}

// size returns how many bytes encode returns, or one more.
func (r cursorRecord) size() int {
	size := len("{}")
	for id, cursor := range r {
		size += len(`"":,`) + len(id) + len(cursor)
	}
	return size
}

func (r cursorRecord) shorten() (err error) {
	for id, text := range r {
		var c hookCursor
		if json.Unmarshal(text, &c) != nil {
			continue // it is kept as it is: its hook is disabled
		}
		for _, lane := range []*laneCursor{&c.RT, &c.BT} {
			lane.Tries, lane.Done = nil, nil
		}
		c.Fault, c.FaultAt = "", time.Time{}
		if r[id], err = json.Marshal(c); err != nil {
			return err
		}
	}
	return nil
}

// A cursorSaver writes the cursors that moved. One goroutine uses it.
type cursorSaver struct {
	hooks      *Hooks
	partitions [cursorPartitions]cursorPartition
	logged     string
}

// A cursorPartition is a record as far as it is known, and the letters that are
// tried once it is stored.
type cursorPartition struct {
	record  cursorRecord
	bound   []boundLetter
	unsaved bool
}

// A boundLetter is a letter of a run that waits for its bounds to be stored.
type boundLetter struct {
	run    *hookRun
	letter *letter
}

// save writes what moved; of windows what is due, or all. Cursors come first: they
// are few records, and there may be no time for all windows.
func (s *cursorSaver) save(ctx context.Context, all bool) {
	s.saveCursors(ctx, false)
	now := time.Now()
	for id, record := range s.hooks.windows(now, all) {
		if s.tell(ctx, s.hooks.options.Store.SaveWindows(ctx, id, record)) {
			s.hooks.windowSaved(id, record, now)
		}
	}
}

// saveCursors writes the cursors of the partitions where one has moved, or where
// somebody waits for that, and has what waited for them tried.
func (s *cursorSaver) saveCursors(ctx context.Context, urgent bool) {
	for n := range s.partitions {
		p := &s.partitions[n]
		for id := range s.hooks.movedHooks.take(n, urgent) {
			p.unsaved = true
			p.renew(id, s.hooks)
		}
		if p.unsaved {
			p.unsaved = !s.tell(ctx, s.write(ctx, n))
		}
	}
}

func (s *cursorSaver) write(ctx context.Context, n int) error {
	p := &s.partitions[n]
	text, err := p.record.encode()
	if err != nil {
		return err
	}
	if err := s.hooks.options.Store.SaveCursors(ctx, n, text); err != nil {
		return err
	}
	for _, b := range p.bound {
		b.run.stored(b.letter)
	}
	p.bound = nil
	return nil
}

// renew takes note of where a hook is, or that it is gone.
func (p *cursorPartition) renew(id string, hooks *Hooks) {
	kept, err := hooks.kept(id)
	if err != nil {
		delete(p.record, id)
		return
	}
	at, bound := kept.at()
	if p.record == nil {
		p.record = make(cursorRecord)
	}
	p.record[id], _ = json.Marshal(at) // texts, numbers and times always marshal
	if bound != nil {
		p.bound = append(p.bound, boundLetter{kept.run, bound})
	}
}

// at returns where a hook is, and the letter whose bounds that has.
func (k *keptHook) at() (hookCursor, *letter) {
	if k.run == nil {
		return k.cursor, nil
	}
	return k.run.cursor()
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
