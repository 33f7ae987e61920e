package cloudsvc

import (
	"context"
	"errors"
	"time"
)

const (
	// letterAge is how long a dead letter is kept after its last try, unless it is
	// said otherwise.
	letterAge = 30 * 24 * time.Hour
	// expireEvery is how often those that are older are looked for.
	expireEvery = time.Minute
	// roomStep is how many of the oldest are dropped where there is no room for
	// another one: enough for one that is larger than most.
	roomStep = 16
)

// letterDrop tells why a dead letter was dropped that nobody wanted dropped. It
// is a metric's label.
type letterDrop string

const (
	letterOld  letterDrop = "age"
	letterFull letterDrop = "room"
)

var letterDropReasons = [...]letterDrop{letterOld, letterFull}

// bury stores a dead letter, and makes room for it where there is none.
func (h *Hooks) bury(ctx context.Context, d *DeadLetter) error {
	for {
		err := h.options.DeadLetters.Bury(ctx, d)
		if err == nil {
			h.buried(d)
		}
		if !errors.Is(err, ErrLettersFull) {
			return err
		}
		if made := h.makeRoom(ctx); made != nil {
			return errors.Join(err, made)
		}
	}
}

// buried counts a dead letter, and tells of it.
func (h *Hooks) buried(d *DeadLetter) {
	h.options.Dispatcher.metrics.deadLetters.WithLabelValues(string(d.Reason)).Inc()
	if !isHookEvent(d.MessageID) {
		h.events.tell(d.Subscription, hookEvent{
			Event: eventDeadLetter, Reason: string(d.Reason), Detail: d.Detail, DeadLetter: d.ID, Message: d.MessageID, Tries: d.Tries,
		})
	}
}

// makeRoom drops the oldest dead letters. The error wraps ErrNoSuchLetter where
// there is none to drop.
func (h *Hooks) makeRoom(ctx context.Context) error {
	for n := range roomStep {
		kept, err := h.options.DeadLetters.NextLetter(ctx, "", 0)
		if n > 0 && errors.Is(err, ErrNoSuchLetter) {
			return nil
		}
		if err == nil {
			err = h.dropLetter(ctx, &kept, letterFull)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropLetter drops a dead letter that nobody wanted dropped.
func (h *Hooks) dropLetter(ctx context.Context, kept *KeptLetter, why letterDrop) error {
	if err := h.options.DeadLetters.DropLetter(ctx, kept.Place); err != nil {
		return err
	}
	h.options.Dispatcher.metrics.letterDrops.WithLabelValues(string(why)).Inc()
	if !isHookEvent(kept.MessageID) {
		h.events.tell(kept.Subscription, hookEvent{Event: eventDropped, Reason: string(why), DeadLetter: kept.ID, Message: kept.MessageID})
	}
	return nil
}

// expire drops dead letters that are too old, until the context ends.
func (h *Hooks) expire(ctx context.Context) {
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	logged := ""
	for {
		err := h.dropExpired(ctx, time.Now().Add(-h.options.LetterAge))
		switch {
		case err == nil:
			logged = ""
		case ctx.Err() == nil && err.Error() != logged:
			logged = err.Error()
			h.options.Logger.Error(err, "Dead letters that are too old were not dropped, and are later")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// dropExpired drops those that were tried last before a time. They are in the
// order of their last tries, as nearly as cloudsvc's clock goes forward.
func (h *Hooks) dropExpired(ctx context.Context, before time.Time) error {
	for {
		kept, err := h.options.DeadLetters.NextLetter(ctx, "", 0)
		if errors.Is(err, ErrNoSuchLetter) || err == nil && !kept.Last.Before(before) {
			return nil
		}
		if err == nil {
			err = h.dropLetter(ctx, &kept, letterOld)
		}
		if err != nil {
			return err
		}
	}
}
