package cloudsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

// hookQueue is how many bytes of lines wait for a hook in each lane, taken and
// not: there may be thousands of hooks whose receivers are down, each with a topic
// of its own, so that they share no lines.
const hookQueue = 2 << 20

// composeTime is how long a lane composes at a time: others have a turn at its run
// then, among them who writes the cursors of all.
const composeTime = time.Millisecond

// A hookLane is a hookRun's way of one class: what it takes of its own stream is
// made into letters, which are in its outbox until they are done. One goroutine
// takes, and tries what is due.
type hookLane struct {
	run    *hookRun
	class  dataplane.Class
	filter dataplane.Filter
	wake   chan struct{} // holds one token while there is something to do
	restAt time.Time     // when it is looked after where the stream is

	// With the run's mu held:
	stream   *Subscription // nil: not yet
	composer composer
	pending  [][]byte // taken, and not composed
	had      Position // up to which all was composed
	outbox   *outbox
	made     int                      // letters so far; it stops at maxOutbox
	old      map[string]webhook.Tries // of the run before, of letters not made yet
	oldDone  doneLetters              // of the run before; not changed
}

// newHookLane begins where a cursor is.
func newHookLane(run *hookRun, class dataplane.Class, filter dataplane.Filter, c laneCursor) (*hookLane, error) {
	at, err := ParsePosition(c.Position)
	if err != nil {
		return nil, fmt.Errorf("%v cursor of subscription %s: %w", class, run.hook.ID, err)
	}
	return &hookLane{
		run: run, class: class, filter: filter, wake: make(chan struct{}, 1),
		composer: &singles{}, had: at, outbox: newOutbox(at, class), old: maps.Clone(c.Tries), oldDone: c.Done,
	}, nil
}

// merge has the lane's lines reduced to windows or merged to batches, as its hook
// wants it, from where they were.
func (l *hookLane) merge(c laneCursor, windows []byte) (err error) {
	d, hook, at := l.run.hooks.options.Dispatcher, &l.run.hook, l.outbox.position
	if !c.Reduced {
		windows = nil
	} else if _, _, ok := readWindowRecord(windows); !ok && len(windows) > 0 {
		return fmt.Errorf("windows of subscription %s: their record of %d bytes cannot be read", hook.ID, len(windows))
	}
	if hook.Window != nil {
		l.composer, l.outbox.position, err = newHookWindow(d, hook, l.run.hooks.open, at, windows)
		return err
	}
	if l.outbox.position, err = d.behindWindows(at, windows); err != nil {
		return fmt.Errorf("windows of subscription %s: %w", hook.ID, err)
	}
	l.had = l.outbox.position
	l.composer, err = newHookBatch(d, hook, l.had, c.Batch)
	return err
}

// deliver takes, and starts to try, until the context ends, or the stream. The
// tries are broken off by a context of their own.
func (l *hookLane) deliver(ctx, trying context.Context) error {
	stream, err := l.run.hooks.options.Dispatcher.SubscribeFrom(ctx, l.filter, Start{After: l.outbox.position}, l.class)
	if err != nil {
		return err
	}
	defer stream.Close()
	stream.limit(hookQueue)
	l.begin(stream)
	timer := time.AfterFunc(restTime, func() { signal(l.wake) })
	defer timer.Stop()
	l.restAt = nextRest(l.run.hook.ID, time.Now())
	for ctx.Err() == nil {
		next, more, err := l.step(trying)
		if err != nil {
			return err
		}
		timer.Reset(time.Until(next))
		if !more {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		lines, err := stream.nextOr(ctx, l.wake)
		if err != nil && !errors.Is(err, errInterrupted) {
			return err
		}
		l.take(lines)
	}
	return ctx.Err()
}

func (l *hookLane) begin(stream *Subscription) {
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	l.stream = stream
}

func (l *hookLane) take(lines [][]byte) {
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	l.pending = lines
}

// step does what can be done now. It returns when there is something to do next,
// and whether more lines are wanted.
func (l *hookLane) step(trying context.Context) (next time.Time, more bool, err error) {
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	now := time.Now()
	if err := l.compose(now); err != nil {
		return next, false, err
	}
	if !now.Before(l.restAt) {
		l.restAt = nextRest(l.run.hook.ID, now)
		l.pass(now)
	}
	if len(l.outbox.letters) == 0 && l.outbox.idle(l.composer.rest(l.had)) {
		l.run.hooks.moved(l.run.hook.ID)
	}
	next = sooner(l.restAt, sooner(l.composer.due(), l.run.start(trying, now)))
	return next, len(l.pending) == 0, nil
}

// nextRest returns when a hook that has nothing to deliver has its position moved
// on next: those of one record of cursors together, so that it is written once for
// all of them, and the records in turn.
func nextRest(id string, now time.Time) time.Time {
	turn := restTime / cursorPartitions * time.Duration(partitionOf(id))
	wait := turn - now.Sub(now.Truncate(restTime))
	if wait <= 0 {
		wait += restTime
	}
	return now.Add(wait)
}

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// compose makes letters of what was taken, as far as there is room and time.
func (l *hookLane) compose(now time.Time) error {
	for {
		if err := l.fill(now); err != nil || l.outbox.full() {
			return err
		}
		made, err := l.composer.next(now)
		switch {
		case err != nil:
			return err
		case made != nil:
			l.add(made)
		case len(l.pending) == 0 || !l.composer.takes():
			return nil
		}
		if time.Since(now) >= composeTime {
			signal(l.wake)
			return nil
		}
	}
}

// fill adds what was taken to what the composer has, as far as that takes it and
// there is time.
func (l *hookLane) fill(now time.Time) error {
	var reader dataplane.MessageReader // of names that come again among these: it is not kept
	for len(l.pending) > 0 && l.composer.takes() {
		line, err := readHookLine(&reader, l.pop())
		if err != nil { // our own line: every one is a message and its position
			l.run.hooks.options.Logger.Error(err, "A line of the stream cannot be delivered", "subscription", l.run.hook.ID)
			continue
		}
		l.tellLoss(&line.message)
		if err := l.composer.add(line, now); err != nil {
			return err
		}
		l.had = line.at
		if time.Since(now) >= composeTime {
			break
		}
	}
	return nil
}

// tellLoss has told what the log does not have for the subscription any more.
func (l *hookLane) tellLoss(m *dataplane.Message) {
	if m.ID.Publisher != logPublisher {
		return
	}
	loss, _ := m.Loss()
	l.run.hooks.events.tell(l.run.hook.ID, hookEvent{Event: eventLost, Class: l.class.String(), Reason: loss.Reason})
}

// pop returns the line that was taken first.
func (l *hookLane) pop() []byte {
	line, rest, _ := bytes.Cut(l.pending[0], []byte{'\n'})
	if l.pending[0] = rest; len(rest) == 0 {
		l.pending = l.pending[1:]
	}
	return line
}

// add puts a letter into the outbox. One that the run before was done with is
// done: it is there for the position to move over it.
func (l *hookLane) add(made *letter) {
	was := l.oldDone.has(made.id)
	if tries, ok := l.old[made.id]; ok {
		made.tries = tries
		delete(l.old, made.id)
	}
	if l.outbox.add(made); made.bound {
		l.run.hooks.movedFar(l.run.hook.ID)
	}
	if was {
		l.finish(made)
	}
	if l.made = min(l.made+1, maxOutbox); l.made == maxOutbox { // as many as the run before had: no other comes
		l.old, l.oldDone = nil, nil
	}
}

// pass moves on to where the stream is, if all that came was composed: else the
// log's limits would take what the position points at.
func (l *hookLane) pass(now time.Time) {
	if len(l.pending) > 0 {
		return
	}
	if at, ok := l.stream.Had(); ok {
		l.had = at
		l.composer.pass(at, l.stream.idle(), now)
		signal(l.wake)
	}
}

// reached returns up to where all is done: where the stream is if nothing of it
// waits, to which the outbox's position comes on every restTime. It is to be shown,
// not kept: while lines pass from the stream to the lane it may be behind them.
func (l *hookLane) reached() Position {
	at := l.outbox.position
	if l.stream == nil || len(l.outbox.letters)+len(l.pending) > 0 || at.place(l.class) != l.had.place(l.class) {
		return at
	}
	if had, ok := l.stream.Had(); ok {
		return had
	}
	return at
}

// finish takes note that a letter is done.
func (l *hookLane) finish(done *letter) {
	l.outbox.finish(done)
	l.composer.finish(done)
	l.run.hooks.moved(l.run.hook.ID)
	signal(l.wake)
}

// cursor returns where the lane is, and the letter whose bounds that has.
func (l *hookLane) cursor() (laneCursor, *letter) {
	c := laneCursor{Position: l.outbox.position.String(), Tries: maps.Clone(l.old), Done: l.oldDone.clone()}
	bound := l.composer.keep(&c)
	for _, waiting := range l.outbox.letters {
		switch {
		case waiting.done && l.oldDone.has(waiting.id):
		case waiting.done:
			c.Done.add(waiting.id)
		case !waiting.tries.First.IsZero():
			if c.Tries == nil {
				c.Tries = make(map[string]webhook.Tries)
			}
			c.Tries[waiting.id] = waiting.tries
		}
	}
	return c, bound
}
