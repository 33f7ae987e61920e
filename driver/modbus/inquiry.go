package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"datastub/driver"
)

// maxExtra is how many requests one read may make beyond those that were
// planned, to find out what the device refuses. Two addresses among 125 take 28;
// at 9600 baud 64 take some two seconds, between which others on the line have
// every second turn.
const maxExtra = 64

// An inquiry is one Read of a device as it goes on. What the device refuses, it
// asks for in halves, all of the larger parts before the smaller, until only the
// points that are at fault are left; and it finds out why, so that the next read
// need not.
type inquiry struct {
	device   *device
	points   []*point
	spans    []span
	readings []driver.Reading
	trials   []*trial // still to be made
	extra    int      // requests made to learn
	ask      func(context.Context, span) ([]byte, time.Time, error)
}

// A trial is one request of an inquiry.
type trial struct {
	request
	cause       error  // the refusal that made it necessary; nil: it was planned
	parent      *trial // whose half it is
	left, right request
	answered    int // of its halves
}

// inquire begins to read points.
func (d *device) inquire(points []driver.Point) *inquiry {
	q := &inquiry{
		device:   d,
		points:   make([]*point, len(points)),
		spans:    make([]span, len(points)),
		readings: make([]driver.Reading, len(points)),
		ask:      d.read,
	}
	for i, p := range points {
		q.points[i] = d.own(p)
		q.spans[i] = q.points[i].span
	}
	now := d.now()
	d.lessons.reconnected(d.unit.connections(), now)
	requests, left := d.lessons.plan(q.spans, d.bounds, now)
	for i, reason := range left {
		q.readings[i] = driver.Reading{Time: now, Err: reason}
	}
	q.add(requests, nil)
	return q
}

func (q *inquiry) add(requests []request, cause error) {
	for _, r := range requests {
		q.trials = append(q.trials, &trial{request: r, cause: cause})
	}
}

// run makes all trials. The error is that of the device as a whole.
func (q *inquiry) run(ctx context.Context) error {
	for len(q.trials) > 0 {
		t := q.trials[0]
		q.trials = q.trials[1:]
		if t.cause != nil && q.extra >= maxExtra {
			q.leave(t)
			continue
		}
		if q.tooLarge(t) {
			continue
		}
		if err := q.try(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// tooLarge parts a trial that has turned out to be larger than what the device
// answers. A single point cannot be parted.
func (q *inquiry) tooLarge(t *trial) bool {
	if q.device.lessons.fits(t.span) {
		return false
	}
	parts := q.device.lessons.again(q.spans, t.points, q.device.bounds)
	if len(parts) < 2 {
		return false
	}
	q.add(parts, t.cause)
	return true
}

// try makes one request.
func (q *inquiry) try(ctx context.Context, t *trial) error {
	if t.cause != nil {
		q.extra++
	}
	data, at, err := q.ask(ctx, t.span)
	refused, isRefused := errors.AsType[exception](err)
	switch {
	case isRefused && refused.ofSpan():
		q.refused(t, refused, at, err)
	case isRefused && !refused.unreachable():
		q.fail(t, at, err)
	case err != nil:
		return err
	default:
		q.device.lessons.answered(t.span)
		for _, i := range t.points {
			q.readings[i] = q.points[i].reading(t.extract(data, q.spans[i]), at)
		}
		return q.answered(ctx, t.parent)
	}
	return nil
}

// refused halves a trial, or knows its points for refused.
func (q *inquiry) refused(t *trial, e exception, at time.Time, err error) {
	var parts bool
	if t.left, t.right, parts = t.split(q.spans); !parts {
		q.fail(t, at, q.device.lessons.refused(t.span, e, at))
		return
	}
	for _, half := range []request{t.left, t.right} {
		q.trials = append(q.trials, &trial{request: half, cause: err, parent: t})
	}
}

func (q *inquiry) fail(t *trial, at time.Time, err error) {
	for _, i := range t.points {
		q.readings[i] = driver.Reading{Time: at, Err: err}
	}
}

// leave lets a trial be for this time; the next read goes on from there.
func (q *inquiry) leave(t *trial) {
	now := q.device.now()
	q.fail(t, now, fmt.Errorf("%w, at an address that is not known yet", t.cause))
	if p := t.parent; p != nil {
		q.device.lessons.parted(p.left.span, p.right.span, now)
	}
}

// answered notes that one half of a refused trial was answered as it was. If
// both were, it is not the points that are at fault: it is what lies between, or
// that they were too many, or it has passed. A small request across the seam
// tells.
func (q *inquiry) answered(ctx context.Context, t *trial) error {
	if t == nil {
		return nil
	}
	if t.answered++; t.answered < 2 {
		return nil
	}
	lessons := &q.device.lessons
	if q.extra >= maxExtra {
		lessons.parted(t.left.span, t.right.span, q.device.now())
		return nil
	}
	q.extra++
	across := q.across(t)
	_, at, err := q.ask(ctx, across)
	refused, isRefused := errors.AsType[exception](err)
	switch {
	case isRefused && refused.ofSpan():
		lessons.parted(t.left.span, t.right.span, at.Add(lastRetest))
	case isRefused && !refused.unreachable(): // says nothing of the span
	case err != nil:
		return err
	default:
		lessons.answered(across)
		lessons.tooMany(t.span, at)
	}
	return nil
}

// across returns the smallest span of two points that joins a trial's halves.
func (q *inquiry) across(t *trial) span {
	last := q.spans[t.left.points[0]]
	for _, i := range t.left.points {
		if s := q.spans[i]; s.end() > last.end() {
			last = s
		}
	}
	return last.cover(q.spans[t.right.points[0]])
}
