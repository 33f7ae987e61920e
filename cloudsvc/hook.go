package cloudsvc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"datastub/cloudsvc/webhook"
	"datastub/cloudsvc/window"
	"datastub/dataplane"
	"datastub/dataplane/rest"
)

// HookState tells whether a Hook delivers.
type HookState string

// The states.
const (
	HookActive   HookState = "active"
	HookPaused   HookState = "paused"   // somebody asked for it
	HookDisabled HookState = "disabled" // its receiver answered 410 Gone, its windows are too many, or where it was cannot be read
)

// What a hook may ask for.
const (
	maxInFlight = 64
	minRate     = 1e-4 // requests a second: one in three hours
	maxRate     = 100_000
)

// oldKeyTime is how long the key before the last one signs, too: receivers
// need not be given the new one at the same moment.
const oldKeyTime = 24 * time.Hour

// A Hook is a durable subscription: each message whose topic matches is sent
// to its callback, of RT each by itself and of BT in batches, at least once, and where it was goes on over restarts. It
// is a value; Hooks keeps the one that counts.
type Hook struct {
	ID          string            `json:"id"`
	Owner       Identity          `json:"owner"`
	Topic       string            `json:"topic"` // a topic or a filter
	Callback    string            `json:"callback"`
	MaxInFlight int               `json:"maxInFlight"`       // requests at a time
	MaxRate     float64           `json:"maxRate,omitempty"` // requests a second; 0: as many as there are
	Batch       *BatchLimits      `json:"batch,omitempty"`   // how BT messages are merged; nil: as defaultBatch says
	Window      *window.Spec      `json:"window,omitempty"`  // what BT messages are reduced to; nil: they are merged
	Signature   webhook.Signature `json:"signature"`
	Handshake   Handshake         `json:"handshake"`
	State       HookState         `json:"state"`
	Why         string            `json:"why,omitempty"` // it is disabled
	Created     time.Time         `json:"created"`
	Began       string            `json:"began"` // the Position behind which it begins

	AllowedRate float64 `json:"allowedRate,omitempty"` // by the receiver, requests a second; 0: any

	Keys     []string  `json:"keys"`     // revealed: the one that signs, and the one before it
	OldUntil time.Time `json:"oldUntil"` // when the second stops signing
}

// DefaultHook is what a Hook is as far as nobody says.
func DefaultHook() Hook {
	return Hook{MaxInFlight: 1, Signature: webhook.V1, Handshake: HandshakeNone}
}

// validate returns a *rest.InvalidError with everything that is wrong with
// what a caller may give.
func (h *Hook) validate() error {
	var invalid rest.InvalidError
	_, err := dataplane.ParseFilter(h.Topic)
	invalid.Add("topic", err)
	_, err = webhook.ParseURL(h.Callback)
	invalid.Add("callback", err)
	if h.MaxInFlight < 1 || h.MaxInFlight > maxInFlight {
		invalid.Add("maxInFlight", fmt.Errorf("maxInFlight %d: want 1 to %d", h.MaxInFlight, maxInFlight))
	}
	if h.MaxRate != 0 && (h.MaxRate < minRate || h.MaxRate > maxRate) {
		invalid.Add("maxRate", fmt.Errorf("maxRate %v: want %v to %d requests a second, or 0 for no limit", h.MaxRate, minRate, maxRate))
	}
	invalid.Add("signature", h.Signature.Validate())
	invalid.Add("handshake", h.Handshake.validate())
	if h.Batch != nil {
		invalid.Add("batch", h.Batch.Validate())
	}
	if h.Window != nil {
		invalid.Add("window", h.Window.Validate())
	}
	if h.Batch != nil && h.Window != nil {
		invalid.Add("batch", errors.New("batch and window are given, and BT messages are either merged or reduced: want one of them; null takes batch away"))
	}
	return invalid.OrNil()
}

// keys returns those that sign at a time.
func (h *Hook) keys(now time.Time) ([]webhook.Key, error) {
	if len(h.Keys) == 0 {
		return nil, fmt.Errorf("subscription %s: it has no key", h.ID)
	}
	keys := make([]webhook.Key, 0, len(h.Keys))
	for i, text := range h.Keys {
		if i > 0 && now.After(h.OldUntil) {
			break
		}
		k, err := webhook.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("subscription %s: %w", h.ID, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// publicKey returns what receivers verify with, "" where that is a secret.
func (h *Hook) publicKey() string {
	if len(h.Keys) == 0 { // its record could not be read
		return ""
	}
	key, _ := webhook.ParseKey(h.Keys[0]) // the zero Key has none
	return key.PublicKey()
}

// A hookCursor is how far a Hook is.
type hookCursor struct {
	RT      laneCursor `json:"rt"`
	BT      laneCursor `json:"bt"`
	Held    time.Time  `json:"held,omitzero"`    // nothing is tried before
	Fault   string     `json:"fault,omitempty"`  // why the last try failed, of maxFault bytes at most; "" once one did not
	FaultAt time.Time  `json:"faultAt,omitzero"` // when
}

// maxFault is how much is kept of why a try failed, in bytes: enough for what a
// try says of itself and the beginning of what a receiver does.
const maxFault = 256

// short returns the text as far as it is kept.
func short(fault string) string {
	return strings.ToValidUTF8(fault[:min(len(fault), maxFault)], "")
}

// A laneCursor is how far a Hook is with one class. Its Position has the place of
// that class only: each has the incarnation of when it was there.
type laneCursor struct {
	Position string                   `json:"position"`
	Reduced  bool                     `json:"reduced,omitempty"` // by windows, whose record goes on where the position is
	Batch    *batchMark               `json:"batch,omitempty"`
	Tries    map[string]webhook.Tries `json:"tries,omitempty"` // of letters behind the position, by id
	Done     doneLetters              `json:"done,omitempty"`  // behind the position
}

// cursorAt returns that of a Hook that is at a position.
func cursorAt(position string) hookCursor {
	return hookCursor{RT: laneCursor{Position: position}, BT: laneCursor{Position: position}}
}

// lane returns that of a class.
func (c *hookCursor) lane(class dataplane.Class) *laneCursor {
	if class == dataplane.RT {
		return &c.RT
	}
	return &c.BT
}

// A HookStore keeps hooks and cursors. Records are small but for those of
// partitions, which have some 100 bytes a hook. No call is concurrent with
// another for the same id or partition.
type HookStore interface {
	// LoadHooks returns every record, by id.
	LoadHooks(ctx context.Context) (map[string][]byte, error)
	// SaveHook stores a record so that it survives a crash.
	SaveHook(ctx context.Context, id string, record []byte) error
	// DeleteHook removes a record; one that is not there is removed.
	DeleteHook(ctx context.Context, id string) error
	// LoadCursors returns the record of every partition that has one, from 0 to 63.
	LoadCursors(ctx context.Context) (map[int][]byte, error)
	// SaveCursors replaces the record of a partition, from 0 to 63.
	SaveCursors(ctx context.Context, partition int, record []byte) error
	// LoadWindows returns the record of the windows of every hook that has one,
	// by the hook's id.
	LoadWindows(ctx context.Context) (map[string][]byte, error)
	// SaveWindows replaces the record of the windows of a hook, which is
	// deleted with the hook. It has window.MaxState bytes and some more at most.
	SaveWindows(ctx context.Context, id string, record []byte) error
}

// A WebhookSender makes one try, as webhook.Sender does. It is called by many
// hooks at once.
type WebhookSender interface {
	Send(ctx context.Context, r *webhook.Request) (webhook.Outcome, error)
}

var _ WebhookSender = (*webhook.Sender)(nil)

// A Handshaker asks receivers, as webhook.Sender does, for many hooks at once.
type Handshaker interface {
	// Handshake asks whether a receiver wants so many requests a second, and
	// returns how many it allows: 0 is any number, of both. The error tells what it
	// answered and what was wanted, and does not repeat the URL.
	Handshake(ctx context.Context, url string, rate float64) (allowed float64, err error)
}

var _ Handshaker = (*webhook.Sender)(nil)
