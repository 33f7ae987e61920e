package modbus

import (
	"sync"
	"time"
)

// retestShare is the part of a device's requests that may be retests: one in so
// many.
const retestShare = 20

// lessons are what a device taught by what it refused: which spans it has not,
// which it does not give in one answer with others, and how many registers or
// bits an answer of it holds. The zero value knows nothing. Lessons may be used
// from many goroutines; none of their methods does IO.
type lessons struct {
	mu         sync.Mutex
	refusals   map[span]*refusal  // of spans that were asked for alone
	seams      map[span]time.Time // that no request may cover to join points; when each is forgotten
	registers  capacity
	bits       capacity
	asked      int    // requests since the last retest
	connection uint64 // that all this was last seen on
}

func (l *lessons) capacity(t table) *capacity {
	if t.bits() {
		return &l.bits
	}
	return &l.registers
}

// reconnected doubts everything if the connection is another one: the device
// may have been changed meanwhile.
func (l *lessons) reconnected(connection uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if connection == l.connection {
		return
	}
	l.connection = connection
	for _, r := range l.refusals {
		r.next = now
	}
	for s := range l.seams {
		l.seams[s] = now
	}
	l.registers.doubt, l.bits.doubt = now, now
}

// plan returns the requests of one read, and why it leaves points out: the
// device refuses them. The last request may be a retest, of points that would be
// left out; it is, whether it is time or not, if there were no request otherwise:
// else nobody knew whether the device is there.
func (l *lessons) plan(spans []span, b bounds, now time.Time) (requests []request, left map[int]error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var open, closed []int
	for i, s := range spans {
		if l.refusal(s) == nil {
			open = append(open, i)
		} else {
			closed = append(closed, i)
		}
	}
	again, ok := l.retest(spans, closed, len(open) == 0, now)
	requests = plan(spans, open, l.within(b), l.barred())
	if ok {
		requests = append(requests, again)
	}
	left = make(map[int]error, len(closed))
	for _, i := range closed {
		if !ok || spans[i] != again.span {
			left[i] = l.refusal(spans[i]).reason(spans[i])
		}
	}
	return requests, left
}

// again plans points once more, with what was learned meanwhile.
func (l *lessons) again(spans []span, points []int, b bounds) []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return plan(spans, points, l.within(b), l.barred())
}

// fits tells whether a device is not known to have too small answers for s.
func (l *lessons) fits(s span) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.count <= l.capacity(s.table).limit(addresses)
}

// answered notes a request that was answered, and forgets what contradicts it.
// If a span is there that was refused, the device is another than it was.
func (l *lessons) answered(s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	l.capacity(s.table).answered(s.count)
	for other := range l.seams {
		if s.covers(other) {
			delete(l.seams, other)
		}
	}
	for other := range l.refusals {
		if s.covers(other) {
			clear(l.refusals)
			clear(l.seams)
		}
	}
}

// refused notes a span that was refused though it was asked for alone, and
// returns the reason that points there have no value.
func (l *lessons) refused(s span, e exception, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	r := l.refusals[s]
	if r == nil {
		if l.refusals == nil {
			l.refusals = map[span]*refusal{}
		}
		r = &refusal{}
		l.refusals[s] = r
	}
	r.note(e, now)
	return r.reason(s)
}

// parted notes that a device refuses to give two spans in one answer, and until
// when that is believed.
func (l *lessons) parted(left, right span, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seams == nil {
		l.seams = map[span]time.Time{}
	}
	l.seams[seam(left, right)] = until
}

// tooMany notes a span that was refused for its size alone.
func (l *lessons) tooMany(s span, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.capacity(s.table).refused(s.count, now.Add(lastRetest))
}

// refusal returns why a span is not asked for: it was refused, or a part of it
// was. It returns nil if it may be. It is called with mu held, as all below are.
func (l *lessons) refusal(s span) *refusal {
	if r := l.refusals[s]; r != nil {
		return r
	}
	for other, r := range l.refusals {
		if s.covers(other) {
			return r
		}
	}
	return nil
}

// within returns the bounds with what is known of the device's answers.
func (l *lessons) within(b bounds) bounds {
	b.registers, b.bits = l.registers.limit(b.registers), l.bits.limit(b.bits)
	return b
}

// barred returns what no request may cover to join points.
func (l *lessons) barred() []span {
	barred := make([]span, 0, len(l.refusals)+len(l.seams))
	for s := range l.refusals {
		barred = append(barred, s)
	}
	for s := range l.seams {
		barred = append(barred, s)
	}
	return barred
}

// retest puts one lesson to the test if it is time, or if anything must be
// asked: it returns a request for points of those that are closed, or forgets
// something else, so that what is planned next shows whether it still holds.
func (l *lessons) retest(spans []span, closed []int, must bool, now time.Time) (r request, ok bool) {
	if !must && l.asked < retestShare {
		return r, false
	}
	var oldest *refusal
	for _, i := range closed {
		if other := l.refusal(spans[i]); oldest == nil || other.next.Before(oldest.next) {
			oldest, r.span = other, spans[i]
		}
	}
	if oldest == nil || !must && oldest.next.After(now) {
		l.forget(now)
		return r, false
	}
	l.asked = 0
	for _, i := range closed {
		if spans[i] == r.span {
			r.points = append(r.points, i)
		}
	}
	return r, true
}

// forget forgets one thing whose time is over, if there is one.
func (l *lessons) forget(now time.Time) {
	for _, c := range []*capacity{&l.registers, &l.bits} {
		if c.tooMany > 0 && !c.doubt.After(now) {
			c.tooMany, l.asked = 0, 0
			return
		}
	}
	for s, until := range l.seams {
		if !until.After(now) {
			delete(l.seams, s)
			l.asked = 0
			return
		}
	}
}
