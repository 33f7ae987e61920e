package cloudsvc

import "github.com/prometheus/client_golang/prometheus"

// connectionState is what a producer's connection is like. It is a metric's label.
type connectionState string

const (
	stateWaiting   connectionState = "waiting"   // not connected yet, nor tried in vain
	stateConnected connectionState = "connected" // what it sends arrives
	stateFailing   connectionState = "failing"   // not connected, and detail tells why
)

var connectionStates = [...]connectionState{stateWaiting, stateConnected, stateFailing}

// Connections come and go, so they are counted when somebody asks.
var producersDesc = prometheus.NewDesc("datastub_cloudsvc_producers", "Producers that are online, to be read at their addresses.", []string{"state"}, nil)

var _ prometheus.Collector = (*Producers)(nil)

// Describe implements prometheus.Collector.
func (p *Producers) Describe(descs chan<- *prometheus.Desc) { descs <- producersDesc }

// Collect implements prometheus.Collector.
func (p *Producers) Collect(metrics chan<- prometheus.Metric) {
	counts := p.census()
	for _, state := range connectionStates {
		metrics <- prometheus.MustNewConstMetric(producersDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

func (p *Producers) census() map[connectionState]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := make(map[connectionState]int)
	for _, from := range p.byID {
		counts[from.state()]++
	}
	return counts
}
