package cloudsvc

import (
	"github.com/prometheus/client_golang/prometheus"

	"datastub/dataplane"
)

// The sessions come and go in the receiver, which is asked when it is scraped.
var sessionsDesc = prometheus.NewDesc("datastub_cloudsvc_uplink_sessions", "Sessions of publishers that are open.", []string{"class"}, nil)

var _ prometheus.Collector = (*Ingest)(nil)

// Describe implements prometheus.Collector.
func (i *Ingest) Describe(descs chan<- *prometheus.Desc) { descs <- sessionsDesc }

// Collect implements prometheus.Collector.
func (i *Ingest) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range dataplane.Classes {
		i.mu.Lock()
		n := i.receiver.Sessions(c)
		i.mu.Unlock()
		metrics <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, float64(n), c.String())
	}
}
