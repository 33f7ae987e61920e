package push

import (
	"context"
	"sync"
	"sync/atomic"

	"k8s.io/klog/v2"

	"datastub/driver"
	"datastub/mapper"
)

// Options are what a Pusher needs.
type Options struct {
	Client string      // who pushes, <node>/<mapper>: brokers know it by that
	Logger klog.Logger // the zero one says nothing
}

// A Pusher has an outlet for each destination that any device names. It counts
// what it does: it is a prometheus.Collector.
type Pusher struct {
	client   string
	log      klog.Logger
	counters *counters
	total    atomic.Int64  // bytes of all that waits
	changed  chan struct{} // holds one: Run is to look at outlets

	mu      sync.Mutex
	outlets map[destination]*outlet
	used    map[mapper.Key][]destination // by each device
}

var _ mapper.Pusher = (*Pusher)(nil)

// New returns a Pusher without outlets.
func New(options Options) *Pusher {
	return &Pusher{
		client: options.Client, log: options.Logger, counters: newCounters(),
		changed: make(chan struct{}, 1), outlets: map[destination]*outlet{}, used: map[mapper.Key][]destination{},
	}
}

// ReportSpec implements mapper.Pusher.
func (p *Pusher) ReportSpec(spec mapper.Spec) { p.use(spec.Key, destinationsOf(&spec)) }

// Removed implements mapper.Pusher.
func (p *Pusher) Removed(key mapper.Key) { p.use(key, nil) }

// use says where a device pushes from now on. Outlets that nobody uses any more
// are gone, and have Run end them.
func (p *Pusher) use(key mapper.Key, now []destination) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range now {
		if p.outlets[d] == nil {
			p.outlets[d] = newOutlet(d, p.carrier(d), &p.total, p.counters, p.log)
		}
		p.outlets[d].users++
	}
	for _, d := range p.used[key] {
		if p.outlets[d].users--; p.outlets[d].users == 0 {
			delete(p.outlets, d)
		}
	}
	p.used[key] = now
	if len(now) == 0 {
		delete(p.used, key)
	}
	select {
	case p.changed <- struct{}{}:
	default: // Run will look anyway
	}
}

func (p *Pusher) carrier(d destination) carrier {
	if d.method == methodMQTT {
		return newCourier(p.client, d.address)
	}
	return newPoster()
}

// Push implements mapper.Pusher.
func (p *Pusher) Push(key mapper.Key, property *mapper.Property, reading driver.Reading) {
	at, text := lane{key, property.Point.Name}, textOf(reading.Value)
	if to := property.Push.HTTP; to != nil {
		p.put(originOf(to), &letter{lane: at, http: to, body: form(at.property, text, reading.Time)})
	}
	if to := property.Push.MQTT; to != nil {
		p.put(brokerOf(to), &letter{lane: at, mqtt: to, body: sentence(to.Topic, text, reading.Time)})
	}
}

func (p *Pusher) put(d destination, l *letter) {
	p.mu.Lock()
	o := p.outlets[d]
	p.mu.Unlock()
	if o == nil { // of a device that is not there any more
		p.counters.drop(d.method, 1)
		return
	}
	o.put(l)
}

// waiting returns how many letters wait, by method.
func (p *Pusher) waiting() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := map[string]int{methodHTTP: 0, methodMQTT: 0}
	for d, o := range p.outlets {
		n[d.method] += o.queue.length()
	}
	return n
}

// Run implements mapper.Pusher. Its error is nil.
func (p *Pusher) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	running := map[*outlet]context.CancelFunc{}
	for {
		select {
		case <-ctx.Done():
			p.reconcile(ctx, running, &workers)
			return nil
		case <-p.changed:
			p.reconcile(ctx, running, &workers)
		}
	}
}

// reconcile starts outlets that do not run, and ends those that are gone.
func (p *Pusher) reconcile(ctx context.Context, running map[*outlet]context.CancelFunc, workers *sync.WaitGroup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o, stop := range running {
		if p.outlets[o.destination] != o {
			stop()
			delete(running, o)
		}
	}
	for _, o := range p.outlets {
		if running[o] == nil {
			ctx, stop := context.WithCancel(ctx)
			running[o] = stop
			workers.Go(func() { o.run(ctx) })
		}
	}
}
