package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// tryBuckets are from a receiver next door to one that uses all of TryTime, in
// seconds.
var tryBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15}

// What a try comes to besides its Verdict.
const (
	skipped   = "skipped"    // its host is left alone: nothing was sent
	brokenOff = "broken off" // cloudsvc stopped, or the subscription did
)

// metrics counts tries. No label has a URL or a host: there may be any number.
type metrics struct {
	tries    *prometheus.CounterVec // by outcome
	duration prometheus.Histogram
	flying   prometheus.Gauge
	broken   prometheus.GaugeFunc
}

func newMetrics(b *Breakers) *metrics {
	name := func(name string) string { return prometheus.BuildFQName("datastub", "cloudsvc", name) }
	m := &metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("webhook_tries_total"), Help: "Tries to deliver by webhook, by what came of them.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name("webhook_try_duration_seconds"), Help: "Time from a try's beginning until the receiver had answered, or not.", Buckets: tryBuckets,
		}),
		flying: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("webhook_in_flight_tries"), Help: "Tries that are being made.",
		}),
		broken: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name("webhook_broken_hosts"), Help: "Hosts of receivers that are left alone for a while, as they failed time after time.",
		}, func() float64 { return float64(b.Broken()) }),
	}
	for v := Done; v <= Gone; v++ {
		m.tries.WithLabelValues(v.String()) // there from the start, so that rates are right
	}
	m.tries.WithLabelValues(skipped)
	m.tries.WithLabelValues(brokenOff)
	return m
}

// begin counts a try that is made, until its end is told.
func (m *metrics) begin() (end func(outcome string)) {
	began := time.Now()
	m.flying.Inc()
	return func(outcome string) {
		m.flying.Dec()
		m.duration.Observe(time.Since(began).Seconds())
		m.tries.WithLabelValues(outcome).Inc()
	}
}

var _ prometheus.Collector = (*Sender)(nil)

// Describe implements prometheus.Collector.
func (s *Sender) Describe(to chan<- *prometheus.Desc) {
	for _, c := range s.metrics.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (s *Sender) Collect(to chan<- prometheus.Metric) {
	for _, c := range s.metrics.all() {
		c.Collect(to)
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.tries, m.duration, m.flying, m.broken}
}
