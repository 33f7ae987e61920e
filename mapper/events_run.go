package mapper

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"datastub/dataplane"
)

const (
	// eventsAtOnce is how many events are published in one call.
	eventsAtOnce = 256
	// lateCheck is how often it is looked whether what is late may be told.
	lateCheck = time.Second
)

// Run publishes events until ctx ends, and then what waits.
func (e *Events) Run(ctx context.Context) error {
	log := klog.FromContext(ctx)
	check := time.NewTimer(lateCheck)
	defer check.Stop()
	refusal := ""
	for {
		select {
		case <-e.news:
		case <-check.C:
			e.settleLate(time.Now())
		case <-ctx.Done():
			e.publish(log, e.take(), refusal)
			return nil
		}
		refusal = e.publish(log, e.take(), refusal)
		if e.isLate() {
			check.Reset(lateCheck)
		}
	}
}

func (e *Events) settleLate(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for o := range e.late {
		e.settle(o, now)
	}
}

func (e *Events) isLate() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.late) > 0
}

// take returns what waits.
func (e *Events) take() []dataplane.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.waiting
	e.waiting = nil
	return taken
}

// publish publishes events, and returns why the publisher does not take them,
// which it logs where it is another reason than before.
func (e *Events) publish(log klog.Logger, events []dataplane.Message, before string) (refusal string) {
	refusal = before
	for some := range slices.Chunk(events, eventsAtOnce) {
		for range some {
			e.tally.read(dataplane.RT)
		}
		refusal = ""
		if err := e.offer(some); err != nil {
			refusal = err.Error()
		}
		if refusal != "" && refusal != before {
			log.Info("Data plane refuses events of devices: they are lost", "reason", refusal)
		}
		before = refusal
	}
	return refusal
}

// offer has the publisher accept events that were counted as read. As it takes
// all or none, it is offered ever fewer: one that it will not have takes no
// others along. The error is of the first that is lost.
func (e *Events) offer(events []dataplane.Message) error {
	err := e.publisher.Publish(events)
	if n := len(events); err != nil && n > 1 {
		return cmp.Or(e.offer(events[:n/2]), e.offer(events[n/2:]))
	}
	e.tally.offered(events, err)
	return err
}

var missedDesc = prometheus.NewDesc("datastub_mapper_missed_events_total",
	"Changes of devices, properties and models of which only the number was told, as there were too many.", nil, nil)

var _ prometheus.Collector = (*Events)(nil)

// Describe implements prometheus.Collector.
func (e *Events) Describe(descs chan<- *prometheus.Desc) { descs <- missedDesc }

// Collect implements prometheus.Collector.
func (e *Events) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(missedDesc, prometheus.CounterValue, float64(e.missed.Load()))
}
