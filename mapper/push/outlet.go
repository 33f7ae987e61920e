package push

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
)

// drainTime is how long what waits may take to be sent in the end. It goes by
// while the data plane's publisher delivers its own.
const drainTime = 2 * time.Second

// maxRefusals is how many lanes are remembered that are refused. Beyond that
// all are forgotten, and told again.
const maxRefusals = 1024

// An outlet brings the letters of its queue to one destination.
type outlet struct {
	destination destination
	queue       *queue
	carrier     carrier
	counters    *counters
	log         klog.Logger
	users       int // how many devices push here, of the Pusher
	full        atomic.Bool

	// What follows belongs to run.
	failures int             // in a row, in which nothing was taken
	told     map[string]bool // the reasons why values wait, until none does
	refusals map[lane]string // why a lane was refused last
}

func newOutlet(d destination, c carrier, total *atomic.Int64, counters *counters, log klog.Logger) *outlet {
	return &outlet{
		destination: d, queue: newQueue(total), carrier: c, counters: counters,
		log: klog.LoggerWithValues(log, "push", d.String()), told: map[string]bool{}, refusals: map[lane]string{},
	}
}

// put queues a letter.
func (o *outlet) put(l *letter) {
	dropped := o.queue.put(l)
	if dropped == 0 {
		return
	}
	o.counters.drop(o.destination.method, dropped)
	if !o.full.Swap(true) {
		o.log.Info("Push drops the oldest values: too many wait")
	}
}

// run sends letters until ctx ends, and then for drainTime at most, as long as
// they are taken. Then the rest is dropped.
func (o *outlet) run(ctx context.Context) {
	defer o.carrier.close()
	sending, stop := linger(ctx, drainTime)
	defer stop()
	for o.next(ctx) {
		batch := o.queue.take()
		err := o.carrier.carry(sending, batch)
		progress := o.settle(batch)
		if err == nil {
			o.failures = 0
			continue
		}
		if sending.Err() == nil {
			o.fail(err, progress)
		}
		if !o.rest(ctx) && !progress {
			break
		}
	}
	if dropped := o.queue.close(); dropped > 0 {
		o.counters.drop(o.destination.method, dropped)
		o.log.Info("Push ends with values that were not sent", "dropped", dropped)
	}
}

// next waits for a letter. It returns false if there is none and ctx has ended.
func (o *outlet) next(ctx context.Context) bool {
	for o.queue.length() == 0 {
		if full := o.full.Swap(false); full || len(o.told) > 0 {
			clear(o.told)
			o.log.Info("Push works again: no value waits")
		}
		select {
		case <-o.queue.filled:
		case <-ctx.Done():
			return o.queue.length() > 0
		}
	}
	return true
}

// settle counts what became of a batch, gives it back, and tells whether
// anything of it is done.
func (o *outlet) settle(batch [][]*letter) (progress bool) {
	for _, letters := range batch {
		for _, l := range letters {
			progress = progress || l.fate != kept
			o.note(l)
		}
	}
	o.queue.settle(batch)
	return progress
}

// fail counts a failure and tells its reason, unless it was told since values
// wait. Where there was progress the destination is there, and only some values
// have to wait.
func (o *outlet) fail(err error, progress bool) {
	if progress {
		o.failures = 0
	}
	o.failures++
	o.counters.fail(o.destination.method)
	if reason := err.Error(); !o.told[reason] {
		o.told[reason] = true
		o.log.Info("Push fails: values wait", "reason", reason)
	}
}

// note counts a letter that is done, and tells a refusal that is new.
func (o *outlet) note(l *letter) {
	switch l.fate {
	case delivered:
		o.counters.deliver(o.destination.method)
		delete(o.refusals, l.lane)
	case refused:
		o.counters.refuse(o.destination.method)
		if o.refusals[l.lane] == l.reason {
			return
		}
		if len(o.refusals) == maxRefusals {
			clear(o.refusals)
		}
		o.refusals[l.lane] = l.reason
		o.log.Info("Push is refused: the value is lost", "device", l.lane.device.String(), "property", l.lane.property, "reason", l.reason)
	}
}

// rest waits after a failure. It returns false if ctx ended before.
func (o *outlet) rest(ctx context.Context) bool {
	timer := time.NewTimer(backoff(o.failures, rand.Int64N))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// linger returns a context that ends some time after ctx.
func linger(ctx context.Context, by time.Duration) (longer context.Context, stop func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() {
		unwatch()
		cancel()
	}
}
