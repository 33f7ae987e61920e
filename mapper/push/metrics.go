package push

import "github.com/prometheus/client_golang/prometheus"

// counters count what became of the values that were pushed, by method.
type counters struct {
	values   *prometheus.CounterVec
	failures *prometheus.CounterVec
	waiting  *prometheus.Desc
}

func newCounters() *counters {
	return &counters{
		values: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_mapper_push_values_total",
			Help: "Values pushed by pushMethod, by method and result: delivered, refused by the receiver, or dropped because too many waited or the receiver is not pushed to any more.",
		}, []string{"method", "result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "datastub_mapper_push_failures_total",
			Help: "Tries after which values were kept for another one, by method.",
		}, []string{"method"}),
		waiting: prometheus.NewDesc("datastub_mapper_push_waiting",
			"Values that wait to be pushed, by method.", []string{"method"}, nil),
	}
}

func (c *counters) deliver(method string) { c.values.WithLabelValues(method, "delivered").Inc() }
func (c *counters) refuse(method string)  { c.values.WithLabelValues(method, "refused").Inc() }
func (c *counters) drop(method string, n int) {
	c.values.WithLabelValues(method, "dropped").Add(float64(n))
}
func (c *counters) fail(method string) { c.failures.WithLabelValues(method).Inc() }

var _ prometheus.Collector = (*Pusher)(nil)

// Describe implements prometheus.Collector.
func (p *Pusher) Describe(descs chan<- *prometheus.Desc) {
	p.counters.values.Describe(descs)
	p.counters.failures.Describe(descs)
	descs <- p.counters.waiting
}

// Collect implements prometheus.Collector.
func (p *Pusher) Collect(metrics chan<- prometheus.Metric) {
	p.counters.values.Collect(metrics)
	p.counters.failures.Collect(metrics)
	for method, n := range p.waiting() {
		metrics <- prometheus.MustNewConstMetric(p.counters.waiting, prometheus.GaugeValue, float64(n), method)
	}
}
