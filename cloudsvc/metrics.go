package cloudsvc

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what happens to messages on their way. Labels are bounded:
// a class or a reason, never a topic, a device or an id.
type Metrics struct {
	subscriptions prometheus.Gauge
	delivered     prometheus.Counter
	cutOff        prometheus.Counter
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "datastub_subscriptions", Help: "Live subscriptions.",
		}),
		delivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "datastub_delivered_messages_total", Help: "Messages queued for a subscriber.",
		}),
		cutOff: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "datastub_subscriptions_cut_off_total", Help: "Subscriptions ended because their subscriber was too slow.",
		}),
	}
	r.MustRegister(m.subscriptions, m.delivered, m.cutOff)
	return m
}
