package cloudsvc

import "github.com/prometheus/client_golang/prometheus"

// hooksDesc is of what is counted as it is asked for, as nodesDesc.
var hooksDesc = prometheus.NewDesc("datastub_cloudsvc_durable_subscriptions", "Durable subscriptions, by state.", []string{"state"}, nil)

var _ prometheus.Collector = (*Hooks)(nil)

// Describe sends the hooks' metrics to Prometheus.
func (h *Hooks) Describe(descs chan<- *prometheus.Desc) { descs <- hooksDesc }

// Collect sends the hooks' values to Prometheus.
func (h *Hooks) Collect(metrics chan<- prometheus.Metric) {
	counts := h.census()
	for _, state := range [...]HookState{HookActive, HookPaused, HookDisabled} {
		metrics <- prometheus.MustNewConstMetric(hooksDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

func (h *Hooks) census() map[HookState]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := make(map[HookState]int)
	for _, kept := range h.hooks {
		counts[kept.hook.State]++
	}
	return counts
}
