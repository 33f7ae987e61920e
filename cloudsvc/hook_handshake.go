package cloudsvc

import (
	"context"
	"errors"
	"fmt"

	"datastub/dataplane/rest"
)

// A Handshake is how a receiver is asked whether it wants what a Hook sends,
// before the Hook is stored.
type Handshake string

// The handshakes.
const (
	HandshakeNone        Handshake = "none"
	HandshakeCloudEvents Handshake = "cloudevents" // OPTIONS, as webhook.Sender asks
)

// ErrHookChanged says that a Hook is not as its receiver was asked about.
var ErrHookChanged = errors.New("the subscription was changed while its receiver was asked: nothing was changed; try again")

func (h Handshake) validate() error {
	if h != HandshakeNone && h != HandshakeCloudEvents {
		return fmt.Errorf("handshake %.64q: want %s or %s", string(h), HandshakeNone, HandshakeCloudEvents)
	}
	return nil
}

// A proposal is what a receiver is asked about.
type proposal struct {
	handshake Handshake
	callback  string
	maxRate   float64
}

func (h *Hook) proposal() proposal { return proposal{h.Handshake, h.Callback, h.MaxRate} }

// rate returns how many requests a second there may be, 0 being any number: what
// was asked for, or less where the receiver allows less.
func (h *Hook) rate() float64 {
	if h.MaxRate == 0 || h.AllowedRate > 0 && h.AllowedRate < h.MaxRate {
		return h.AllowedRate
	}
	return h.MaxRate
}

// propose asks a receiver that is to be asked, and takes note of the rate that it
// allows. The error is a *rest.InvalidError where it does not consent, which may
// take webhook.TryTime: nothing is locked meanwhile.
func (h *Hooks) propose(ctx context.Context, hook *Hook) (err error) {
	hook.AllowedRate = 0
	if hook.Handshake != HandshakeCloudEvents {
		return nil
	}
	hook.AllowedRate, err = h.options.Handshaker.Handshake(ctx, hook.Callback, hook.MaxRate)
	if err != nil && ctx.Err() == nil {
		return rest.Invalid("handshake", err)
	}
	return err
}

// Amend is Change for what a caller gives. Its receiver is asked first if ask is
// set and the Hook, once edited, says how: ErrHookChanged says that it was edited
// otherwise meanwhile. The edit may run twice.
func (h *Hooks) Amend(ctx context.Context, id string, ask bool, edit func(*Hook) error) (Hook, error) {
	if !ask {
		return h.Change(ctx, id, edit)
	}
	proposed, err := h.Get(id)
	if err != nil {
		return Hook{}, err
	}
	if err := edit(&proposed); err != nil {
		return Hook{}, err
	}
	if err := proposed.validate(); err != nil {
		return Hook{}, err
	}
	if err := h.propose(ctx, &proposed); err != nil {
		return Hook{}, err
	}
	return h.Change(ctx, id, func(hook *Hook) error {
		if err := edit(hook); err != nil {
			return err
		}
		if hook.proposal() != proposed.proposal() {
			return ErrHookChanged
		}
		hook.AllowedRate = proposed.AllowedRate
		return nil
	})
}
