package cloudsvc

import (
	"context"
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
	// restTime is how often a hook that has nothing to deliver has its position
	// moved on.
	restTime = 30 * time.Second
	// graceTime is for how long a run that ends waits for what is being tried, so
	// that what a receiver takes is not sent to it again: as long as the end of the
	// process, 5 s after SIGTERM, leaves for it.
	graceTime = 3 * time.Second
	// turnsBT is how many of the tries BT has where RT has something to try, too:
	// every eighth. RT does not wait for what is behind it, and BT is one request a
	// batch; but a receiver that is slow with RT has BT, too.
	turnsBT = 8
)

// goneError ends a run: the receiver wants nothing more.
type goneError struct{ reason string }

func (e *goneError) Error() string { return "receiver wants nothing more: " + e.reason }

// A hookRun delivers for one Hook, as it was when the run began: RT and BT each
// by a lane of its own, so that neither waits for what the receiver does not take
// of the other. How many requests there are at a time, how often, and for how long
// there are none is for both together.
type hookRun struct {
	hooks   *Hooks
	hook    Hook
	limiter *rate.Limiter
	lanes   [len(dataplane.Classes)]*hookLane // in the order of dataplane.Classes: RT, BT
	running sync.WaitGroup
	stop    context.CancelCauseFunc
	ended   chan struct{} // closed when the run has

	mu       sync.Mutex
	flying   int        // letters that are being tried or buried
	turn     int        // of the tries that both lanes wanted
	held     time.Time  // nothing is tried before
	redrives []*redrive // which come first: there are but as many as somebody waits for
	last     hookTry
}

// hookTry is what is told of the tries of a hook.
type hookTry struct {
	delivered, buried uint64    // since the run began
	fault             string    // why the last failed one did; "" once one did not
	faultAt           time.Time // when
	turn              hookTurn
}

// hookTurn is what was said of a receiver: that it fails, and of what became of it.
type hookTurn struct {
	failing bool // by the log
	told    bool // by an event: of what is one itself there is none, see isHookEvent
	dead    bool // by the log: since it fails there are dead letters
}

// newHookRun begins where a cursor is.
func newHookRun(hooks *Hooks, hook Hook, c hookCursor, windows []byte) (*hookRun, error) {
	filter, err := dataplane.ParseFilter(hook.Topic)
	if err != nil {
		return nil, err
	}
	limit := rate.Inf
	if most := hook.rate(); most > 0 {
		limit = rate.Limit(most)
	}
	r := &hookRun{hooks: hooks, hook: hook, limiter: rate.NewLimiter(limit, 1), ended: make(chan struct{}), held: c.Held}
	r.last.fault, r.last.faultAt = c.Fault, c.FaultAt
	for i, class := range dataplane.Classes {
		if r.lanes[i], err = newHookLane(r, class, filter, *c.lane(class)); err != nil {
			return nil, err
		}
	}
	return r, r.lanes[1].merge(c.BT, windows)
}

// run delivers until the context ends, the receiver is gone, or a stream ends.
// Nothing is tried after that, and what is being tried then has graceTime to end.
func (r *hookRun) run(ctx context.Context) error {
	defer close(r.ended)
	trying, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	var other sync.WaitGroup
	other.Go(func() { r.stop(r.lanes[1].deliver(ctx, trying)) })
	r.stop(r.lanes[0].deliver(ctx, trying))
	other.Wait()
	defer time.AfterFunc(graceTime, breakOff).Stop()
	r.running.Wait()
	return context.Cause(ctx)
}

// start tries the letters that are due and may be tried, until a context ends,
// and returns when there may be another one; zero: when something happens. r.mu is
// held.
func (r *hookRun) start(trying context.Context, now time.Time) (next time.Time) {
	for r.flying < r.hook.MaxInFlight {
		lane, due, next := r.due(now)
		again := len(r.redrives) > 0 && !r.held.After(now)
		if due == nil && !again {
			return next
		}
		turn := r.limiter.ReserveN(now, 1)
		if wait := turn.DelayFrom(now); wait > 0 {
			turn.CancelAt(now)
			return now.Add(wait)
		}
		r.flying++
		if again {
			r.startRedrive(trying)
			continue
		}
		due.flying = true
		r.running.Go(func() { r.try(trying, lane, due) })
	}
	return time.Time{}
}

// due returns the letter to be tried now, or, where there is none, when there may
// be one.
func (r *hookRun) due(now time.Time) (from *hookLane, due *letter, next time.Time) {
	if len(r.redrives) > 0 && r.held.After(now) {
		next = r.held
	}
	for _, lane := range r.lanes {
		l, at := lane.outbox.due(now, r.held)
		next = sooner(next, at)
		switch {
		case l == nil:
		case due == nil:
			from, due = lane, l
		default: // both want to
			if r.turn++; r.turn%turnsBT == 0 {
				from, due = lane, l
			}
		}
	}
	return from, due, next
}

// try makes one try with a letter, and takes into account what came of it. What
// is given up is on its way until it is a dead letter: its key waits for it.
func (r *hookRun) try(ctx context.Context, from *hookLane, l *letter) {
	outcome, err := r.send(ctx, l, false)
	if err != nil {
		return // the run ends, and the letter is tried by the next one
	}
	if d := r.settle(from, l, outcome); d == nil || r.bury(ctx, from, l, d) {
		signal(from.wake)
	}
}

// send sends a letter, as the hook is now: whoever was given a new key has what
// comes behind it signed by it. After an error nothing is known.
func (r *hookRun) send(ctx context.Context, l *letter, redriven bool) (webhook.Outcome, error) {
	hook, err := r.hooks.Get(r.hook.ID)
	if err != nil {
		return webhook.Outcome{}, err
	}
	keys, err := hook.keys(time.Now())
	if err != nil {
		return webhook.Outcome{Verdict: webhook.Retry, Reason: "the key of the subscription cannot be read"}, nil
	}
	return r.hooks.options.Sender.Send(ctx, &webhook.Request{
		URL: hook.Callback, ID: webhookID(l.id), ContentType: "application/json", Body: l.body, Keys: keys, Redriven: redriven,
	})
}

// settle takes a try into account, and returns what is to be buried, or nil.
func (r *hookRun) settle(from *hookLane, l *letter, o webhook.Outcome) *DeadLetter {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.tellTurn(l, o)
	if o.Verdict == webhook.Done {
		r.last.delivered++
		r.last.fault = ""
		r.land(from, l)
		return nil
	}
	if o.Sent() || r.last.fault == "" { // else it was told why the host is left alone
		r.last.fault, r.last.faultAt = o.Reason, now
	}
	r.hooks.moved(r.hook.ID)
	if o.Verdict == webhook.Gone {
		r.stop(&goneError{o.Reason})
		return nil
	}
	tries, again := r.hooks.options.Schedule.Fail(l.tries, o, now, r.hooks.options.Random())
	if o.Verdict == webhook.Later { // which is meant for all that we would send, be this one given up
		r.held = later(r.held, tries.Next)
	}
	if !again {
		return newDeadLetter(&r.hook, l.id, l.body, tries, o, now)
	}
	r.flying--
	from.outbox.again(l, tries)
	return nil
}

// tellTurn has told and logged when a receiver begins to fail, and when it no
// longer does.
func (r *hookRun) tellTurn(l *letter, o webhook.Outcome) {
	failed, turn := o.Verdict != webhook.Done, &r.last.turn
	switch {
	case failed == turn.failing:
	case failed:
		turn.failing = true
		r.log("The receiver of a subscription fails", "reason", o.Reason)
	default:
		turn.failing, turn.dead = false, false
		r.log("The receiver of a subscription takes messages again")
	}
	if failed == turn.told || isHookEvent(l.id) {
		return
	}
	if turn.told = failed; failed {
		r.hooks.events.tell(r.hook.ID, hookEvent{Event: eventFailing, Reason: o.Reason})
	} else {
		r.hooks.events.tell(r.hook.ID, hookEvent{Event: eventRecovered})
	}
}

// tellDead has logged the first dead letter since a receiver began to fail.
func (r *hookRun) tellDead(d *DeadLetter) {
	if !r.last.turn.dead {
		r.last.turn.dead = true
		r.log("A message of a subscription became a dead letter; others are not logged until its receiver takes messages again",
			"message", d.MessageID, "deadLetter", d.ID, "tries", d.Tries, "reason", d.Reason, "detail", d.Detail)
	}
}

// log has a line logged about the receiver.
func (r *hookRun) log(message string, values ...any) {
	r.hooks.log.say(message, append([]any{"subscription", r.hook.ID, "topic", r.hook.Topic, "callback", webhook.Redact(r.hook.Callback)}, values...)...)
}

// land takes note that a letter is done.
func (r *hookRun) land(from *hookLane, l *letter) {
	r.flying--
	from.finish(l)
}

// bury makes a dead letter of a letter, however long that takes, and tells
// whether it did before the context ended.
func (r *hookRun) bury(ctx context.Context, from *hookLane, l *letter, d *DeadLetter) bool {
	logged := ""
	for ctx.Err() == nil {
		err := r.hooks.bury(ctx, d)
		if err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.last.buried++
			r.tellDead(d)
			r.land(from, l)
			return true
		}
		if ctx.Err() == nil && err.Error() != logged {
			logged = err.Error()
			r.hooks.options.Logger.Error(err, "A dead letter was not stored, and is again", "subscription", r.hook.ID)
		}
		pause(ctx)
	}
	return false
}

// pause waits for hookRetry, or until the context ends.
func pause(ctx context.Context) {
	timer := time.NewTimer(hookRetry)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// cursor returns where the run is, and the letter whose bounds that has.
func (r *hookRun) cursor() (hookCursor, *letter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := hookCursor{Held: r.held, Fault: short(r.last.fault), FaultAt: r.last.faultAt.UTC()}
	c.RT, _ = r.lanes[0].cursor()
	var bound *letter
	c.BT, bound = r.lanes[1].cursor()
	return c, bound
}

// rests tells whether publishers are idle whose windows close once that is stored.
// It waits for nobody.
func (r *hookRun) rests() bool {
	w, ok := r.lanes[1].composer.(*hookWindow)
	return ok && w.resting.Load()
}

// windowsStored takes note of the record of the windows that is stored.
func (r *hookRun) windowsStored(record []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.lanes[1].composer.(*hookWindow); ok && w.stored(record) {
		signal(r.lanes[1].wake)
	}
}

// close gives back what the run has of what all share.
func (r *hookRun) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.lanes[1].composer.(*hookWindow); ok {
		w.reducer.Close()
	}
}

// stored has a letter tried whose bounds are stored.
func (r *hookRun) stored(l *letter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.bound = false
	signal(r.lanes[1].wake)
}

// windows returns the record of a run's windows as far as it may be stored, nil
// where it has none.
func (r *hookRun) windows() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.lanes[1].composer.(*hookWindow); ok {
		w.renew()
		return w.record
	}
	return nil
}
