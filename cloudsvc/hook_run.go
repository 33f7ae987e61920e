package cloudsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"datastub/cloudsvc/webhook"
	"datastub/dataplane"
)

const (
	// hookRetry is how long a hook waits before it asks the log or the dead
	// letter box again, which did not answer.
	hookRetry = time.Second
	// idleTime is how long a hook that has nothing to deliver waits before its
	// position moves on: else the log's limits would take what it points at.
	idleTime = 30 * time.Second
)

// goneError ends a run: the receiver wants nothing more.
type goneError struct{ reason string }

func (e *goneError) Error() string { return "receiver wants nothing more: " + e.reason }

// A hookRun delivers for one Hook, as it was when the run began. What it takes
// of the stream is in its outbox until it is done.
type hookRun struct {
	hooks   *Hooks
	hook    Hook
	filter  dataplane.Filter
	limiter *rate.Limiter
	old     map[string]webhook.Tries // of the run before, of messages not taken yet
	window  *hookWindow              // or nil; with mu held
	pending [][]byte                 // taken, and not in the outbox for want of room
	flying  int                      // letters that are being tried or buried
	results chan tried

	mu     sync.Mutex
	outbox *outbox
	last   hookTry
}

// tried is what became of a letter.
type tried struct {
	letter  *letter
	outcome webhook.Outcome
	buried  bool // it is a dead letter now
}

// hookTry is what is told of the tries of a hook.
type hookTry struct {
	delivered, buried uint64    // since this process has it
	fault             string    // why the last failed one did; "" once one did not
	faultAt           time.Time // when
	next              time.Time // when the next one is due, if all wait
}

// taken is what a stream gave: lines, or where it is after some time without
// any, or its end.
type taken struct {
	lines [][]byte
	idle  *Position
	err   error
}

// newHookRun begins where a cursor is.
func newHookRun(hooks *Hooks, hook Hook, c hookCursor, windows []byte) (*hookRun, error) {
	at, err := ParsePosition(c.Position)
	if err != nil {
		return nil, fmt.Errorf("cursor of subscription %s: %w", hook.ID, err)
	}
	filter, err := dataplane.ParseFilter(hook.Topic)
	if err != nil {
		return nil, err
	}
	limit := rate.Inf
	if hook.MaxRate > 0 {
		limit = rate.Limit(hook.MaxRate)
	}
	r := &hookRun{
		hooks: hooks, hook: hook, filter: filter, limiter: rate.NewLimiter(limit, 1), old: maps.Clone(c.Tries),
		results: make(chan tried), outbox: newOutbox(at),
	}
	r.outbox.hold(c.Held)
	if hook.Window != nil {
		r.window, r.outbox.position, err = newHookWindow(hooks.options.Dispatcher, &hook, at, windows)
	}
	return r, err
}

// run delivers until the context ends, the receiver is gone, or the stream
// ends.
func (r *hookRun) run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := r.hooks.options.Dispatcher.SubscribeFrom(ctx, r.filter, Start{After: r.outbox.position})
	if err != nil {
		return err
	}
	taking := make(chan taken)
	running.Go(func() { take(ctx, stream, taking) })
	for {
		wait, err := r.start(ctx, &running)
		if err != nil {
			return err
		}
		more := taking
		if len(r.pending) > 0 {
			more = nil // what was taken comes first
		}
		if err := r.next(ctx, &running, more, wait); err != nil {
			return err
		}
	}
}

// take hands over what a stream gives, and closes it in the end.
func take(ctx context.Context, stream *Subscription, to chan<- taken) {
	defer stream.Close()
	for {
		waiting, cancel := context.WithTimeout(ctx, idleTime)
		lines, err := stream.Next(waiting)
		cancel()
		t := taken{lines: lines, err: err}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			at, ok := stream.Had()
			if !ok {
				continue
			}
			t = taken{idle: &at}
		}
		select {
		case to <- t:
		case <-ctx.Done():
			return
		}
		if t.err != nil {
			return
		}
	}
}

// start tries the letters that are due and may be tried, and returns how long
// to wait for the next one; 0: until something happens.
func (r *hookRun) start(ctx context.Context, running *sync.WaitGroup) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fill(); err != nil {
		return 0, err
	}
	for r.flying < r.hook.MaxInFlight {
		now := time.Now()
		l, next := r.outbox.due(now)
		if l != nil && !r.limiter.AllowN(now, 1) {
			return time.Duration(float64(time.Second) / r.hook.MaxRate), nil
		}
		if l == nil {
			r.last.next = next
			if next.IsZero() {
				return 0, nil
			}
			return next.Sub(now), nil
		}
		r.flying++
		l.flying = true
		running.Go(func() { r.try(ctx, l) })
	}
	return 0, nil
}

// fill moves what was taken into the outbox, as far as there is room. r.mu is
// held.
func (r *hookRun) fill() error {
	for !r.outbox.full() {
		if l, err := r.window.next(); err != nil {
			return err
		} else if l != nil {
			r.add(l)
			continue
		}
		if len(r.pending) == 0 || r.window.busy() {
			return nil
		}
		line, rest, _ := bytes.Cut(r.pending[0], []byte{'\n'})
		if r.pending[0] = rest; len(rest) == 0 {
			r.pending = r.pending[1:]
		}
		at, reduced, err := r.window.take(line)
		if err != nil {
			return err
		}
		if reduced {
			r.pass(at)
			continue
		}
		l, err := readLetter(line)
		if err != nil { // our own line: every one is a message and its position
			r.hooks.options.Logger.Error(err, "A line of the stream cannot be delivered", "subscription", r.hook.ID)
			continue
		}
		r.add(l)
	}
	return nil
}

// add puts a letter into the outbox.
func (r *hookRun) add(l *letter) {
	if tries, ok := r.old[l.id]; ok {
		l.tries = tries
		delete(r.old, l.id)
	}
	r.outbox.add(l)
}

// pass moves on to a position up to which nothing waits to be delivered.
func (r *hookRun) pass(at Position) {
	if r.outbox.idle(at) {
		r.hooks.moved(r.hook.ID)
	}
}

// next waits for what happens next, and takes it into account.
func (r *hookRun) next(ctx context.Context, running *sync.WaitGroup, more <-chan taken, wait time.Duration) error {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case t := <-more:
		if t.idle != nil {
			r.mu.Lock()
			r.pass(*t.idle)
			r.window.pass(*t.idle)
			r.mu.Unlock()
		}
		r.pending = t.lines
		return t.err
	case t := <-r.results:
		r.flying--
		return r.settle(ctx, running, t)
	case <-due:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try makes one try with a letter, as the hook is now: whoever was given a new
// key has what comes behind it signed by it. A try that was broken off has no
// result.
func (r *hookRun) try(ctx context.Context, l *letter) {
	hook, err := r.hooks.Get(r.hook.ID)
	if err != nil {
		return // it is gone, and the run ends
	}
	keys, err := hook.keys(time.Now())
	outcome := webhook.Outcome{Verdict: webhook.Retry, Reason: "the key of the subscription cannot be read"}
	if err == nil {
		outcome, err = r.hooks.options.Sender.Send(ctx, &webhook.Request{
			URL: hook.Callback, ID: webhookID(l.id), ContentType: "application/json", Body: l.body, Keys: keys,
		})
		if err != nil {
			return
		}
	}
	r.tell(ctx, tried{letter: l, outcome: outcome})
}

func (r *hookRun) tell(ctx context.Context, t tried) {
	select {
	case r.results <- t:
	case <-ctx.Done():
	}
}

// settle takes a try into account. What is given up is on its way until it is
// a dead letter: its key waits for it.
func (r *hookRun) settle(ctx context.Context, running *sync.WaitGroup, t tried) error {
	r.hooks.moved(r.hook.ID)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	switch {
	case t.buried:
		r.last.buried++
		r.finish(t.letter)
		return nil
	case t.outcome.Verdict == webhook.Done:
		r.last.delivered++
		r.last.fault = ""
		r.finish(t.letter)
		return nil
	}
	r.last.fault, r.last.faultAt = t.outcome.Reason, now
	if t.outcome.Verdict == webhook.Gone {
		return &goneError{t.outcome.Reason}
	}
	tries, again := r.hooks.options.Schedule.Fail(t.letter.tries, t.outcome, now, r.hooks.options.Random())
	if again {
		r.outbox.again(t.letter, tries)
		if t.outcome.Verdict == webhook.Later { // which is meant for all that we would send
			r.outbox.hold(tries.Next)
		}
		return nil
	}
	d := newDeadLetter(&r.hook, t.letter.id, t.letter.body, tries, t.outcome, now)
	r.flying++
	running.Go(func() { r.bury(ctx, t, d) })
	return nil
}

// finish takes note that a letter is done.
func (r *hookRun) finish(l *letter) {
	r.outbox.finish(l)
	r.window.finish(l)
}

// bury makes a dead letter of a letter, however long that takes.
func (r *hookRun) bury(ctx context.Context, t tried, d *DeadLetter) {
	logged := ""
	for ctx.Err() == nil {
		err := r.hooks.bury(ctx, d)
		if err == nil {
			t.buried = true
			r.tell(ctx, t)
			return
		}
		if ctx.Err() == nil && err.Error() != logged {
			logged = err.Error()
			r.hooks.options.Logger.Error(err, "A dead letter was not stored, and is again", "subscription", r.hook.ID)
		}
		pause(ctx, hookRetry)
	}
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// cursor returns where the run is.
func (r *hookRun) cursor() hookCursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.outbox.position
	if r.window != nil {
		at.BT = r.window.began
	}
	c := hookCursor{Position: at.String(), Held: r.outbox.held, Tries: maps.Clone(r.old)}
	for _, l := range r.outbox.letters {
		if !l.done && l.tries.Count > 0 {
			if c.Tries == nil {
				c.Tries = make(map[string]webhook.Tries)
			}
			c.Tries[l.id] = l.tries
		}
	}
	return c
}
