package cloudsvc

import (
	"bytes"
	"slices"

	"datastub/dataplane"
)

// maxBurst is about how many bytes are queued at once: what a subscriber is
// given time for, see writeChunk.
const maxBurst = writeChunk

// lines are messages as a stream writes them: each as JSON with its position,
// and a newline. Subscriptions share them; they are not changed.
type lines struct {
	text     []byte
	count    int      // of the messages; lines that tell of gaps are no such
	shares   []share  // whose they are
	position Position // of the last
}

// add appends a message and its position.
func (l *lines) add(m *dataplane.Message, at Position) {
	l.text = appendLine(l.text, m, at)
	if !m.ID.IsGap() {
		l.count++
		l.share(laneKey{m.ID.Publisher, m.ID.Class})
	}
	l.position = at
}

// A burst is consecutive lines for the same subscriptions. To queue them
// together costs as much as one of them.
type burst struct {
	to []*Subscription
	lines
}

// share is how many of some messages are of a lane.
type share struct {
	laneKey
	messages uint64
}

// takes tells whether a line for these subscriptions may follow.
func (b *burst) takes(to []*Subscription) bool {
	return len(b.text) < maxBurst && slices.Equal(b.to, to)
}

// add appends a message. Nothing is encoded that nobody gets.
func (b *burst) add(to []*Subscription, m *dataplane.Message, at Position) {
	b.to = to
	if len(to) > 0 {
		b.lines.add(m, at)
	}
}

// share counts a message of a lane: mostly that of the one before.
func (l *lines) share(key laneKey) {
	if n := len(l.shares); n > 0 && l.shares[n-1].laneKey == key {
		l.shares[n-1].messages++
		return
	}
	l.shares = append(l.shares, share{key, 1})
}

// take returns the lines, their text in memory of its own and their shares until
// something is added, and leaves the burst without any.
func (b *burst) take() lines {
	taken := b.lines
	taken.text = bytes.Clone(b.text)
	b.lines = lines{text: b.text[:0], shares: b.shares[:0]}
	return taken
}

// appendLine appends a message's JSON with its position as the last field,
// and a newline.
func appendLine(dst []byte, m *dataplane.Message, at Position) []byte {
	dst = m.AppendJSON(dst)
	dst = append(dst[:len(dst)-1], `,"position":"`...)
	dst = at.append(dst)
	return append(dst, "\"}\n"...)
}
