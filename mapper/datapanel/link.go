package datapanel

import (
	"context"
	"errors"
	"sync"

	"k8s.io/klog/v2"

	"datastub/dataplane"
	"datastub/dataplane/spool"
	"datastub/dataplane/uplink"
	"datastub/dataplane/zmq"
	"datastub/mapper"
)

// A publisher is the data plane's edge end: a zmq.Publisher.
type publisher interface {
	mapper.Publisher
	// Run moves messages until ctx ends, then delivers what it can in 3 s. The
	// other methods are for after it.
	Run(ctx context.Context) error
	Undelivered() int // accepted and not delivered
	Dropped() int     // accepted and dropped, as too many waited
	LANDropped() int  // not offered to the LAN, as they came too fast
}

// A link is a publisher that runs, with what it was made for.
type link struct {
	settings  settings
	publisher publisher
	tally     *mapper.Tally
	hooks     int // that use it; the registry's
	stopRun   context.CancelFunc
	done      chan struct{} // closed when Run has returned
	err       error         // what Run returned; set before done is closed

	mu      sync.RWMutex
	stopped bool // nothing is accepted any more: what is undelivered can be counted
}

// openPublisher makes the publisher of the settings, whose values are counted in
// the tally. Bounds are those of our own mapper.
func openPublisher(s settings, tally *mapper.Tally) (publisher, error) {
	defaults := mapper.DefaultConfig().DataPlane
	batch := defaults.Batch
	return zmq.NewPublisher(zmq.PublisherOptions{
		Node:         s.node,
		Mapper:       s.mapper,
		Uplink:       s.uplink,
		LAN:          s.lan,
		Batch:        uplink.BatchPolicy{MaxCount: batch.MaxCount, MaxBytes: int(batch.MaxBytes), MaxAge: batch.MaxAge},
		Spool:        spool.Storage{MaxBytes: int64(s.spool)},
		BackfillRate: uint64(defaults.Uplink.BackfillRate),
		Intake:       tally.Count,
		Software:     "datastub datapanel",
		Logger:       klog.Background(),
	})
}

// newLink runs the publisher until stop.
func newLink(s settings, p publisher, tally *mapper.Tally) *link {
	// No context of the host program covers all its devices: Close ends it.
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{settings: s, publisher: p, tally: tally, stopRun: cancel, done: make(chan struct{})}
	klog.Background().Info("Data plane starts", "publisher", s.node+"/"+s.mapper, "uplink", s.uplink, "lan", s.lan)
	go func() {
		defer close(l.done)
		l.err = l.run(ctx)
	}()
	return l
}

// run runs the publisher. What it could not deliver is logged.
func (l *link) run(ctx context.Context) error {
	log := klog.Background()
	err := l.publisher.Run(ctx)
	l.stop() // if it ended by itself
	if err != nil {
		log.Error(err, "Data plane cannot go on: values are refused")
	}
	log.Info("Data plane has stopped", "undelivered", l.publisher.Undelivered(),
		"dropped", l.publisher.Dropped(), "lanDropped", l.publisher.LANDropped())
	return err
}

// stop makes the link refuse messages and deliver what it has, for 4 s at
// most. It does not wait: done does.
func (l *link) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.stopRun()
}

var errStopped = errors.New("the data plane is stopped")

// Publish accepts messages until the link is stopped.
func (l *link) Publish(messages []dataplane.Message) error {
	l.mu.RLock() // held while accepting, which is done in memory
	defer l.mu.RUnlock()
	if l.stopped {
		return errStopped
	}
	return l.publisher.Publish(messages)
}

// stopping tells whether the link takes nothing any more.
func (l *link) stopping() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.stopped
}

// ended tells whether Run has returned.
func (l *link) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
