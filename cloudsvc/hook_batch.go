package cloudsvc

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"datastub/dataplane"
)

// A batchMark is where a hookBatch is behind the position of its lane.
type batchMark struct {
	Topic string    `json:"topic"`          // that is subscribed to
	To    string    `json:"to,omitempty"`   // where the first batch ends; "": nobody has seen any of it
	Since time.Time `json:"since,omitzero"` // when the oldest message was taken that no batch has
}

// A hookBatch is a composer that merges lines of all nodes into one letter. One is
// sent after another. Where it begins and ends is stored before it is tried first,
// and where that is known it is not cut elsewhere: a batch that was sent once has
// the same lines, the same id and the same body whenever it is made again, but for
// what the log does not have any more. While one is sent, the next one is taken.
type hookBatch struct {
	subscription, topic string
	limits              BatchLimits

	from  Position  // behind which the batch begins
	until *Position // where it ends; nil: where limits say
	to    Position  // of the last line
	since time.Time // when the oldest line was taken; zero: there is none
	body  batchBody
	cut   bool      // it has all its lines
	over  *hookLine // behind its end: the first line of the next one

	sent     *letter // or nil
	sentFrom Position
	sentMark *batchMark // shared, and not changed
}

// newHookBatch goes on where a lane's cursor is.
func newHookBatch(d *Dispatcher, hook *Hook, at Position, mark *batchMark) (*hookBatch, error) {
	b := &hookBatch{subscription: hook.ID, topic: hook.Topic, limits: defaultBatch(), from: at, to: at}
	if hook.Batch != nil {
		b.limits = *hook.Batch
	}
	if mark == nil {
		return b, nil
	}
	b.since = mark.Since
	if mark.To == "" || mark.Topic != hook.Topic {
		return b, nil
	}
	until, err := ParsePosition(mark.To)
	if err != nil {
		return nil, fmt.Errorf("batch of subscription %s: %w", hook.ID, err)
	}
	if d.isPast(dataplane.BT, at) && d.isPast(dataplane.BT, until) { // else the log has lost what was in it
		b.until = &until
	}
	return b, nil
}

// takes implements composer.
func (b *hookBatch) takes() bool { return !b.cut }

// add implements composer.
func (b *hookBatch) add(line *hookLine, now time.Time) error {
	if b.isOver(line) {
		if loss, lost := line.message.Loss(); lost && b.until != nil && loss.Publisher == logPublisher && loss.From <= b.until.BT.Block {
			b.body.add(line) // some of what the log does not have any more was in this one
		}
		b.over, b.cut = line, true
		return nil
	}
	if b.since.IsZero() {
		b.since = now
	}
	b.body.add(line)
	b.to = line.at
	if b.until != nil {
		b.cut = b.to.BT == b.until.BT
	} else {
		b.cut = b.body.lines >= b.limits.MaxCount || batchRoom+b.body.size >= b.limits.MaxBytes
	}
	return nil
}

// isOver tells whether a line is behind the end of the batch.
func (b *hookBatch) isOver(line *hookLine) bool {
	if b.until != nil {
		return line.at.BT.after(b.until.BT)
	}
	return b.body.lines > 0 && batchRoom+b.body.size+b.body.cost(line) > b.limits.MaxBytes
}

// due implements composer.
func (b *hookBatch) due() time.Time {
	if b.sent != nil || b.until != nil || b.body.lines == 0 {
		return time.Time{}
	}
	return b.since.Add(b.limits.MaxWait)
}

// next implements composer.
func (b *hookBatch) next(now time.Time) (*letter, error) {
	due := b.due()
	if b.sent != nil || !b.cut && (due.IsZero() || now.Before(due)) {
		return nil, nil
	}
	if b.until != nil {
		b.to = *b.until
	}
	from, to := b.from.String(), b.to.String()
	id := b.id(from, to)
	body, err := b.body.encode(id, b.subscription, from, to)
	if err != nil {
		return nil, fmt.Errorf("batch of subscription %s: %w", b.subscription, err)
	}
	b.sent = &letter{id: id, key: "\x00batch", body: body, at: b.to, bound: true}
	b.sentFrom, b.sentMark = b.from, &batchMark{Topic: b.topic, To: to}
	b.begin(now)
	return b.sent, nil
}

// id returns that of the batch between two positions.
func (b *hookBatch) id(from, to string) string {
	sum := sha256.Sum256([]byte(b.subscription + "\x00" + b.topic + "\x00" + from + "\x00" + to)) // no topic holds a NUL
	return "bat_" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// begin begins the batch that follows.
func (b *hookBatch) begin(now time.Time) {
	over := b.over
	b.from, b.until, b.since, b.body, b.cut, b.over = b.to, nil, time.Time{}, batchBody{}, false, nil
	if over != nil {
		_ = b.add(over, now) // which never fails
	}
}

// finish implements composer.
func (b *hookBatch) finish(*letter) { b.sent = nil }

// pass implements composer: what was before the end of the batch, and did not
// come, never will.
func (b *hookBatch) pass(at Position, _ bool, _ time.Time) {
	if b.until != nil && !b.until.BT.after(at.BT) {
		b.cut = true
	}
}

// rest implements composer.
func (b *hookBatch) rest(at Position) Position {
	if b.until == nil && b.body.lines == 0 && at != b.from {
		b.from, b.to, b.since = at, at, time.Time{}
	}
	return b.from
}

// keep implements composer.
func (b *hookBatch) keep(c *laneCursor) *letter {
	switch {
	case b.sent != nil:
		c.Position, c.Batch = b.sentFrom.String(), b.sentMark
		if b.sent.bound {
			return b.sent
		}
		return nil
	case b.until != nil:
		c.Batch = &batchMark{Topic: b.topic, To: b.until.String()}
	case !b.since.IsZero():
		c.Batch = &batchMark{Topic: b.topic, Since: b.since}
	}
	c.Position = b.from.String()
	return nil
}
