package uplink

import (
	"sync"
	"time"

	"datastub/dataplane"
)

const (
	// A frame may wait behind others of its publisher for as long as the link
	// needs for fairShare bytes, within these bounds: on a slow link as long as
	// nobody minds, for smaller frames would be packed badly; on a fast one as
	// long as it takes to have the next ones ready.
	fairShare = 64 << 10
	minQueue  = 50 * time.Millisecond
	maxQueue  = 500 * time.Millisecond
	// firstWindow is what may be under way while nothing is known of the link:
	// half a second of a bad one. A good one is known by the first ACK.
	firstWindow = 16 << 10
	// minWindow is the least for BT, however slow the link.
	minWindow = 1 << 10
	// ampleRate is the link above which packing harder is not worth the
	// processor's time, in bytes a second.
	ampleRate = 1 << 20
	// scarceFor is how long a link is called scarce after something waited for it.
	scarceFor = 5 * time.Second
	// probeBytes is the least that is worth a probe, which is some 100 bytes.
	probeBytes = 4 << 10
)

// What TCP/IP and ZeroMQ add to a frame, in bytes: headers of each packet and
// of the frame.
const (
	headers = 64
	packet  = 1400
)

// onWire returns about what a frame is on the link.
func onWire(frame int) int { return frame + headers*(1+frame/packet) }

// PacerOptions describe a Pacer.
type PacerOptions struct {
	MaxRate      uint64 // bytes a second of all that is sent, with headers; 0: no limit
	BackfillRate uint64 // bytes a second of BT that waited for longer than batches do; 0: no limit
	// Wake has the lane's Sender be asked again, as there may be room. It is
	// called from the goroutine of another lane, and must not block.
	Wake func(dataplane.Class)
}

// A Pacer shares one link among the Senders of a publisher: RT has it first, BT
// gets what RT leaves. From how long frames take to come through it finds out what
// the link carries, and keeps so little under way that nothing waits for long
// in buffers, where RT cannot overtake BT. It is safe for concurrent use.
type Pacer struct {
	wake func(dataplane.Class)

	mu       sync.Mutex
	sent     bucket // all that goes
	backfill bucket // old BT
	lanes    [3]pacedLane
	rate     float64 // bytes a second that the link carries, if not more; 0: not known
	trip     trip
	full     time.Time // when something last waited because enough was under way
	short    time.Time // when something last waited for the link, or for MaxRate
}

// pacedLane is what a Pacer knows of a lane.
type pacedLane struct {
	bytes  uint64    // under way
	oldest time.Time // when the oldest of them went; zero: nothing is under way
	barred bool      // it was told to wait until it is woken
	waits  bool      // it has something to send, and enough is under way
}

// NewPacer returns a Pacer for a link that nothing is known of.
func NewPacer(o PacerOptions) *Pacer {
	return &Pacer{wake: o.Wake, sent: newBucket(o.MaxRate), backfill: newBucket(o.BackfillRate)}
}

// Rate returns how many bytes a second the link carries, as far as it was
// tried; 0: that is not known.
func (p *Pacer) Rate() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return uint64(p.rate)
}

// Ended says that a lane's connection is over, and nothing of it is under way.
// Where that is so of all, the next link may be another.
func (p *Pacer) Ended(lane dataplane.Class) {
	p.mu.Lock()
	p.lanes[lane] = pacedLane{}
	if p.underWay() == 0 {
		p.rate, p.trip = 0, trip{}
	}
	barred := p.unbar(lane)
	p.mu.Unlock()
	p.wakeIf(barred)
}

// A pace is what a lane may do now.
type pace struct {
	bytes int       // that its next frame may have, about; 0: it has to wait
	until time.Time // for that time; zero: until it is woken, or something is acked
	full  bool      // because enough is under way
}

// pace returns what a lane may do now.
func (p *Pacer) pace(lane dataplane.Class, now time.Time) pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := p.sent.until(p.reserve(lane), now); !until.IsZero() {
		return pace{until: until}
	}
	window := p.window()
	barred, full := p.bar(lane, window, now)
	if p.lanes[lane].barred = barred; barred {
		return pace{full: full}
	}
	if l := &p.lanes[lane]; l.waits {
		l.waits, p.full = false, now
	}
	bytes := window / 2
	if p.sent.rate > 0 {
		bytes = min(bytes, uint64(p.sent.burst()/2))
	}
	return pace{bytes: max(int(bytes), 1)}
}

// reserve returns what has to be in the bucket for a lane's frame to go. BT
// leaves RT a half; RT may go as soon as nothing is owed.
func (p *Pacer) reserve(lane dataplane.Class) float64 {
	if lane == dataplane.BT {
		return p.sent.burst() / 2
	}
	return 1
}

// bar tells whether a lane has to wait for what is under way, and whether that
// is because it is enough.
func (p *Pacer) bar(lane dataplane.Class, window uint64, now time.Time) (barred, full bool) {
	rt, bt := &p.lanes[dataplane.RT], &p.lanes[dataplane.BT]
	dry := bt.bytes == 0 || now.Sub(p.full) >= tripAge
	switch {
	case lane == dataplane.RT && rt.bytes >= max(window, firstWindow), lane == dataplane.BT && rt.bytes+bt.bytes > window/2: // a frame may be the other half
		return true, true
	case lane == dataplane.BT && p.rate < ampleRate && !rt.oldest.IsZero() && now.Sub(rt.oldest) > 2*(p.queue()+p.trip.least()):
		return true, false // RT is late
	case !p.trip.due(now):
		return false, false
	case lane == dataplane.BT && !dry:
		return true, false // the link has to be empty to be measured
	case dry:
		p.trip.renew(now)
	}
	return false, false
}

// window returns how many bytes may be under way.
func (p *Pacer) window() uint64 {
	if p.rate == 0 {
		return firstWindow
	}
	return max(uint64(p.rate*(p.queue()+p.trip.least()).Seconds()), minWindow)
}

// queue returns how long a frame may wait behind others.
func (p *Pacer) queue() time.Duration {
	if p.rate == 0 {
		return maxQueue
	}
	seconds := min(fairShare/p.rate, maxQueue.Seconds())
	return max(time.Duration(seconds*float64(time.Second)), minQueue)
}

// waits notes that a lane has something to send and may not.
func (p *Pacer) waits(lane dataplane.Class, full bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.short = now; full {
		p.lanes[lane].waits, p.full = true, now
	}
}

// scarce tells whether the link is what data waits for, and slow enough for
// packing harder to be worth it.
func (p *Pacer) scarce(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	slow := p.rate < ampleRate || p.sent.rate > 0 && p.sent.rate < ampleRate
	return slow && now.Sub(p.short) < scarceFor
}

// spend counts a frame that goes now against MaxRate.
func (p *Pacer) spend(bytes int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent.take(onWire(bytes), now)
}

// spendBackfill counts a frame of old BT that goes now against BackfillRate.
func (p *Pacer) spendBackfill(bytes int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backfill.take(onWire(bytes), now)
}

// paceBackfill returns what a frame of old BT may have, as pace does.
func (p *Pacer) paceBackfill(now time.Time) pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := p.backfill.until(1, now); !until.IsZero() {
		return pace{until: until}
	}
	return pace{bytes: max(int(p.backfill.burst()), 1)}
}

// limitsBackfill tells whether there is a BackfillRate.
func (p *Pacer) limitsBackfill() bool { return p.backfill.rate > 0 }

// fly says what a lane has under way, and since when, and returns what all have.
func (p *Pacer) fly(lane dataplane.Class, bytes uint64, oldest time.Time) uint64 {
	p.mu.Lock()
	l := &p.lanes[lane]
	less := bytes < l.bytes
	l.bytes, l.oldest = bytes, oldest
	all := p.underWay()
	barred := less && p.unbar(lane)
	p.mu.Unlock()
	p.wakeIf(barred)
	return all
}

// underWay returns how many bytes are.
func (p *Pacer) underWay() uint64 { return p.lanes[dataplane.RT].bytes + p.lanes[dataplane.BT].bytes }

// unbar tells whether BT is to be woken, because a lane has less under way.
func (p *Pacer) unbar(lane dataplane.Class) bool {
	barred := lane == dataplane.RT && p.lanes[dataplane.BT].barred
	if barred {
		p.lanes[dataplane.BT].barred = false
	}
	return barred
}

func (p *Pacer) wakeIf(barred bool) {
	if barred && p.wake != nil {
		p.wake(dataplane.BT)
	}
}

// probes tells whether so much of a lane is under way that it is worth asking
// whether it has come through.
func (p *Pacer) probes(bytes uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes >= max(p.window()/4, probeBytes)
}

// landed learns from a frame that is acked, where the link is too slow for
// probes: what the log takes does not matter there.
func (p *Pacer) landed(f flight, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate == 0 || p.window()/4 < probeBytes {
		p.learn(f, now)
	}
}

// passed learns from a frame that has come through.
func (p *Pacer) passed(f flight, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.learn(f, now)
}

// learn learns from a frame that is there: what was under way when it went,
// itself included, has been carried since. That is what the link carries where
// something waited for it meanwhile, and else the least that it carries. A
// small frame says nothing where others are large, of which the link may have
// carried the most before.
func (p *Pacer) learn(f flight, now time.Time) {
	took := max(now.Sub(f.at), time.Microsecond)
	p.trip.took(took, now)
	if !f.tells {
		return
	}
	rate := float64(f.ahead) / took.Seconds()
	waited := p.lanes[dataplane.RT].waits || p.lanes[dataplane.BT].waits || !p.full.Before(f.at)
	switch {
	case p.rate == 0 || !waited:
		p.rate = max(p.rate, rate)
	case rate < p.rate/2:
		p.rate = rate // the link has changed: too much is under way already
	default:
		p.rate += (rate - p.rate) / 4
	}
}
