package cloudsvc

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"datastub/cloudsvc/webhook"
)

// DeadReason tells in a word why a message became a dead letter.
type DeadReason string

// The reasons. They are a metric's label.
const (
	DeadRefused   DeadReason = "refused"   // the receiver will never take it
	DeadExhausted DeadReason = "exhausted" // it did not in all the time that the schedule gives
)

var deadReasons = [...]DeadReason{DeadRefused, DeadExhausted}

// A DeadLetter is a message, or a batch, that a receiver did not take, and why.
type DeadLetter struct {
	ID           string     `json:"id"` // opaque; one subscription's of one message always has the same
	Subscription string     `json:"subscription"`
	Topic        string     `json:"topic"`     // the subscription's topic or filter, as it was
	MessageID    string     `json:"messageId"` // of which webhook-id is made
	Reason       DeadReason `json:"reason"`
	Detail       string     `json:"detail"`           // what came of the last try
	Status       int        `json:"status,omitempty"` // of the last answer; 0: there was none
	Head         string     `json:"head,omitempty"`   // of the last answer's body
	Tries        int        `json:"tries"`
	First        time.Time  `json:"first"` // when it was tried first
	Last         time.Time  `json:"last"`
	// Message is what was sent. It is left out where it was too large for the
	// store; such a letter cannot be redriven.
	Message json.RawMessage `json:"message,omitempty"`
}

// newDeadLetter makes a dead letter of what a hook gives up after an outcome.
func newDeadLetter(hook *Hook, messageID string, body []byte, tries webhook.Tries, o webhook.Outcome, now time.Time) *DeadLetter {
	d := &DeadLetter{
		ID: deadLetterID(hook.ID, messageID), Subscription: hook.ID, Topic: hook.Topic, MessageID: messageID,
		Tries: tries.Count - 1, First: tries.First, Message: body,
	}
	d.tried(o, now)
	return d
}

// tried takes another try into account.
func (d *DeadLetter) tried(o webhook.Outcome, now time.Time) {
	d.Tries++
	d.Last = now.UTC()
	d.Reason = DeadExhausted
	if o.Verdict == webhook.Refused {
		d.Reason = DeadRefused
	}
	d.Detail, d.Status = o.Reason, o.Status
	d.Head = strings.ToValidUTF8(string(o.Head), "\uFFFD")
}

// deadLetterID returns the id of the dead letter that a message of a
// subscription is.
func deadLetterID(subscription, messageID string) string {
	sum := sha256.Sum256([]byte(subscription + " " + messageID)) // an id of ours has no space
	return "dl_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}

// What ids of ours look like: nothing else is ever part of a subject.
var (
	letterIDs = regexp.MustCompile(`^dl_[a-z2-7]{24}$`)
	hookIDs   = regexp.MustCompile(`^sub_[a-z2-7]{26}$`)
)

// checkHookID refuses what is no id of a subscription, be it one that is gone.
func checkHookID(id string) error {
	if !hookIDs.MatchString(id) {
		return fmt.Errorf("subscription %.64q: want the id of a subscription, sub_ and 26 characters", id)
	}
	return nil
}

// letter returns the dead letter with an id.
func (h *Hooks) letter(ctx context.Context, id string) (KeptLetter, error) {
	if !letterIDs.MatchString(id) {
		return KeptLetter{}, ErrNoSuchLetter
	}
	return h.options.DeadLetters.Letter(ctx, id)
}

var (
	// ErrNoSuchLetter says that there is no dead letter by an id, or behind a
	// place.
	ErrNoSuchLetter = errors.New("there is no dead letter with this id; it may have been delivered or dropped")
	// ErrLettersFull says that a dead letter was not stored for want of room.
	ErrLettersFull = errors.New("there is no room for another dead letter")
)

// A KeptLetter is a dead letter as it is stored, and where: one that is stored
// anew has another place, behind all others.
type KeptLetter struct {
	DeadLetter
	Place uint64
}

// A DeadLetterBox keeps dead letters, in the order in which they were stored. It
// is called by many at once.
type DeadLetterBox interface {
	// Bury stores a dead letter so that it survives a crash, in the place of the
	// one with its id, if that is there. It wraps ErrLettersFull where older ones
	// have to go first. The Message of one that is too large is left out.
	Bury(ctx context.Context, d *DeadLetter) error
	// Rebury is Bury of one that was changed, unless it is not at its place any
	// more: then it does nothing.
	Rebury(ctx context.Context, kept *KeptLetter) error
	// Letter returns the one with an id, or ErrNoSuchLetter.
	Letter(ctx context.Context, id string) (KeptLetter, error)
	// NextLetter returns the first one behind a place, of a subscription, or, for
	// "", of all; or ErrNoSuchLetter.
	NextLetter(ctx context.Context, subscription string, after uint64) (KeptLetter, error)
	// DropLetter removes the one at a place; one that is not there is removed.
	DropLetter(ctx context.Context, place uint64) error
	// DropLetters removes those of a subscription.
	DropLetters(ctx context.Context, subscription string) error
}
