package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"datastub/cloudsvc/webhook"
)

const (
	// redriveTurn is how long a dead letter that somebody waits for may wait until
	// its subscription has a request left for it.
	redriveTurn = 10 * time.Second
	// maxRedriveFaults is how many dead letters in a row may fail, but for those
	// that the receiver will never take, until the rest is left for another time.
	maxRedriveFaults = 10
)

// Why a dead letter is not redriven.
var (
	ErrHookGone      = errors.New("the subscription is gone: its dead letters can be dropped, and not redriven")
	ErrHookInactive  = errors.New("the subscription is paused or disabled: resume it first")
	ErrRedriven      = errors.New("the dead letter is being redriven already")
	ErrLetterTooLong = errors.New("the message was too large to be kept with its dead letter")
)

// errRunEnded says that a run has ended before it made a try.
var errRunEnded = errors.New("the subscription is being changed")

// A redrive is one more try with a dead letter. The run makes it when it has a
// request left for it, beside what it delivers: so the limits of the
// subscription hold for both.
type redrive struct {
	letter  *letter              // in no outbox
	outcome chan webhook.Outcome // has room for the one that there is, once it was tried
}

// Redrive makes one more try with a dead letter, out of its order, and tells
// what came of it. One that was delivered is not there any more, another one has
// one try more. The error may be ErrNoSuchLetter, or wraps what stands in its
// way.
func (h *Hooks) Redrive(ctx context.Context, id string) (delivered bool, kept KeptLetter, err error) {
	if kept, err = h.letter(ctx, id); err != nil {
		return false, kept, err
	}
	o, err := h.redrive(ctx, &kept)
	return o.Verdict == webhook.Done, kept, err
}

// redrive makes one more try with a dead letter, and stores what came of it.
func (h *Hooks) redrive(ctx context.Context, kept *KeptLetter) (webhook.Outcome, error) {
	if _, twice := h.redriven.LoadOrStore(kept.ID, struct{}{}); twice {
		return webhook.Outcome{}, ErrRedriven
	}
	defer h.redriven.Delete(kept.ID)
	if kept.Message == nil {
		return webhook.Outcome{}, ErrLetterTooLong
	}
	o, err := h.tryLetter(ctx, kept)
	if err != nil || !o.Sent() {
		return o, err
	}
	// The try was made, whoever still waits for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redriveStore)
	defer cancel()
	if o.Verdict == webhook.Done {
		return o, h.options.DeadLetters.DropLetter(ctx, kept.Place)
	}
	kept.tried(o, time.Now())
	return o, h.options.DeadLetters.Rebury(ctx, kept)
}

// tryLetter has the run of a dead letter's subscription make a try.
func (h *Hooks) tryLetter(ctx context.Context, kept *KeptLetter) (webhook.Outcome, error) {
	for {
		run, err := h.runOf(kept.Subscription)
		if err != nil {
			return webhook.Outcome{}, err
		}
		if run != nil {
			if o, err := run.redrive(ctx, kept); !errors.Is(err, errRunEnded) {
				return o, err
			}
		}
		if pause(ctx); ctx.Err() != nil {
			return webhook.Outcome{}, ctx.Err()
		}
	}
}

// runOf returns the run of a subscription that is active, nil if it is to begin.
func (h *Hooks) runOf(id string) (*hookRun, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, ok := h.hooks[id]
	switch {
	case !ok:
		return nil, ErrHookGone
	case kept.hook.State != HookActive:
		return nil, ErrHookInactive
	}
	return kept.run, nil
}

// redrive hands a dead letter to the run, and waits for what comes of it. The
// context ends only the waiting for its turn.
func (r *hookRun) redrive(ctx context.Context, kept *KeptLetter) (webhook.Outcome, error) {
	d := &redrive{&letter{id: kept.MessageID, body: kept.Message}, make(chan webhook.Outcome, 1)}
	r.mu.Lock()
	r.redrives = append(r.redrives, d)
	r.mu.Unlock()
	signal(r.lanes[0].wake)
	left := ctx.Done()
	for {
		select {
		case o := <-d.outcome:
			return o, nil
		case <-r.ended:
			select {
			case o := <-d.outcome:
				return o, nil
			default:
				return webhook.Outcome{}, errRunEnded
			}
		case <-left:
			if r.forget(d) {
				return webhook.Outcome{}, ctx.Err()
			}
			left = nil // it is being tried, which takes webhook.TryTime at most
		}
	}
}

// forget leaves out a redrive that has not been tried, and tells whether it was
// one.
func (r *hookRun) forget(d *redrive) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.redrives, d)
	if i < 0 {
		return false
	}
	r.redrives = slices.Delete(r.redrives, i, i+1)
	return true
}

// startRedrive tries the dead letter whose turn it is.
func (r *hookRun) startRedrive(ctx context.Context) {
	d := r.redrives[0]
	r.redrives = r.redrives[1:]
	r.running.Go(func() {
		o, err := r.send(ctx, d.letter, true)
		if err != nil {
			return // the run has ended, or ends
		}
		d.outcome <- o
		r.settleRedrive(o)
		signal(r.lanes[0].wake)
	})
}

// settleRedrive takes a try with a dead letter into account, as far as it says
// something of the receiver.
func (r *hookRun) settleRedrive(o webhook.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying--
	switch o.Verdict {
	case webhook.Gone:
		r.stop(&goneError{o.Reason})
	case webhook.Later:
		r.held = later(r.held, time.Now().Add(min(o.RetryAfter, webhook.MaxRetryAfter)))
	}
}

// RedriveAll has the dead letters of a subscription redriven in their order, one
// after the other, and does not wait for that. A restart ends it, and what was
// not redriven stays.
func (h *Hooks) RedriveAll(id string) error {
	if _, err := h.runOf(id); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, twice := h.redrives[id]; !twice {
		h.redrives[id] = false
		signal(h.wake)
	}
	return nil
}

// redriveAll redrives the dead letters that a subscription has now.
func (h *Hooks) redriveAll(ctx context.Context, id string) {
	p := redrivePass{hooks: h, id: id, since: time.Now()}
	err := p.run(ctx)
	h.mu.Lock()
	delete(h.redrives, id)
	h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	event := hookEvent{Event: eventRedriven, Delivered: p.delivered, Failed: p.failed}
	if err != nil {
		event.Reason = "not all of them: " + err.Error()
	}
	h.events.tell(id, event)
	h.options.Logger.Info("Dead letters were redriven", "subscription", id, "delivered", p.delivered, "failed", p.failed, "reason", event.Reason)
}

// A redrivePass redrives the dead letters of a subscription that were tried last
// before it began.
type redrivePass struct {
	hooks             *Hooks
	id                string
	since             time.Time
	delivered, failed int
	faults            int // in a row
}

// run makes the pass. Its error says why it left some. Those that fail are
// stored behind all others, with the time of their try: there the pass ends.
func (p *redrivePass) run(ctx context.Context) error {
	for after := uint64(0); ; {
		kept, err := p.hooks.options.DeadLetters.NextLetter(ctx, p.id, after)
		if errors.Is(err, ErrNoSuchLetter) || err == nil && !kept.Last.Before(p.since) {
			return nil
		}
		if err != nil {
			return err
		}
		o, err := p.hooks.redrive(ctx, &kept)
		switch {
		case errors.Is(err, ErrRedriven), errors.Is(err, ErrLetterTooLong):
		case err != nil:
			return err
		default:
			p.count(o)
		}
		if p.faults == maxRedriveFaults {
			return fmt.Errorf("%d in a row failed, the last one as the receiver: %s", p.faults, o.Reason)
		}
		if err != nil || o.Sent() { // else it is its turn again, when the host may be tried
			after = kept.Place
		}
	}
}

func (p *redrivePass) count(o webhook.Outcome) {
	p.faults++
	switch o.Verdict {
	case webhook.Done:
		p.delivered++
		p.faults = 0
	case webhook.Refused:
		p.failed++
		p.faults = 0
	default:
		if o.Sent() {
			p.failed++
		}
	}
}
