package cloudsvc

import "github.com/prometheus/client_golang/prometheus"

// registryCounts is what a registry refused or let go, since it began.
type registryCounts struct {
	nodesRefused, nodesForgotten, topicsRefused, reportsRefused uint64
}

// The registry's metrics. The states of its nodes depend on the time of the
// scrape, so they are computed then.
var (
	nodesDesc          = prometheus.NewDesc("datastub_cloudsvc_nodes", "Known nodes.", []string{"state"}, nil)
	nodesRefusedDesc   = prometheus.NewDesc("datastub_cloudsvc_refused_nodes_total", "Times that a node was not listed because the registry was full.", nil, nil)
	nodesForgottenDesc = prometheus.NewDesc("datastub_cloudsvc_forgotten_nodes_total", "Nodes forgotten, by age or to make room.", nil, nil)
	topicsRefusedDesc  = prometheus.NewDesc("datastub_cloudsvc_refused_node_topics_total", "Times that a topic was not listed because its node had as many as may be.", nil, nil)
	reportsRefusedDesc = prometheus.NewDesc("datastub_cloudsvc_refused_reports_total", "Reports of nodes that made no sense.", nil, nil)
)

var _ prometheus.Collector = (*Registry)(nil)

// Describe sends the registry's metrics to Prometheus.
func (r *Registry) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range [...]*prometheus.Desc{nodesDesc, nodesRefusedDesc, nodesForgottenDesc, topicsRefusedDesc, reportsRefusedDesc} {
		descs <- desc
	}
}

// Collect sends the registry's values to Prometheus.
func (r *Registry) Collect(metrics chan<- prometheus.Metric) {
	online, offline, counts := r.census()
	gauge := func(state State, n int) {
		metrics <- prometheus.MustNewConstMetric(nodesDesc, prometheus.GaugeValue, float64(n), string(state))
	}
	counter := func(desc *prometheus.Desc, n uint64) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n))
	}
	gauge(Online, online)
	gauge(Offline, offline)
	counter(nodesRefusedDesc, counts.nodesRefused)
	counter(nodesForgottenDesc, counts.nodesForgotten)
	counter(topicsRefusedDesc, counts.topicsRefused)
	counter(reportsRefusedDesc, counts.reportsRefused)
}

func (r *Registry) census() (online, offline int, counts registryCounts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	for _, e := range r.nodes {
		if e.state(now, r.options.Expire) == Online {
			online++
		} else {
			offline++
		}
	}
	return online, offline, r.counts
}
