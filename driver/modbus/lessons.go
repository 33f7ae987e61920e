package modbus

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// How long what was learned holds before it is put to the test.
const (
	firstRetest   = time.Minute // doubled by each refusal more
	lastRetest    = time.Hour
	failureRetest = 5 * time.Second // after exception 4: a failure passes sooner than a map changes
	// retestShare is the part of a device's requests that may be retests: one
	// in so many.
	retestShare = 20
)

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

// A refusal is a device's answer to a span that was asked for alone.
type refusal struct {
	exception exception
	wait      time.Duration
	next      time.Time // when it is asked again, at the earliest
}

// A capacity is how much one answer of a device holds.
type capacity struct {
	most    int       // that was answered so far
	tooMany int       // that was refused for its size; 0: nothing was
	doubt   time.Time // when tooMany is forgotten
}

// limit returns what is worth asking for, of at most so many: between what was
// answered and what was refused the middle, until both meet.
func (c capacity) limit(most int) int {
	if c.tooMany == 0 {
		return most
	}
	return min(most, max(c.most, (c.most+c.tooMany)/2))
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

// plan returns the requests of one read, and the points that it leaves out as
// the device refuses them. The last request may be a retest, of points that
// would be left out; it is, whether it is time or not, if there were no request
// otherwise: else nobody knew whether the device is there.
func (l *lessons) plan(spans []span, b bounds, now time.Time) (requests []request, left []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var open []int
	for i, s := range spans {
		if l.refusal(s) == nil {
			open = append(open, i)
		} else {
			left = append(left, i)
		}
	}
	if again := l.retest(spans, left, len(open) == 0, now); len(again.points) > 0 {
		requests = append(requests, again)
		left = without(left, again.points)
	}
	return append(plan(spans, open, l.within(b), l.barred()), requests...), left
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

// reason says why a span is left out, and until when at least.
func (l *lessons) reason(s span) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.refusal(s); r != nil {
		return fmt.Errorf("read %v: %w, asked again after %s", s, r.exception, r.next.Format(time.TimeOnly))
	}
	return nil
}

// answered notes a request that was answered, and forgets what contradicts it.
// If a span is there that was refused, the device is another than it was.
func (l *lessons) answered(s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	c := l.capacity(s.table)
	c.most = max(c.most, s.count)
	if c.most >= c.tooMany {
		c.tooMany = 0
	}
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

// refused notes a span that was refused though it was asked for alone.
func (l *lessons) refused(s span, e exception, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	r := l.refusals[s]
	switch {
	case r == nil:
		if l.refusals == nil {
			l.refusals = map[span]*refusal{}
		}
		r = &refusal{wait: firstWaitAfter(e)}
		l.refusals[s] = r
	case now.Before(r.next): // asked out of turn
		return
	default:
		r.wait = min(2*r.wait, lastRetest)
	}
	r.exception, r.next = e, now.Add(r.wait)
}

func firstWaitAfter(e exception) time.Duration {
	if e.failure() {
		return failureRetest
	}
	return firstRetest
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

// tooMany notes a span that was refused for its size alone, unless as many were
// answered before: then whatever it was has passed.
func (l *lessons) tooMany(s span, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.capacity(s.table)
	if s.count > c.most && (c.tooMany == 0 || s.count < c.tooMany) {
		c.tooMany, c.doubt = s.count, now.Add(lastRetest)
	}
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
// asked: it returns a request for points that were to be left out, or forgets
// something else, so that what is planned next shows whether it still holds.
func (l *lessons) retest(spans []span, left []int, must bool, now time.Time) request {
	if !must && l.asked < retestShare {
		return request{}
	}
	oldest := -1
	next := time.Unix(0, math.MaxInt64)
	for _, i := range left {
		if r := l.refusal(spans[i]); r.next.Before(next) {
			oldest, next = i, r.next
		}
	}
	if oldest < 0 || !must && next.After(now) {
		l.forget(now)
		return request{}
	}
	l.asked = 0
	var points []int
	for _, i := range left {
		if spans[i] == spans[oldest] {
			points = append(points, i)
		}
	}
	return request{spans[oldest], points}
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

// without returns the numbers that are not among the others, both ascending.
func without(numbers, others []int) []int {
	var left []int
	for _, n := range numbers {
		if len(others) > 0 && others[0] == n {
			others = others[1:]
			continue
		}
		left = append(left, n)
	}
	return left
}
