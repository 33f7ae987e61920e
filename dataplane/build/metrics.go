package build

import "github.com/prometheus/client_golang/prometheus"

// infoDesc describes the one metric that every program of DataStub has under
// the same name.
var infoDesc = prometheus.NewDesc("datastub_build_info",
	"Which build of DataStub the program is. The value is 1.", []string{"version", "revision", "goversion"}, nil)

var _ prometheus.Collector = Stamp{}

// Describe implements prometheus.Collector.
func (s Stamp) Describe(descs chan<- *prometheus.Desc) { descs <- infoDesc }

// Collect implements prometheus.Collector.
func (s Stamp) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(infoDesc, prometheus.GaugeValue, 1, s.Version, s.Revision, s.Go)
}
