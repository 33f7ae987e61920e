package cloudsvc

import (
	"fmt"
	"time"

	"datastub/dataplane"
)

// What one producer may have cloudsvc hold and do. Its newest messages are
// dropped and counted when it goes beyond: it is best effort, and neighbours
// are not to notice.
const (
	maxProducerRate  = 10_000  // messages a second
	maxProducerBytes = 2 << 20 // waiting to be decoded: two of the largest
	arrivalBytes     = 64      // that a message takes beside its own
)

// MaxProducedFrame is the largest frame of a producer that its socket should
// take, in bytes. It is beyond what is taken in, as libzmq breaks a connection
// at a frame that is larger, with all that came behind it, and tells nobody why.
const MaxProducedFrame = 8 * dataplane.MaxMessage

// keepTrouble is for how long people are told that a connection broke, and what
// was last dropped.
const keepTrouble = 10 * time.Minute

// The most of one producer that is decoded and stored together, in messages
// and bytes: then it is another's turn.
const (
	maxProducerTurn      = 256
	maxProducerTurnBytes = 128 << 10
)

var (
	errTooFast = dropped(dropRate, "more than %d messages a second", maxProducerRate)
	errFull    = dropped(dropFull, "more than %d bytes waiting for the log", maxProducerBytes)
)

// arrival is a message as it came, and when.
type arrival struct {
	frames [][]byte
	at     time.Time
}

func (a *arrival) size() int {
	n := arrivalBytes
	for _, frame := range a.frames {
		n += len(frame)
	}
	return n
}

// producer is a node that is read at its address. What it holds is guarded by
// Producers.
type producer struct {
	place
	id string

	queue   []arrival
	bytes   int       // of the queue
	second  time.Time // when the one began that messages are counted in
	counted int       // in it

	connected bool
	broken    string     // why it is not connected; "": it is, or was not dialled yet
	cut       time.Time  // when a connection broke last; why, ZeroMQ does not tell
	lastDrop  dropReason // of the last message dropped since it is connected
	refusal   string     // of the last message dropped, in words
	refused   time.Time  // when that was

	told           string              // the detail that the Registry has
	toldConnection string              // that was logged
	toldDrop       map[dropReason]bool // that were logged since it is connected
}

// add queues what came, or returns a *droppedError.
func (p *producer) add(a arrival) error {
	if a.at.Sub(p.second) >= time.Second {
		p.second, p.counted = a.at, 0
	}
	if p.counted++; p.counted > maxProducerRate {
		return errTooFast
	}
	size := a.size()
	if content := size - arrivalBytes; content > dataplane.MaxMessage {
		return dropped(dropTooLarge, "message of %d bytes: the most is %d", content, dataplane.MaxMessage)
	}
	if p.bytes+size > maxProducerBytes {
		return errFull
	}
	p.queue = append(p.queue, a)
	p.bytes += size
	return nil
}

// turn takes the oldest of the queue out.
func (p *producer) turn() []arrival {
	n, bytes := 0, 0
	for n < len(p.queue) && n < maxProducerTurn {
		size := p.queue[n].size()
		if n > 0 && bytes+size > maxProducerTurnBytes {
			break
		}
		bytes += size
		n++
	}
	turn := p.queue[:n:n]
	p.bytes -= bytes
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil // with its array
	}
	return turn
}

// changed notes that the producer is connected, or why it is not.
func (p *producer) changed(err error, now time.Time) {
	if err != nil {
		if p.connected {
			p.cut = now
		}
		p.connected, p.broken = false, err.Error()
		return
	}
	p.connected, p.broken, p.lastDrop = true, "", ""
	clear(p.toldDrop)
}

func (p *producer) state() connectionState {
	switch {
	case p.connected:
		return stateConnected
	case p.broken == "":
		return stateWaiting
	}
	return stateFailing
}

// connection tells people whether it is connected, and why not.
func (p *producer) connection() string {
	switch p.state() {
	case stateConnected:
		return "connected"
	case stateWaiting:
		return "not connected yet"
	}
	return "not connected: " + p.broken
}

// detail tells people how it goes, and what went wrong lately, also over a new
// connection: it is there in no time.
func (p *producer) detail(now time.Time) string {
	detail := p.connection()
	if now.Sub(p.cut) <= keepTrouble {
		detail += fmt.Sprintf("; it broke lately, as it does at a message of more than %d bytes", MaxProducedFrame)
	}
	if now.Sub(p.refused) <= keepTrouble {
		detail += "; last dropped: " + p.refusal
	}
	return detail
}
